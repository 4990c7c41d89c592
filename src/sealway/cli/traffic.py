"""``sealway flows``, ``sealway drops`` and ``sealway metrics``: what the data plane counts."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..model.errors import SealwayError
from .admin_client import ask
from .failure import fail, mend

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_SHOWN = 20
_GLANCE = 0.25
"""Seconds."""
_COLUMNS = ("active_flows", "new_flows", "established", "rejected", "packets", "bytes")


def flows(data_dir: Path) -> None:
    """Prints every listener's counters."""
    _show(data_dir, "flows")


def follow(data_dir: Path) -> None:
    """Prints a line for each flow that begins or ends, until Ctrl-C."""
    _asked(data_dir, "flow-events")
    typer.echo("sealway: watching; Ctrl-C ends it", err=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(_GLANCE)
            for event in _asked(data_dir, "flow-events"):
                typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {event_line(event)}")


def event_line(event: dict[str, Any]) -> str:
    """``event``: ``FlowEvent``."""
    client, listener, target = (
        place(event[address], event[port])
        for address, port in (("client", "client_port"), ("vip", "port"), ("target", "target_port"))
    )
    return f"{event['what']:<12}  {event['protocol']}  {client} → {listener} → {target}"


def place(address: str, port: int) -> str:
    """As in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def drops(data_dir: Path) -> None:
    """Prints every reason, the ones that never came too; and what security groups refused lately."""
    _show(data_dir, "drops")
    _show(data_dir, "refusals")


def metrics(data_dir: Path) -> None:
    """Prints the exposition, as it came."""
    typer.echo(_asked(data_dir, "metrics"), nl=False)


def _show(data_dir: Path, what: str) -> None:
    Console(highlight=False).print(_RENDER[what](_asked(data_dir, what)), crop=False)


def _asked(data_dir: Path, what: str) -> Any:
    try:
        return ask(data_dir, what)
    except SealwayError as error:
        fail(str(error), mend(error, data_dir))


def render_flows(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``rows``: address, port, protocol, and ``FrontendCounters``."""
    table = Table("listener", *(name.partition("_")[0] for name in _COLUMNS), box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        listener = f"{row['protocol']} {place(row['address'], row['port'])}"
        table.add_row(Text(listener), *(str(row[name]) for name in _COLUMNS))
    return table if rows else "No listener."


def render_drops(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``rows``: number, name, packets, meaning."""
    table = Table("packets", "number", "reason", "meaning", box=None, pad_edge=False)
    table.columns[0].justify = table.columns[1].justify = "right"
    for row in rows:
        style = "red" if row["packets"] else ""
        table.add_row(str(row["packets"]), str(row["number"]), row["name"], row["meaning"], style=style)
    return table


def render_refusals(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``rows``: groups (id, name), direction, protocol, source, destination, port, packets, ago.

    The latest first; and the rule that would let that one begin.
    """
    if not rows:
        return ""
    table = Table("packets", "ago", "security groups", "refused", box=None, pad_edge=False)
    table.columns[0].justify = table.columns[1].justify = "right"
    for row in rows[:_SHOWN]:
        groups = ", ".join(f"{group['id']} ({group['name']})" for group in row["groups"])
        packet = f"{row['source']} → {row['destination']} {_service(row)}"
        way = "in" if row["direction"] == "ingress" else "out"
        table.add_row(str(row["packets"]), f"{row['ago']}s", groups, f"{way}: {packet}")
    remedy = Text(f"  {_remedy(rows[0])}", no_wrap=True, overflow="ignore")  # for copying
    return Group("", table, "", "If the first one is meant to begin:", remedy)


def _service(row: dict[str, Any]) -> str:
    name = _PROTOCOLS.get(row["protocol"], str(row["protocol"]))
    return f"{name}/{row['port']}" if name in ("tcp", "udp") else name


def _remedy(row: dict[str, Any]) -> str:
    peer = row["source"] if row["direction"] == "ingress" else row["destination"]
    protocol = _PROTOCOLS.get(row["protocol"], str(row["protocol"]))
    wide = ":" in peer
    network = f"Ipv6Ranges=[{{CidrIpv6={peer}/128}}]" if wide else f"IpRanges=[{{CidrIp={peer}/32}}]"
    permission = f"IpProtocol={protocol},{network}"
    if protocol in ("tcp", "udp"):
        permission += f",FromPort={row['port']},ToPort={row['port']}"
    elif protocol == "icmp":
        permission += ",FromPort=-1,ToPort=-1"
    group = row["groups"][0]["id"]
    words = f"aws ec2 authorize-security-group-{row['direction']} --group-id {group}"
    return f"{words} --ip-permissions '{permission}'"


_RENDER: dict[str, Callable[[Sequence[dict[str, Any]]], RenderableType]] = {
    "flows": render_flows,
    "drops": render_drops,
    "refusals": render_refusals,
}
