"""The kernel's network settings, as files. They are of the calling thread's network namespace."""

from pathlib import Path

_ROOT = Path("/proc/sys/net")
_LOOSE = "2"


def write(setting: str, value: str) -> None:
    """``setting`` below ``net``, with slashes: ``ipv4/ip_forward``. Written only where it differs.

    A kernel without that part (IPv6 switched off) has no such file, and nothing to set.
    """
    path = _ROOT / setting
    if path.exists() and path.read_text().split() != value.split():
        path.write_text(value)


def forward_packets() -> None:
    """Without this no task reaches anything."""
    write("ipv4/ip_forward", "1")


def host_side(interface: str) -> None:
    """Of a host-side end. IPv4 alone; and an answer may come from where no route leads back."""
    write(f"ipv4/conf/{interface}/rp_filter", _LOOSE)
    write(f"ipv4/conf/{interface}/send_redirects", "0")
    write(f"ipv6/conf/{interface}/disable_ipv6", "1")


def load_balancer_namespace(first_port: int, last_port: int) -> None:
    """``first_port`` to ``last_port``: where health probes leave from; the data plane uses others."""
    write("ipv4/ip_local_port_range", f"{first_port} {last_port}")
    write("ipv4/tcp_tw_reuse", "1")
    write("ipv6/conf/all/disable_ipv6", "1")
    write("ipv6/conf/default/disable_ipv6", "1")
