"""From the store to who may reach whom: every network interface's security groups. Pure.

A task's, an instance's and a load balancer's interface alike. A load balancer without groups has no guard,
and lets everything through, as on AWS. Containers in bridge mode stand behind their instance's guard.

The guards are kept up from pass to pass: each interface and each task gives its part, which is made anew only
if it is touched.
"""

from collections.abc import Iterable

import msgspec

from ..model.guard import Guard, Guards, guard_name, guard_rule
from ..model.network import NetworkInterface, SecurityGroup
from ..model.shared import Givers, Shared
from .snapshot import Snapshot
from .touched import Touched, everything


class GuardMaker:
    """One loop's."""

    def __init__(self) -> None:
        self._made = Guards()
        self._of: Shared[str, str] = Shared()
        self._names: Givers[str] = Givers()
        """Names of guards, and the interfaces that have them."""
        self._members: Shared[tuple[str, str], str] = Shared()
        """A security group and an address of one of its interfaces -> that interface."""
        self._vips: Shared[str, str] = Shared()
        self._published: Shared[tuple[str, int], tuple[str, int]] = Shared()
        self._containers: Shared[str, str] = Shared()

    def make(self, view: Snapshot, touched: Touched) -> Guards:
        """The guards; the same object as before if nothing has changed."""
        rules = self._rules_of(touched.security_groups)
        guarded, members = set[str](), set[tuple[str, str]]()
        for key in touched.interfaces:
            interface = view.store.get(NetworkInterface, key)
            mine = interface if interface is not None and interface.security_groups else None
            before = self._names.given(key)
            guarded |= self._of.give(key, _guarded(mine))
            self._names.give(key, {guard_name(mine.security_groups)} if mine else set[str]())
            members |= self._members.give(key, _memberships(mine))
            rules |= {name for name in before ^ self._names.given(key) if self._comes_or_goes(name)}
        changes: dict[str, object] = {}
        if rules:
            changes["rules"] = self._rules(view, rules)
        if guarded:
            changes["of"] = dict(self._of.values)
        if members:
            changes["members"] = self._joined(members)
        changes |= self._behind(view, touched, guarded)
        changes |= self._balancers(view, touched, guarded)
        if changes:
            self._made = msgspec.structs.replace(self._made, **changes)
        return self._made

    def _comes_or_goes(self, name: str) -> bool:
        return bool(self._names.of(name)) != (name in self._made.rules)

    def _rules_of(self, security_groups: Iterable[str]) -> set[str]:
        """The guards that these groups are part of."""
        changed = set(security_groups)
        return (
            {name for name in self._made.rules if changed.intersection(name.split(","))} if changed else set()
        )

    def _rules(self, view: Snapshot, changed: Iterable[str]) -> dict[str, Guard]:
        """Of every guard that an interface has."""
        rules = dict(self._made.rules)
        for name in changed:
            rules.pop(name, None)
            if self._names.of(name):
                rules[name] = _guard(view, name.split(","))
        return dict(sorted(rules.items()))

    def _joined(self, changed: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
        come: dict[str, set[str]] = {}
        gone: dict[str, set[str]] = {}
        for group, address in changed:
            way = come if (group, address) in self._members.values else gone
            way.setdefault(group, set()).add(address)
        members = dict(self._made.members)
        for group in come.keys() | gone.keys():
            held = (members.pop(group, frozenset()) - gone.get(group, set())) | come.get(group, set())
            if held:
                members[group] = held
        return members

    def _behind(self, view: Snapshot, touched: Touched, guarded: set[str]) -> dict[str, object]:
        """What tasks publish at guarded addresses, and which containers stand behind them."""
        tasks = touched.tasks | {arn for address in guarded for arn in view.index.tasks_on(address)}
        ports, containers = set[tuple[str, int]](), set[str]()
        for arn in tasks:
            ports |= self._published.give(arn, _published(view, arn, self._of.values))
            behind = view.bridge_containers(arn)
            held = {c.bridge_ip or "": i.private_ip for c, i in behind if i.private_ip in self._of.values}
            containers |= self._containers.give(arn, held)
        made: dict[str, object] = {}
        if ports:
            made["published"] = dict(self._published.values)
        if containers:
            made["containers"] = dict(self._containers.values)
        return made

    def _balancers(self, view: Snapshot, touched: Touched, guarded: set[str]) -> dict[str, object]:
        """Which of the guarded addresses are load balancers'."""
        changed = guarded & self._vips.values.keys()
        for arn in touched.balancers:
            balancer = view.balancer(arn)
            zones = balancer.zones if balancer else ()
            changed |= self._vips.give(arn, {address: arn for zone in zones for address in zone.addresses})
        if not changed:
            return {}
        held = {each for each in changed if each in self._vips.values and each in self._of.values}
        return {"balancers": (self._made.balancers - changed) | held}


def guards(view: Snapshot) -> Guards:
    """The guards of this host, made in one go."""
    return GuardMaker().make(view, everything(view.store))


def _guarded(interface: NetworkInterface | None) -> dict[str, str]:
    """The interface's addresses, and its guard's name."""
    return dict.fromkeys(interface.addresses, guard_name(interface.security_groups)) if interface else {}


def _memberships(interface: NetworkInterface | None) -> dict[tuple[str, str], str]:
    if interface is None:
        return {}
    return {(group, at): interface.id for group in interface.security_groups for at in interface.addresses}


def _guard(view: Snapshot, ids: Iterable[str]) -> Guard:
    """What one of the groups allows is allowed."""
    groups = [group for each in ids if (group := view.store.get(SecurityGroup, each)) is not None]
    return Guard(
        ingress=tuple(sorted({guard_rule(rule) for group in groups for rule in group.ingress}, key=repr)),
        egress=tuple(sorted({guard_rule(rule) for group in groups for rule in group.egress}, key=repr)),
    )


def _published(
    view: Snapshot, task_arn: str, guarded: Iterable[str]
) -> dict[tuple[str, int], tuple[str, int]]:
    """The task's containers' own addresses and ports -> those of the instance, where it is guarded."""
    task, found = view.living(task_arn), dict[tuple[str, int], tuple[str, int]]()
    for container in task.containers if task else ():
        for binding in container.bindings if container.bridge_ip else ():
            at = (binding.protocol, binding.host_ip, binding.host_port)
            leads = view.published(at) if binding.host_ip in guarded else None
            if leads is not None and leads[0].arn == task_arn and leads[1].name == container.name:
                found[container.bridge_ip or "", binding.container_port] = (
                    binding.host_ip,
                    binding.host_port,
                )
    return found
