"""What the server knows itself: the records it was given, and the names of VPC addresses.

Names are compared in lower case, without a trailing dot. Inside ``sealway.internal`` the answer is final:
a name nobody has does not exist. A name between others (``elb.us-east-1.sealway.internal``) exists without
an address (RFC 8020), or a resolver that keeps "no such name" would hide all names below it.
"""

import ipaddress
import re
from collections.abc import Mapping
from enum import Enum

DOMAIN = "sealway.internal"
_INSTANCE_NAME = re.compile(
    r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(?:ec2|[a-z0-9-]+\.compute)\.internal"
)


class Outcome(Enum):
    """What is known of a name beside its addresses."""

    NO_SUCH_NAME = "no such name"
    NOT_OURS = "not ours"


def within(name: str, domain: str) -> bool:
    """Whether ``name`` is ``domain`` or below it."""
    return name == domain or name.endswith("." + domain)


class Zone:
    """Names and their addresses, of both IP versions; made anew for every change."""

    def __init__(self, records: Mapping[str, tuple[str, ...]]) -> None:
        self._records = {name.lower().rstrip("."): tuple(addresses) for name, addresses in records.items()}
        self._between = {DOMAIN}
        for name in self._records:
            parent = name.partition(".")[2]
            while within(parent, DOMAIN):
                self._between.add(parent)
                parent = parent.partition(".")[2]

    def lookup(self, name: str) -> tuple[str, ...] | Outcome:
        """The addresses of a name (lower case, no trailing dot); empty: it exists without one."""
        if name in self._records:
            return self._records[name]
        if name in self._between:
            return ()
        if within(name, DOMAIN):
            return Outcome.NO_SUCH_NAME
        return _instance_address(name)


def _instance_address(name: str) -> tuple[str, ...] | Outcome:
    """``ip-10-0-0-5.ec2.internal`` says its own address, as AWS's resolver answers it."""
    found = _INSTANCE_NAME.fullmatch(name)
    if found is None:
        return Outcome.NOT_OURS
    try:
        address = ipaddress.IPv4Address(".".join(str(int(part)) for part in found.groups()))
    except ipaddress.AddressValueError:
        return Outcome.NO_SUCH_NAME
    return (str(address),) if address.is_private else Outcome.NO_SUCH_NAME
