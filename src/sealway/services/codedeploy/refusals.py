"""Refusing by name what is asked for and would not be done; what asks for nothing passes."""

from collections.abc import Collection

from ...model.request import Params
from .errors import unsupported


def refuse_others(given: Params, honoured: Collection[str], where: str, code: str = "InvalidInput") -> None:
    """Raises for the first member that is not in ``honoured`` and asks for something."""
    for name, value in given.items():
        nothing = value is None or value is False or value in ([], {}, "")
        if name not in honoured and not nothing:
            raise unsupported(f"The parameter {name} of {where}", code)
