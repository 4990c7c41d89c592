"""A whole "host" in network namespaces of its own, so that nothing touches the real one.

    outside ── up0 ─┐                        ┌─ swt1 ── task1  10.1.1.11
    203.0.113.2     │                        ├─ swt2 ── task2  10.1.2.12
                    host  203.0.113.1        └─ sealway-br0 ─┬─ box1  172.30.0.11
                    │     10.1.0.1 (router)     172.30.0.1   └─ box2  172.30.0.12
                    └─ sealway0 ── lb   VIPs 10.1.1.100, 10.1.2.100 on lb0

Sockets are made inside a namespace and used from this process: one asyncio loop plays every part.
"""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealway.drivers.contracts.dataplane import DataPlaneState, Interface

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

VIP, VIP2 = "10.1.1.100", "10.1.2.100"
CLIENT, UPLINK, ROUTER = "203.0.113.2", "203.0.113.1", "10.1.0.1"
TASKS = {"task1": "10.1.1.11", "task2": "10.1.2.12"}
BOXES = {"box1": "172.30.0.11", "box2": "172.30.0.12"}
BRIDGE = "sealway-br0"
VIP6, VIP6_2 = "fd00:1::100", "fd00:2::100"
IPV6 = {
    "outside": "2001:db8:1::2", "host": "fd00::1", "lb": VIP6, "task1": "fd00:1::11", "task2": "fd00:2::12",
}  # fmt: skip


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


