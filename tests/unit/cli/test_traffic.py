"""What ``sealway flows`` and ``sealway drops`` print."""

from rich.console import Console, RenderableType

from sealway.cli.traffic import render_drops, render_flows


def text(rendered: RenderableType) -> list[list[str]]:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(rendered)
    return [line.split() for line in capture.get().splitlines()]


def test_flows() -> None:
    row = {"address": "10.1.1.100", "port": 443, "protocol": "tcp", "active_flows": 2, "new_flows": 9,
           "established": 8, "rejected": 1, "packets": 70, "bytes": 9000}  # fmt: skip
    heads, line = text(render_flows([row]))
    assert heads == ["listener", "active", "new", "established", "rejected", "packets", "bytes"]
    assert line == ["tcp", "10.1.1.100:443", "2", "9", "8", "1", "70", "9000"]
    assert text(render_flows([])) == [["No", "listener."]]


def test_drops() -> None:
    row = {"number": 6, "name": "flow_table", "packets": 3, "meaning": "a new flow without a place"}
    assert text(render_drops([row]))[1][:3] == ["3", "6", "flow_table"]
