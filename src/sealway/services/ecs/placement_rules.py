"""Placement constraints and strategies as a request may give them.

Source: ECS Developer Guide, "How Amazon ECS places tasks on container instances".
"""

from collections.abc import Sequence

from ...model.placement import problem
from ...model.placement_query import BadExpression, Predicate, compile_query
from ...model.request import Params
from .errors import invalid

_MOST_CONSTRAINTS = 10
_MOST_STRATEGIES = 5
_LONGEST_EXPRESSION = 2000
_DEEPEST = 50
"""Parentheses and negations of an expression: the compiler goes down into each."""


def check_placement(
    constraints: Sequence[Params], strategies: Sequence[Params] = (), elsewhere: int = 0
) -> None:
    """Raises InvalidParameterException. ``elsewhere``: constraints of the task definition, counted in."""
    if len(constraints) + elsewhere > _MOST_CONSTRAINTS:
        raise invalid(f"The number of placement constraints cannot exceed {_MOST_CONSTRAINTS}.")
    if len(strategies) > _MOST_STRATEGIES:
        raise invalid(f"The number of placement strategies cannot exceed {_MOST_STRATEGIES}.")
    if any(not constraint.get("type") for constraint in constraints):
        raise invalid("A placement constraint needs a type: specify distinctInstance or memberOf.")
    if any(not strategy.get("type") for strategy in strategies):
        raise invalid("A placement strategy needs a type: specify random, spread or binpack.")
    for constraint in constraints:
        if constraint["type"] == "memberOf":
            query(constraint.get("expression") or "")
    wrong = problem(strategies, constraints)
    if wrong:
        raise invalid(wrong)


def query(expression: str) -> Predicate:
    """A cluster query, compiled. Raises InvalidParameterException."""
    depth = sum(expression.count(opening) for opening in ("(", "!", "not"))
    if len(expression) > _LONGEST_EXPRESSION or depth > _DEEPEST:
        raise invalid(
            f"Invalid expression: at most {_LONGEST_EXPRESSION} characters, and {_DEEPEST} parentheses and"
            " negations, are allowed."
        )
    compiled = compile_query(expression)
    if isinstance(compiled, BadExpression):
        raise invalid(compiled.reason)
    return compiled
