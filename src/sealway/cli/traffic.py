"""``sealway flows`` and ``sealway drops``: what the data plane counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from ..model.errors import SealwayError
from .admin_client import ask
from .failure import fail, mend

_COLUMNS = ("active_flows", "new_flows", "established", "rejected", "packets", "bytes")


def flows(data_dir: Path) -> None:
    """Prints every listener's counters."""
    _show(data_dir, "flows")


def drops(data_dir: Path) -> None:
    """Prints every reason, the ones that never came too."""
    _show(data_dir, "drops")


def _show(data_dir: Path, what: str) -> None:
    try:
        rows = ask(data_dir, what)
    except SealwayError as error:
        fail(str(error), mend(error, data_dir))
    Console(highlight=False).print(render_drops(rows) if what == "drops" else render_flows(rows))


def render_flows(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``rows``: address, port, protocol, and ``FrontendCounters``."""
    table = Table("listener", *(name.partition("_")[0] for name in _COLUMNS), box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        listener = f"{row['protocol']} {row['address']}:{row['port']}"
        table.add_row(listener, *(str(row[name]) for name in _COLUMNS))
    return table if rows else "No listener."


def render_drops(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``rows``: number, name, packets, meaning."""
    table = Table("packets", "number", "reason", "meaning", box=None, pad_edge=False)
    table.columns[0].justify = table.columns[1].justify = "right"
    for row in rows:
        style = "red" if row["packets"] else ""
        table.add_row(str(row["packets"]), str(row["number"]), row["name"], row["meaning"], style=style)
    return table
