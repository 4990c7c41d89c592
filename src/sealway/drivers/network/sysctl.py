"""The kernel's network settings, as files. They are of the calling thread's network namespace."""

from pathlib import Path

_ROOT = Path("/proc/sys/net")
_LOOSE = "2"
_ALSO_WHEN_FORWARDING = "2"


def write(setting: str, value: str) -> None:
    """``setting`` below ``net``, with slashes: ``ipv4/ip_forward``. Written only where it differs.

    A kernel without that part (IPv6 switched off) has no such file, and nothing to set.
    """
    path = _ROOT / setting
    if path.exists() and path.read_text().split() != value.split():
        path.write_text(value)


def _read(setting: str) -> str:
    path = _ROOT / setting
    return path.read_text().strip() if path.exists() else ""


def has_ipv6() -> bool:
    """Whether this kernel speaks IPv6 at all: it can be built without, or have it switched off."""
    return (_ROOT / "ipv6").exists()


def forward_packets(ipv6: bool = False) -> None:
    """Without this no task reaches anything. ``ipv6``: that version's packets, too."""
    write("ipv4/ip_forward", "1")
    if ipv6 and _read("ipv6/conf/all/forwarding") == "0":
        _keep_listening_to_routers()
        write("ipv6/conf/all/forwarding", "1")


def _keep_listening_to_routers() -> None:
    """Who forwards believes router advertisements no more, and would lose its way out; unless told so."""
    for setting in _ROOT.glob("ipv6/conf/*/accept_ra"):
        if setting.read_text().strip() == "1":
            setting.write_text(_ALSO_WHEN_FORWARDING)


def host_side(interface: str, ipv6: bool = False) -> None:
    """Of a host-side end. IPv4 alone or both; and an answer may come from where no route leads back."""
    write(f"ipv4/conf/{interface}/rp_filter", _LOOSE)
    write(f"ipv4/conf/{interface}/send_redirects", "0")
    if ipv6:
        _without_autoconfiguration(interface)
    else:
        write(f"ipv6/conf/{interface}/disable_ipv6", "1")


def _without_autoconfiguration(interface: str) -> None:
    for name, value in (("accept_ra", "0"), ("accept_dad", "0"), ("disable_ipv6", "0")):
        write(f"ipv6/conf/{interface}/{name}", value)


def task_namespace(interfaces: tuple[str, ...], ipv6: bool) -> None:
    """A task's own: with ``ipv6`` it has the address that it is given, and makes none itself."""
    if not ipv6:
        write("ipv6/conf/all/disable_ipv6", "1")
        return
    for interface in ("all", "default", *interfaces):
        _without_autoconfiguration(interface)


def load_balancer_namespace(first_port: int, last_port: int, ipv6_interfaces: tuple[str, ...] = ()) -> None:
    """``first_port`` to ``last_port``: where health probes leave from; the data plane uses others.
    ``ipv6_interfaces``: those that have IPv6."""
    write("ipv4/ip_local_port_range", f"{first_port} {last_port}")
    write("ipv4/tcp_tw_reuse", "1")
    if ipv6_interfaces:
        for interface in ("all", "default", *ipv6_interfaces):
            _without_autoconfiguration(interface)
        return
    write("ipv6/conf/all/disable_ipv6", "1")
    write("ipv6/conf/default/disable_ipv6", "1")
