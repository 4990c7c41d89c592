"""How a CodeDeploy deployment moves production traffic: at once, a part first, or in equal steps.

Source: CodeDeploy User Guide, "Predefined deployment configurations for an Amazon ECS compute platform".
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

ALL_AT_ONCE = "AllAtOnce"
CANARY = "TimeBasedCanary"
LINEAR = "TimeBasedLinear"
WHOLE = 100


class Routing(msgspec.Struct, frozen=True):
    """``percent``: of the first step, or of each; ``minutes``: between two steps."""

    type: str = ALL_AT_ONCE
    percent: int = WHOLE
    minutes: int = 0

    def after(self, percent: float) -> float:
        """The green task set's percentage after the next step."""
        if self.type == LINEAR or percent == 0:
            return min(WHOLE, percent + self.percent)
        return WHOLE


DEFAULT = "CodeDeployDefault.ECSAllAtOnce"
PREDEFINED: Mapping[str, Routing] = MappingProxyType(
    {
        DEFAULT: Routing(),
        "CodeDeployDefault.ECSCanary10Percent15Minutes": Routing(CANARY, 10, 15),
        "CodeDeployDefault.ECSCanary10Percent5Minutes": Routing(CANARY, 10, 5),
        "CodeDeployDefault.ECSLinear10PercentEvery1Minutes": Routing(LINEAR, 10, 1),
        "CodeDeployDefault.ECSLinear10PercentEvery3Minutes": Routing(LINEAR, 10, 3),
    }
)
"""The deployment configurations that everybody has, by name."""
