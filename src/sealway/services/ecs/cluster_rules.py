"""What a cluster's settings and configuration may say."""

from ...model.request import Params
from . import errors
from .honoured import refuse_others

INSIGHTS = "containerInsights"
DEFAULT_SETTINGS = ({"name": INSIGHTS, "value": "disabled"},)


def checked_settings(given: list[Params] | None) -> tuple[Params, ...]:
    """The settings to keep: Container Insights is off, and cannot be turned on."""
    for setting in given or ():
        if not setting.get("name"):
            raise errors.invalid("Invalid cluster setting: its name is missing.")
        if setting.get("name") == INSIGHTS and setting.get("value") != "disabled":
            if setting.get("value") not in ("enabled", "enhanced"):
                raise errors.invalid(
                    "Invalid value for containerInsights: specify enabled, enhanced or disabled."
                )
            raise errors.unsupported("The cluster setting containerInsights (its value can be 'disabled')")
    return DEFAULT_SETTINGS


def checked_configuration(given: Params | None) -> Params | None:
    """Kept as given: it says where ExecuteCommand's sessions are logged, and nothing else."""
    configuration: Params = given or {}
    refuse_others(configuration, ("executeCommandConfiguration",), "the cluster's configuration")
    return configuration or None
