"""What on an engine is ours, and how it is told from what is not."""

from ..contracts.container_runtime import MANAGED_LABEL
from ..contracts.frozen import Frozen
from ..contracts.names import BRIDGE_INTERFACE

NETWORK_NAME = "sealway"
"""The Docker network of bridge-mode tasks."""


class Scope(Frozen, frozen=True, kw_only=True):
    """The label that marks what is ours, and our network with its bridge.

    Another scope is another Sealway on the same engine: tests have their own.
    """

    label: str = MANAGED_LABEL
    network: str = NETWORK_NAME
    bridge: str = BRIDGE_INTERFACE

    @property
    def filters(self) -> dict[str, list[str]]:
        """What Docker's list calls take to answer only ours."""
        return {"label": [f"{self.label}=true"]}
