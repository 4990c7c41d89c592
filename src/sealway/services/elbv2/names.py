"""What a load balancer or a target group may be called, and AWS's words when it may not."""

import re

from . import errors

LONGEST = 32


def check_load_balancer_name(name: str) -> None:
    """1-32 letters, digits and hyphens; no hyphen at the ends; not starting with ``internal-``."""
    _check(f"The load balancer name '{name}'", name)
    if name.startswith("internal-"):
        raise errors.validation(f"The load balancer name '{name}' cannot begin with 'internal-'")


def check_target_group_name(name: str) -> None:
    """1-32 letters, digits and hyphens; no hyphen at the ends."""
    _check(f"Target group name '{name}'", name)


def _check(subject: str, name: str) -> None:
    if not name:
        raise errors.validation(f"{subject} cannot be empty")
    if len(name) > LONGEST:
        raise errors.validation(f"{subject} cannot be longer than '{LONGEST}' characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise errors.validation(
            f"{subject} can only contain characters that are alphanumeric characters and hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise errors.validation(f"{subject} cannot begin or end with a hyphen(-)")
