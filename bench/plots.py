"""Bar charts as SVG, written by hand: no library, and readable in a diff."""

from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, BAR, LEFT = 720, 22, 210
COLOURS = {"direct": "#8a8f98", "sealway": "#1f6feb", "floor": "#8a8f98"}
OTHER = "#c4a35a"


def bars(path: Path, title: str, groups: Mapping[str, Sequence[tuple[str, float]]], unit: str) -> None:
    """One group of horizontal bars after another; each is scaled to its own longest."""
    lines, y = [_text(10, 24, title, 15)], 44
    for name, entries in groups.items():
        y += 18
        lines.append(_text(10, y, name, 13))
        longest = max((value for _, value in entries), default=1) or 1
        y += 8
        for label, value in entries:
            length = max(1.0, value / longest * (WIDTH - LEFT - 110))
            colour = COLOURS.get(label, OTHER)
            lines.append(_text(LEFT - 8, y + 15, label, 12, "end"))
            lines.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 4}" fill="{colour}"/>'
            )
            lines.append(_text(LEFT + length + 6, y + 15, f"{value:.4g} {unit}", 12))
            y += BAR
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 14}" font-family="sans-serif">'
    )
    ground = f'<rect width="{WIDTH}" height="{y + 14}" fill="white"/>'
    path.write_text("\n".join([head, ground, *lines, "</svg>", ""]))


def _text(x: float, y: float, words: str, size: int, anchor: str = "start") -> str:
    safe = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{safe}</text>'


def draw(values: Mapping[str, float], directory: Path) -> None:
    """What there is of: throughput against direct, and nanoseconds a packet."""
    ways = ("sealway", "nftables", "haproxy", "nginx")
    titles = {
        "tcp_conn_ratio": "new TCP connections/s",
        "tls_keepalive_ratio": "keep-alive TLS requests/s",
        "iperf_ratio": "iperf3, one stream",
        "tls_1mb_ratio": "1-MB TLS answers",
    }
    groups = {}
    for name, title in titles.items():
        found = [(way, values.get(name if way == "sealway" else f"{way}_{name}")) for way in ways]
        entries = [(way, value) for way, value in found if value is not None]
        if entries:
            groups[title] = [("direct", 1.0), *entries]
    if groups:
        bars(directory / "ways.svg", "Throughput against a direct connection", groups, "x direct")
    packets = {}
    for count, title in (("1", "1 flow"), ("64k", "65,536 flows"), ("1m", "1,048,576 flows")):
        ours, floor = values.get(f"hit_ns_{count}"), values.get(f"floor_ns_{count}")
        if ours is not None and floor is not None:
            packets[f"established, {title}"] = [("floor", floor), ("sealway", ours)]
    for name, bare, title in (
        ("new_flow_ns", "insert_ns", "new flow, beside a bare hash insert"),
        ("new_flow_full_ns", "insert_full_ns", "new flow, table full, beside a bare insert"),
    ):
        if name in values and bare in values:
            packets[title] = [("floor", values[bare]), ("sealway", values[name])]
    if packets:
        bars(directory / "packets.svg", "Nanoseconds a packet, on one core", packets, "ns")
