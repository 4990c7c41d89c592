"""Refusing by name what is asked for and would not be done.

Members that ask for nothing (None, false, an empty list or map) are always let through: tools send
them unasked, or send back what a Describe answered.
"""

from collections.abc import Collection

from ...model.request import Params
from .errors import unsupported


def asks_nothing(value: object) -> bool:
    """Whether a member's value leaves things as they would be without it."""
    return value is None or value is False or value in ([], {}, "")


def refuse_others(given: Params, honoured: Collection[str], where: str) -> None:
    """ClientException naming the first member of ``given`` that is not in ``honoured``.

    ``where`` says what the member belongs to: ``container 'web'``, ``CreateService``.
    """
    for name, value in given.items():
        if name not in honoured and not asks_nothing(value):
            raise unsupported(f"The parameter '{name}' of {where}")
