"""``sealway status``: the state at a glance; what is wrong is red, what is on its way yellow.

Clusters hold services hold tasks; load balancers hold listeners hold targets. Columns line up within a
group; what is long and read last (a reason) stands at the end, where a narrow terminal may fold it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..model.errors import SealwayError
from .admin_client import ask
from .failure import fail, mend
from .traffic import place

_GOOD = {"healthy", "active", "ACTIVE", "RUNNING", "COMPLETED", "STEADY_STATE"}
_BAD = {"unhealthy", "unhealthy.draining", "failed", "FAILED"}
_QUIET = {"unused", "STOPPED"}
_SHORT_ID = 12
_ARN_START = re.compile(r"arn:aws:[a-z]+:[a-z0-9-]*:[0-9]*:")
"""What every ARN begins with: account and region stand above already."""
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))

Entry = dict[str, Any]


def show(data_dir: Path) -> None:
    """Prints it; says what to do first when there is nothing yet."""
    try:
        state, refused = ask(data_dir, "status"), ask(data_dir, "refusals")
    except SealwayError as error:
        fail(str(error), mend(error, data_dir))
    console = Console(highlight=False)
    console.print(render(state, datetime.now(UTC)))
    if refused:
        console.print(refusal_hint(refused))


def render(state: Entry, now: datetime) -> RenderableType:
    """The whole picture. ``state``: what ``services.admin.status`` answers."""
    parts = [
        *(_cluster(one, now) for one in state["clusters"]),
        *(_load_balancer(one, now) for one in state["load_balancers"]),
        *(_unused(one, now) for one in state["unused_target_groups"]),
    ]
    return Group(*parts) if parts else Text('Nothing yet. Point your tools here with: eval "$(sealway env)"')


def refusal_hint(refused: Sequence[Entry]) -> Text:
    """One line: that security groups refused something, whose, and who tells more."""
    groups = sorted({group["id"] for one in refused for group in one["groups"]})
    named = ", ".join(groups[:3]) + (", …" if len(groups) > 3 else "")
    return Text(f"Security groups refused flows lately ({named}): `sealway drops` tells which", "yellow")


def age(since: str, now: datetime) -> str:
    """``40s``, ``3m``, ``5h``, ``2d``: the largest unit that fits, rounded down."""
    passed = max(now - datetime.fromisoformat(since), timedelta())
    seconds = int(passed.total_seconds())
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _cluster(cluster: Entry, now: datetime) -> RenderableType:
    count = cluster["instances"]
    instances = f"  {count} instance{'s' if count > 1 else ''}" if count else ""
    where = f"  {cluster['account']} {cluster['region']}"
    parts: list[RenderableType] = [
        _line(("Cluster ", ""), (cluster["name"], "bold"), (instances, ""), (where, "dim"))
    ]
    parts += [Padding(_service(one, now), (0, 0, 0, 2)) for one in cluster["services"]]
    if cluster["other_tasks"]:
        parts += [Padding(_tasks(cluster["other_tasks"], now, with_group=True), (0, 0, 0, 4))]
    return Group(*parts, "")


def _service(service: Entry, now: datetime) -> RenderableType:
    running, desired = service["running"], service["desired"]
    counts = (f"{running}/{desired} running", "green" if running == desired else "yellow")
    more = f"  {service['launch_type']}  {service['definition']}  rollout "
    rollout = service["rollout"]
    parts: list[RenderableType] = [
        _line(
            (f"{service['name']}  ", "bold"),
            *([(f"{service['status']}  ", "yellow")] if service["status"] != "ACTIVE" else []),
            counts,
            (more, ""),
            (rollout.lower().replace("_", " "), _style(rollout)),
            (f" {age(service['since'], now)} ago", "dim"),
        )
    ]
    if rollout == "FAILED" and service["rollout_reason"]:
        parts.append(Padding(Text(service["rollout_reason"], "red"), (0, 0, 0, 2)))
    if service["tasks"]:
        parts.append(Padding(_tasks(service["tasks"], now), (0, 0, 0, 2)))
    if failure := service["failure"]:
        told = (
            f"task {failure['id'][:_SHORT_ID]} failed {age(failure['since'], now)} ago: {failure['reason']}"
        )
        parts.append(Padding(Text(told, "red"), (0, 0, 0, 2)))
    if event := service["event"]:
        told = f"{age(event['since'], now)} ago: {_ARN_START.sub('', event['message'])}"
        parts.append(Padding(Text(told, "dim"), (0, 0, 0, 2)))
    return Group(*parts)


def _tasks(tasks: Sequence[Entry], now: datetime, with_group: bool = False) -> Table:
    return _columns(
        [
            Text(task["id"][:_SHORT_ID]),
            *([Text(task["group"])] if with_group else []),
            Text(task["status"], "yellow" if task["stopping"] else _style(task["status"])),
            Text(task["address"]),
            Text(task["zone"]),
            Text(age(task["since"], now), "dim"),
            Text(task["reason"] or ""),
        ]
        for task in tasks
    )


def _load_balancer(balancer: Entry, now: datetime) -> RenderableType:
    state = balancer["state"]
    head = _line(
        ("Load balancer ", ""),
        (balancer["name"], "bold"),
        (f"  {state}", _style(state)),
        (f"  {balancer['account']} {balancer['region']}", "dim"),
    )
    addresses = "  ".join(f"{zone} {address}" for zone, address in sorted(balancer["addresses"].items()))
    parts: list[RenderableType] = [head]
    parts += [
        Padding(Text(text), (0, 0, 0, 2))
        for text in (balancer["reason"], balancer["dns_name"], addresses)
        if text
    ]
    for listener in balancer["listeners"]:
        title = f"{listener['protocol']}:{listener['port']} → "
        parts += [Padding(_group(title, one, now), (0, 0, 0, 2)) for one in listener["groups"]]
    return Group(*parts, "")


def _unused(group: Entry, now: datetime) -> RenderableType:
    return Group(_group("Target group in no listener: ", group, now), "")


def _group(title: str, group: Entry, now: datetime) -> RenderableType:
    weight = f", weight {group['weight']}" if group.get("weight", 1) != 1 else ""
    states = Counter(target["state"] for target in group["targets"])
    counts = [(f"  {n} {state}", _style(state)) for state, n in sorted(states.items())]
    head = _line(
        (title, ""),
        (group["name"], "bold"),
        (f" ({group['type']}{weight})", "dim"),
        *counts or [("  no targets", "yellow")],
    )
    if not group["targets"]:
        return head
    return Group(head, Padding(_targets(group["targets"], now), (0, 0, 0, 2)))


def _targets(targets: Sequence[Entry], now: datetime) -> Table:
    return _columns(
        [
            Text(place(target["id"], target["port"])),
            Text(target["zone"]),
            Text(target["state"], _style(target["state"])),
            Text(age(target["since"], now), "dim"),
            Text(target["reason"] or ""),
        ]
        for target in targets
    )


def _columns(rows: Iterable[list[Text]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for column in table.columns[-1:]:
        column.overflow = "fold"
    return table


def _line(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*parts)


def _style(state: str) -> str:
    if state in _GOOD:
        return "green"
    if state in _BAD:
        return "red"
    return "dim" if state in _QUIET else "yellow"
