"""tc filters: which program looks at which interface. They stay when the process ends.

A filter's name carries the program, the object's digest, and the kernel's id of the pinned map its program
works on. So what is attached can be read back; a filter with another map's id is somebody else's and is
left alone; and a new object's program takes the old one's place in one netlink call, with no moment without
either.
"""

import errno
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyroute2 import IPRoute  # type: ignore[attr-defined]
from pyroute2.netlink.exceptions import NetlinkError

from ...model.errors import DriverError
from ..contracts.dataplane import Interface

PRIORITY = 24
"""Leaves room before and after for other people's filters. The programs for IPv6 stand right behind."""
_HANDLE = 1
_ETH_P_ALL = 3
_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
_HOOKS = {
    "uplink": ("sealway_uplink", _INGRESS),
    "host": ("sealway_host", _EGRESS),
    "task": ("sealway_task", _INGRESS),
    "bridge": ("sealway_bridge", _INGRESS),
}
_ARPHRD_ETHER = 1
_open_netlink: Any = IPRoute


class Attached(NamedTuple):
    """A filter of ours as the kernel has it. ``name``: program, digest, owner."""

    ifindex: int
    parent: int
    priority: int
    name: str

    @property
    def place(self) -> tuple[int, int, int]:
        """Where there is one filter at a time."""
        return self.ifindex, self.parent, self.priority


class Edition(NamedTuple):
    """Programs by their name, and what tells them from others: the digest, and their config map's id.
    ``part``: what the names end with, where they are a part of a whole."""

    programs: Mapping[str, int]
    digest: bytes
    owner: int
    part: str = ""


class Filters:
    """Our filters in this thread's network namespace. ``owners``: ids of our ``config`` maps, of every layout
    that is pinned."""

    def __init__(self, owners: Collection[int]) -> None:
        self._owners = {str(each) for each in owners}
        self._netlink: Any = _open_netlink()
        self._attached = set(self._read())

    def close(self) -> None:
        """Leaves the filters as they are."""
        self._netlink.close()

    def refresh(self) -> None:
        """Reads back what is attached: somebody else may have taken a filter away."""
        self._attached = set(self._read())

    def stand_for(self, owners: Collection[int]) -> bool:
        """Whether a filter over one of these ``config`` maps is attached anywhere."""
        known = {str(each) for each in owners}
        return any(each.name.rpartition(":")[2] in known for each in self._attached)

    def ensure(self, interfaces: frozenset[Interface], editions: Sequence[Edition]) -> None:
        """Exactly these interfaces carry our filters, of every edition, one behind the other. One that is not
        (or no longer) there is left out."""
        indexes = {name: index for index, name in socket.if_nameindex()}
        wanted = {
            _filter(indexes[each.name], each.role, PRIORITY + number, edition)
            for each in interfaces
            if each.name in indexes
            for number, edition in enumerate(editions)
            if _program(each.role, edition) in edition.programs
        }
        self._attached = {each for each in self._attached if each.ifindex in indexes.values()}
        places = {each.place for each in wanted}
        for gone in [each for each in self._attached if each.place not in places]:
            self._detach(gone)
        for new in wanted - self._attached:
            self._attach(new, editions[new.priority - PRIORITY].programs[new.name.partition(":")[0]])

    def _attach(self, new: Attached, program: int) -> None:
        try:
            if not self._is_ethernet(new.ifindex):
                return  # its packets are routed to sealway0 and decided there
            self._add_hook(new.ifindex)
            self._netlink.tc(
                "replace-filter",
                "bpf",
                new.ifindex,
                _HANDLE,
                fd=program,
                name=new.name,
                parent=new.parent,
                prio=new.priority,
                protocol=_ETH_P_ALL,
                classid=1,
                direct_action=True,
            )
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return  # it went away meanwhile
            raise DriverError(f"cannot attach {new.name} to interface {new.ifindex}: {error}") from error
        self._attached = {each for each in self._attached if each.place != new.place} | {new}

    def _add_hook(self, ifindex: int) -> None:
        try:
            self._netlink.tc("add", "clsact", ifindex)
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise

    def _detach(self, gone: Attached) -> None:
        try:
            self._netlink.tc(
                "del-filter",
                "bpf",
                gone.ifindex,
                _HANDLE,
                parent=gone.parent,
                prio=gone.priority,
                protocol=_ETH_P_ALL,
            )
        except NetlinkError as error:
            if error.code not in (errno.ENODEV, errno.ENOENT, errno.EINVAL):
                raise DriverError(
                    f"cannot detach {gone.name} from interface {gone.ifindex}: {error}"
                ) from error
        self._attached.discard(gone)

    def remove_hooks(self) -> None:
        """Detaches everything, and takes away the hooks that nobody else uses."""
        used = {each.ifindex for each in self._attached}
        self.ensure(frozenset(), ())
        for ifindex in used:
            if any(self._netlink.get_filters(index=ifindex, parent=p) for p in (_INGRESS, _EGRESS)):
                continue
            try:
                self._netlink.tc("del", "clsact", ifindex)
            except NetlinkError as error:
                if error.code not in (errno.ENODEV, errno.ENOENT, errno.EINVAL):
                    raise DriverError(f"cannot remove clsact of interface {ifindex}: {error}") from error

    def _is_ethernet(self, ifindex: int) -> bool:
        return any(link["ifi_type"] == _ARPHRD_ETHER for link in self._netlink.get_links(ifindex))

    def _read(self) -> Iterator[Attached]:
        for qdisc in self._netlink.get_qdiscs():
            if qdisc.get_attr("TCA_KIND") != "clsact":
                continue
            for parent in (_INGRESS, _EGRESS):
                yield from self._read_one(qdisc["index"], parent)

    def _read_one(self, ifindex: int, parent: int) -> Iterator[Attached]:
        for each in self._netlink.get_filters(index=ifindex, parent=parent):
            options = each.get_attr("TCA_OPTIONS")
            name = options.get_attr("TCA_BPF_NAME") if options else None
            if name and name.startswith("sealway_") and name.rpartition(":")[2] in self._owners:
                yield Attached(ifindex, parent, each["info"] >> 16, name)


def _filter(ifindex: int, role: str, priority: int, edition: Edition) -> Attached:
    name = f"{_program(role, edition)}:{edition.digest[:6].hex()}:{edition.owner}"
    return Attached(ifindex, _HOOKS[role][1], priority, name)


def _program(role: str, edition: Edition) -> str:
    return _HOOKS[role][0] + edition.part
