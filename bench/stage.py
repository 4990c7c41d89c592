"""Where the end-to-end figures are taken: a client, a server, and a host between them for each way.

    client ── up0 ─ host-direct   (routes) ───────────────── swt1 ── server
           ── up0 ─ host-sealway  (our data plane, tc) ───── swt1 ──
           ── up0 ─ host-nftables (DNAT, conntrack) ──────── swt1 ──
           ── up0 ─ host-haproxy  (TCP mode) ─────────────── swt1 ──
           ── up0 ─ host-nginx    (stream) ───────────────── swt1 ──

All are network namespaces of the run's own, joined by veth. Each way has its own host, so that nobody's
conntrack or rules cost anybody else; its own client addresses, so that no connection meets another way's
TIME_WAIT; and the same single server. *Direct* goes through a host that only routes, as to a container
without a load balancer.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane.driver import EbpfDataPlane
from tests.support.netns_topology import inside, run

from . import packages

WAYS = ("direct", "sealway", "nftables", "haproxy", "nginx")
ECHO, TLS, IPERF, FLOODED = 9001, 8443, 5201, 9002
PORTS = (ECHO, TLS, IPERF, FLOODED)
SOURCES = 4
"""Client addresses a way."""


class Way(NamedTuple):
    """``address``: where the client finds the service. ``source``: the first of its own addresses."""

    name: str
    address: str
    source: str
    target: str


def way(name: str) -> Way:
    number = WAYS.index(name)
    target = f"10.201.{number}.2"
    return Way(name, target if name == "direct" else f"10.202.{number}.1", f"10.200.{number}.2", target)


class Stage:
    """Builds and removes it all. ``processes`` by the way they belong to ("" for the server's)."""

    def __init__(self, names: Iterable[str] = WAYS) -> None:
        self.ways = [way(name) for name in names]
        self.processes: dict[str, list[subprocess.Popen[str]]] = {}
        self.next_port = 0
        """Where the connecting client goes on through its addresses and ports."""
        self.pins = Path(f"/sys/fs/bpf/sealway-bench-{os.getpid()}")
        self.plane = EbpfDataPlane(pins=self.pins)
        self._prefix = f"bench{os.getpid()}"
        self._stack = AsyncExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="sealway-bench-"))

    def path(self, name: str) -> str:
        return f"/run/netns/{self._prefix}-{name}"

    async def __aenter__(self) -> "Stage":
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _build(self) -> None:
        for name in ("client", "server", *(f"host-{each.name}" for each in self.ways)):
            run("ip", "netns", "add", f"{self._prefix}-{name}")
            self._stack.callback(run, "ip", "netns", "del", f"{self._prefix}-{name}", check=False)
            self.ip(name, "link set lo up")
            self._tune(name)
        for each in self.ways:
            self._join(each)
        self._serve()
        for each in self.ways:
            await self._equip(each)
            self._await_answer(each)

    def _await_answer(self, each: Way) -> None:
        """Until the way carries connections to each of the servers."""
        deadline = time.monotonic() + 15
        with inside(self.path("client")):
            for port in PORTS:
                while not _answers(each.address, port):
                    if time.monotonic() > deadline:
                        raise RuntimeError(
                            f"{each.name}: port {port} does not answer\n{self._said(each.name)}"
                        )
                    time.sleep(0.05)

    def _said(self, owner: str) -> str:
        logs = [*self.directory.glob(f"{owner}-*.log"), *self.directory.glob(f"nginx-{owner}.log")]
        return "\n".join(log.read_text()[-500:] for log in logs)

    def ip(self, name: str, command: str) -> None:
        run("ip", "-n", f"{self._prefix}-{name}", *command.split())

    def _tune(self, name: str) -> None:
        """As a busy machine is set: the whole port range, ports reused after a second. The same for all.

        And Reno's congestion control, which every kernel has: BBR, a host's default here and there, paces a
        stream and probes, and a second of it differs from the next by half.
        """
        with inside(self.path(name)):
            for key, value in (
                ("ip_forward", "1" if name.startswith("host") else "0"),
                ("tcp_tw_reuse", "1"),
                ("tcp_max_tw_buckets", "8192"),
                ("tcp_congestion_control", "reno"),
                ("ip_local_port_range", "1024 65535"),
            ):
                Path(f"/proc/sys/net/ipv4/{key}").write_text(value)
            Path("/proc/sys/net/core/somaxconn").write_text("8192")

    def _join(self, each: Way) -> None:
        host, number = f"host-{each.name}", WAYS.index(each.name)
        for near, far, end in (("up0", f"c{number}", "client"), ("swt1", f"s{number}", "server")):
            self.ip(host, f"link add {near} type veth peer name {far} netns {self._prefix}-{end}")
            self.ip(host, f"link set {near} up")
            self.ip(end, f"link set {far} up")
        self.ip(host, f"addr add 10.200.{number}.1/24 dev up0")
        self.ip(host, f"addr add 10.201.{number}.1/24 dev swt1")
        for last in range(2, 2 + SOURCES):
            self.ip("client", f"addr add 10.200.{number}.{last}/24 dev c{number}")
        self.ip("server", f"addr add {each.target}/24 dev s{number}")
        for net in (f"10.201.{number}.0/24", f"10.202.{number}.0/24"):
            self.ip("client", f"route add {net} via 10.200.{number}.1 src {each.source}")
        self.ip("server", f"route add 10.200.{number}.0/24 via 10.201.{number}.1")

    def start(self, owner: str, where: str, *command: str) -> subprocess.Popen[str]:
        """A process in a namespace, ended with the stage. ``owner``: the way whose CPU it uses."""
        log = (self.directory / f"{owner or 'server'}-{Path(command[0]).name}.log").open("a")
        process = subprocess.Popen(
            ["nsenter", f"--net={self.path(where)}", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        self._stack.callback(_end, process)
        self.processes.setdefault(owner, []).append(process)
        return process

    def client(self, *command: str, timeout: float = 60) -> str:
        """What a command prints in the client's namespace."""
        whole = ["nsenter", f"--net={self.path('client')}", *command]
        return subprocess.run(whole, check=True, capture_output=True, text=True, timeout=timeout).stdout

    def _serve(self) -> None:
        echo = self.start("", "server", packages.generator("echo"), str(ECHO), str(FLOODED))
        assert echo.stdout is not None
        assert echo.stdout.readline() == "ready\n"
        self.start("", "server", "iperf3", "-s", "-p", str(IPERF))
        self._certificate()
        (self.directory / "www").mkdir()
        (self.directory / "www" / "1m").write_bytes(os.urandom(1 << 20))
        self.directory.chmod(0o755)
        self._nginx("", "server", _TLS_SERVER.format(port=TLS, directory=self.directory))

    def _certificate(self) -> None:
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=bench", "-days", "2", "-keyout", str(self.directory / "key.pem")),
            *("-out", str(self.directory / "certificate.pem")),
        )

    def _shorten_conntrack(self, host: str) -> None:
        """Ended flows would fill the table of connections: they linger for two minutes by default."""
        with inside(self.path(host)):
            Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait").write_text("1")

    def _nginx(self, owner: str, where: str, body: str) -> None:
        name = owner or "server"
        path = self.directory / f"nginx-{name}.conf"
        path.write_text(_NGINX.format(directory=self.directory, name=name, body=body))
        self.start(owner, where, "nginx", "-c", str(path))

    async def _equip(self, each: Way) -> None:
        host = f"host-{each.name}"
        if each.name not in ("direct", "sealway"):
            self.ip(host, f"addr add {each.address}/32 dev lo")
        if each.name == "sealway":
            with inside(self.path(host)):
                await self.plane.start()
            self._stack.push_async_callback(self.plane.teardown)
            await self.plane.apply(state_of(each))
        elif each.name == "nftables":
            rules = _NFTABLES.format(vip=each.address, ports=", ".join(map(str, PORTS)), target=each.target)
            (self.directory / "rules.nft").write_text(rules)
            run("nsenter", f"--net={self.path(host)}", "nft", "-f", str(self.directory / "rules.nft"))
            self._shorten_conntrack(host)
        elif each.name == "haproxy":
            listens = [_HAPROXY_LISTEN.format(port=p, vip=each.address, target=each.target) for p in PORTS]
            (self.directory / "haproxy.cfg").write_text(_HAPROXY + "".join(listens))
            self.start("haproxy", host, "haproxy", "-db", "-f", str(self.directory / "haproxy.cfg"))
        elif each.name == "nginx":
            listens = [_NGINX_LISTEN.format(port=p, vip=each.address, target=each.target) for p in PORTS]
            self._nginx("nginx", host, f"stream {{\n{''.join(listens)}}}\n")


def state_of(each: Way, *more: Frontend) -> DataPlaneState:
    """One frontend a port, the server behind it."""
    frontends = tuple(
        Frontend(
            vip=each.address,
            port=port,
            backends=(WeightedBackend(backend=Backend(address=each.target, port=port, interface="swt1")),),
        )
        for port in PORTS
        if port not in {frontend.port for frontend in more}
    )
    return DataPlaneState(
        vips=frozenset({each.address}),
        frontends=frontends + more,
        interfaces=frozenset({Interface(name="up0", role="uplink"), Interface(name="swt1", role="task")}),
    )


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_NGINX = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 2;
worker_rlimit_nofile 16384;
pid {directory}/nginx-{name}.pid;
error_log {directory}/nginx-{name}.log warn;
events {{ worker_connections 8000; multi_accept on; }}
{body}
"""
_TLS_SERVER = """http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    server {{
        listen {port} ssl backlog=8192 reuseport;
        ssl_certificate {directory}/certificate.pem;
        ssl_certificate_key {directory}/key.pem;
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        root {directory}/www;
        location = / {{ return 200 "x"; }}
    }}
}}
"""
_NGINX_LISTEN = """    server {{
        listen {vip}:{port} backlog=8192 reuseport;
        proxy_pass {target}:{port};
        tcp_nodelay on;
    }}
"""
_HAPROXY = """global
    nbthread 2
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 600s
    timeout server 600s
"""
_HAPROXY_LISTEN = """listen port{port}
    bind {vip}:{port} backlog 8192
    server one {target}:{port}
"""
_NFTABLES = """table ip nat {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        ip daddr {vip} tcp dport {{ {ports} }} dnat to {target}
    }}
}}
"""
