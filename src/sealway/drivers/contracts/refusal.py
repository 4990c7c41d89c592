"""What a guard refused, whoever kept it: the packet filter or the data plane."""

from typing import Literal

from .frozen import Frozen


class Refusal(Frozen, frozen=True, kw_only=True):
    """Packets of one kind that no rule of a guard let begin. ``source`` is the last one's.

    ``ago`` in seconds. ``port`` is the destination's; of ICMP, type * 256 + code.
    """

    guard: str
    direction: Literal["ingress", "egress"]
    source: str
    destination: str
    protocol: int
    port: int
    packets: int
    ago: int