@contextmanager
def inside(path: str) -> Iterator[None]:
    """This thread in that network namespace, until the block ends."""
    here, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(path, os.O_RDONLY)
    try:
        if _libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        if _libc.setns(here, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(here)
        os.close(there)


class Topology:
    """The namespaces, named with a prefix of this process's own."""

    def __init__(self, prefix: str = "swt", mtu: int = 1500) -> None:
        self.prefix = f"{prefix}{os.getpid()}"
        self.names = ["host", "lb", "outside", *TASKS, *BOXES]
        self.mtu = mtu

    def path(self, name: str) -> str:
        return f"/run/netns/{self.prefix}-{name}"

    def ip(self, name: str, command: str) -> str:
        return run("ip", "-n", f"{self.prefix}-{name}", *command.split())

    def enter(self, name: str) -> contextmanager:
        return inside(self.path(name))

    def sysctl(self, name: str, key: str, value: str) -> None:
        with inside(self.path(name)):
            target = Path("/proc/sys") / key.replace(".", "/")
            if target.exists():
                target.write_text(value)

    def socket(
        self, name: str, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET
    ) -> socket.socket:
        with inside(self.path(name)):
            made = socket.socket(family, kind)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made

    def build(self) -> None:
        for name in self.names:
            run("ip", "netns", "add", f"{self.prefix}-{name}")
            self.ip(name, "link set lo up")
        self.sysctl("host", "net.ipv4.ip_forward", "1")
        self._outside()
        self._load_balancer()
        for number, (name, address) in enumerate(TASKS.items(), 1):
            self._task(name, f"swt{number}", address)
        self._bridge()

    def remove(self) -> None:
        for name in self.names:
            run("ip", "netns", "del", f"{self.prefix}-{name}", check=False)

    def _pair(self, near: str, name: str, far: str, host: str = "host") -> None:
        self.ip(host, f"link add {near} mtu {self.mtu} type veth peer name {far} netns {self.prefix}-{name}")
        self.ip(host, f"link set {near} up")
        self.ip(name, f"link set {far} mtu {self.mtu} up")

    def _outside(self) -> None:
        self._pair("up0", "outside", "eth0")
        self.ip("host", f"addr add {UPLINK}/24 dev up0")
        self.ip("outside", f"addr add {CLIENT}/24 dev eth0")
        self.ip("outside", f"route add 10.1.0.0/16 via {UPLINK}")

    def _load_balancer(self) -> None:
        self._pair("sealway0", "lb", "eth0")
        self.ip("lb", "link add lb0 type veth peer name lb1")
        self.ip("lb", "link set lb0 up")
        self.ip("host", f"addr add {ROUTER}/32 dev sealway0")
        for vip in (VIP, VIP2):
            self.ip("lb", f"addr add {vip}/32 dev lb0")
            self.ip("host", f"route add {vip}/32 dev sealway0 src {ROUTER}")
        self.ip("lb", f"route add {ROUTER}/32 dev eth0 scope link")
        self.ip("lb", f"route add default via {ROUTER} dev eth0")

    def _task(self, name: str, near: str, address: str) -> None:
        self._task_at("host", name, near, address, ROUTER)

    def _task_at(self, host: str, name: str, near: str, address: str, router: str) -> None:
        self._pair(near, name, "eth0", host)
        self.sysctl(host, f"net.ipv4.conf.{near}.proxy_arp", "1")
        self.ip(host, "route add 169.254.1.1/32 dev lo") if near == "swt1" else None
        mac = next(f for f in self.ip(host, f"-o link show {near}").split() if f.count(":") == 5)
        self.ip(name, f"addr add {address}/32 dev eth0")
        self.ip(name, "route add 169.254.1.1/32 dev eth0 scope link")
        self.ip(name, f"neigh add 169.254.1.1 lladdr {mac} dev eth0 nud permanent")
        self.ip(name, "route add default via 169.254.1.1 dev eth0")
        self.ip(host, f"route add {address}/32 dev {near} src {router}")

    def _bridge(self) -> None:
        self.ip("host", f"link add {BRIDGE} mtu {self.mtu} type bridge")
        self.ip("host", f"link set {BRIDGE} up")
        self.ip("host", f"addr add 172.30.0.1/24 dev {BRIDGE}")
        for number, (name, address) in enumerate(BOXES.items(), 1):
            self._pair(f"veth{number}", name, "eth0")
            self.ip("host", f"link set veth{number} master {BRIDGE}")
            self.ip(name, f"addr add {address}/24 dev eth0")
            self.ip(name, "route add default via 172.30.0.1")

    def add_ipv6(self) -> None:
        """The same again in IPv6, but for the bridge: ``IPV6`` says who has which address."""
        self.sysctl("host", "net.ipv6.conf.all.forwarding", "1")
        self.ip("host", "addr add 2001:db8:1::1/64 dev up0 nodad")
        self.ip("outside", f"addr add {IPV6['outside']}/64 dev eth0 nodad")
        self.ip("outside", "-6 route add fd00::/16 via 2001:db8:1::1")
        self.ip("host", f"addr add {IPV6['host']}/128 dev sealway0 nodad")
        for near, name in (("sealway0", "lb"), ("swt1", "task1"), ("swt2", "task2")):
            self.ip("host", f"addr add fe80::1/64 dev {near} nodad")
            self.ip(name, "addr add fe80::2/64 dev eth0 nodad")
            self.ip(name, "-6 route add default via fe80::1 dev eth0")
            inner = "lb0" if name == "lb" else "eth0"
            self.ip(name, f"addr add {IPV6[name]}/128 dev {inner} nodad")
            self.ip("host", f"-6 route add {IPV6[name]}/128 via fe80::2 dev {near} src {IPV6['host']}")
        self.ip("lb", f"addr add {VIP6_2}/128 dev lb0 nodad")
        self.ip("host", f"-6 route add {VIP6_2}/128 via fe80::2 dev sealway0 src {IPV6['host']}")

    def interfaces(self) -> frozenset[Interface]:
        return frozenset(
            {
                Interface(name="sealway0", role="host"),
                Interface(name="up0", role="uplink"),
                Interface(name=BRIDGE, role="bridge"),
                Interface(name="swt1", role="task", address=TASKS["task1"], address6=IPV6["task1"]),
                Interface(name="swt2", role="task", address=TASKS["task2"], address6=IPV6["task2"]),
            }
        )

    def state(self, *frontends: object, **more: object) -> DataPlaneState:
        return DataPlaneState(
            vips=frozenset({VIP, VIP2}),
            frontends=frontends,  # type: ignore[arg-type]
            interfaces=self.interfaces(),
            endpoints={TASKS["task1"]: "swt1", TASKS["task2"]: "swt2"},
            **more,  # type: ignore[arg-type]
        )
