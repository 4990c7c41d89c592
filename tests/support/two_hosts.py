"""Two hosts with a data plane each, and a client, on one network.

                    switch
outside ── eth0 ──────┼────── up0 ── host 203.0.113.1 ─┬─ swt1 ── task1 10.1.1.11
203.0.113.2           │                                └─ sealway0 ── lb, VIPs 10.1.1.100, 10.1.2.100
                      └────── up0 ── far  203.0.113.3 ─┬─ swt1 ── far1  10.2.1.11
                                                       └─ swt2 ── far2  10.2.2.12
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane.driver import EbpfDataPlane
from sealway.model.guard import Guards
from tests.support.netns_topology import CLIENT, TASKS, UPLINK, VIP, VIP2, Topology, run
from tests.support.tcp_parts import Parts

FAR_UPLINK, FAR_ROUTER = "203.0.113.3", "10.2.0.1"
NEAR_NETWORK, FAR_NETWORK = "10.1.0.0/16", "10.2.0.0/16"
FAR_TASKS = {"far1": "10.2.1.11", "far2": "10.2.2.12"}
TARGETS = {
    "task1": Backend(address=TASKS["task1"], port=8443, interface="swt1"),
    **{name: Backend(address=address, port=8443, interface="") for name, address in FAR_TASKS.items()},
}
UPLINKS = {"outside": "eth0", "host": "up0", "far": "up0"}


class TwoHosts(Topology):
    """See the drawing. ``mtu``: of the hosts' uplinks; the client's is 1,500."""

    def __init__(self, mtu: int = 1500) -> None:
        super().__init__("th", 1500)
        self.uplink_mtu = mtu
        self.names = ["switch", "outside", "host", "lb", "far", "task1", *FAR_TASKS]

    def build(self) -> None:
        for name in self.names:
            run("ip", "netns", "add", f"{self.prefix}-{name}")
            self.ip(name, "link set lo up")
        self.ip("switch", "link add br0 type bridge")
        self.ip("switch", "link set br0 up")
        for name, address in (("outside", CLIENT), ("host", UPLINK), ("far", FAR_UPLINK)):
            self._plug_in(name, address)
        for host in ("host", "far"):
            self.sysctl(host, "net.ipv4.ip_forward", "1")
        self.ip("outside", f"route add {NEAR_NETWORK} via {UPLINK}")
        self.ip("host", f"route add {FAR_NETWORK} via {FAR_UPLINK}")
        self.ip("far", f"route add {NEAR_NETWORK} via {UPLINK}")
        self._load_balancer()
        self._task("task1", "swt1", TASKS["task1"])
        self.ip("far", f"addr add {FAR_ROUTER}/32 dev lo")
        for number, (name, address) in enumerate(FAR_TASKS.items(), 1):
            self._task_at("far", name, f"swt{number}", address, FAR_ROUTER)

    def _plug_in(self, name: str, address: str) -> None:
        mtu, near, far = 1500 if name == "outside" else self.uplink_mtu, f"p-{name}", UPLINKS[name]
        whole = f"{self.prefix}-{name}"
        self.ip("switch", f"link add {near} mtu {mtu} type veth peer name {far} netns {whole}")
        self.ip("switch", f"link set {near} master br0 up")
        self.ip(name, f"link set {far} mtu {mtu} up")
        self.ip(name, f"addr add {address}/24 dev {far}")

    def without_offloads(self) -> None:
        """Every interface sends what its MTU carries, with its checksum."""
        for where in self.names:
            with self.enter(where):
                for link in json.loads(run("ip", "-j", "link")):
                    features = " ".join(f"{each} off" for each in ("tso", "gso", "gro", "tx", "rx"))
                    run("ethtool", "-K", link["ifname"], *features.split(), check=False)

    def sent_bytes(self, where: str) -> int:
        """By its uplink."""
        with self.enter(where):
            (link,) = json.loads(run("ip", "-j", "-s", "link", "show", UPLINKS[where]))
        return int(link["stats64"]["tx"]["bytes"])

    def near_state(self, *frontends: Frontend, **more: object) -> DataPlaneState:
        interfaces = {
            Interface(name="sealway0", role="host"),
            Interface(name="up0", role="uplink"),
            Interface(name="swt1", role="task", address=TASKS["task1"]),
        }
        return DataPlaneState(
            vips=frozenset({VIP, VIP2}),
            frontends=frontends,
            interfaces=frozenset(interfaces),
            endpoints={TASKS["task1"]: "swt1"},
            peers={FAR_NETWORK: FAR_UPLINK},
            **more,  # type: ignore[arg-type]
        )

    def far_state(
        self, *tasks: str, guards: Guards | None = None, peers: dict[str, str] | None = None
    ) -> DataPlaneState:
        places = {name: f"swt{number}" for number, name in enumerate(FAR_TASKS, 1)}
        here = {FAR_TASKS[name]: places[name] for name in tasks or FAR_TASKS}
        interfaces = {Interface(name=name, role="task", address=address) for address, name in here.items()}
        return DataPlaneState(
            interfaces=frozenset({Interface(name="up0", role="uplink"), *interfaces}),
            endpoints=here,
            peers={NEAR_NETWORK: UPLINK} if peers is None else peers,
            guards=guards or Guards(),
        )


def frontend(*targets: str, keep: bool = True, proxy: bool = False, **more: object) -> Frontend:
    """A frontend over targets by name; ``keep``: the client's address."""
    backends = tuple(
        WeightedBackend(backend=TARGETS[name], preserve_client_ip=keep, proxy_protocol=proxy)
        for name in targets
    )
    return Frontend(**{"vip": VIP, "port": 443, "backends": backends, **more})  # type: ignore[arg-type]


class Hosts:
    """What a test holds in hand: ``near`` carries the load balancer, ``far`` has targets."""

    def __init__(self, net: TwoHosts, near: EbpfDataPlane, far: EbpfDataPlane, parts: Parts) -> None:
        self.net, self.near, self.far, self.parts = net, near, far, parts

    async def apply(self, *frontends: Frontend, **more: object) -> None:
        await self.near.apply(self.net.near_state(*frontends, **more))

    async def drops(self) -> dict[str, int]:
        """Of both hosts, the reasons that dropped anything."""
        found = [*(await self.near.drops()).items(), *(await self.far.drops()).items()]
        return {name: count for name, count in found if count}


@asynccontextmanager
async def two_hosts(mtu: int = 1500) -> AsyncIterator[Hosts]:
    """Built, both planes started, every target serving; taken down at the end."""
    net = TwoHosts(mtu)
    async with AsyncExitStack() as stack:
        stack.callback(net.remove)
        net.build()
        parts = await stack.enter_async_context(Parts(net))
        stack.enter_context(net.enter("host"))
        near, far = (
            EbpfDataPlane(pins=Path(f"/sys/fs/bpf/sealway-{end}-{os.getpid()}"), flow_capacity=4096)
            for end in ("near", "far")
        )
        stack.push_async_callback(near.teardown)
        stack.push_async_callback(far.teardown)
        await near.start()
        with net.enter("far"):
            await far.start()
        for name in TARGETS:
            parts.serve(name)
        await far.apply(net.far_state())
        yield Hosts(net, near, far, parts)
