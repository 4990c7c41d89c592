"""Protocols of listeners and target groups (Elastic Load Balancing V2), and what of them is on the wire.

Source: "Listeners for your Network Load Balancers"; "Target groups for your Network Load Balancers",
routing configuration.
"""

from collections.abc import Mapping

TRANSPORTS: Mapping[str, tuple[str, ...]] = {"TCP": ("tcp",), "UDP": ("udp",), "TCP_UDP": ("tcp", "udp")}
"""Protocol of a listener or target group -> the IP protocols it carries."""

FORWARDS_TO: Mapping[str, frozenset[str]] = {
    "TCP": frozenset({"TCP", "TCP_UDP"}),
    "UDP": frozenset({"UDP", "TCP_UDP"}),
    "TCP_UDP": frozenset({"TCP_UDP"}),
}
"""Listener protocol -> protocols of the target groups it may forward to."""
