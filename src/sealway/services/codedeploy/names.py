"""Names of applications and deployment groups."""

import re

from .errors import error

_NAME = re.compile(r"[\w.+=,@-]{1,100}", re.ASCII)


def check_name(name: str, noun: str = "Application") -> str:
    """The name, or InvalidApplicationNameException (``noun`` DeploymentGroup: that one's like)."""
    if not _NAME.fullmatch(name):
        raise error(
            f"Invalid{noun}Name",
            f"The name '{name}' is not valid: it has 1 to 100 letters, numbers, and characters of . _+=,@-",
        )
    return name
