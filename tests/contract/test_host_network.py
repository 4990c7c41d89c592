"""What every host network does: the fake, and Linux in a network namespace of its own.

the test's namespace (a whole host of its own)
  sealway0 ---- eth0  a namespace named for this test: lb0 holds the VIPs
  swt...   ---- eth0  a process with its own namespace: the task
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.network.fake import FakeNetwork
from sealway.drivers.network.host import LinuxNetwork
from sealway.drivers.network.netns import path_of, run_inside
from sealway.model.address_pool import mac_for
from sealway.model.errors import DriverError
from tests.support.netns import fresh_network, inside, output, stranger

Network = FakeNetwork | LinuxNetwork

VPC, VPC_ROUTER = "10.77.0.0/16", "10.77.0.1"
VIP, OTHER_VIP = "10.77.1.10", "10.77.2.10"
VPC6, VIP6 = "fd77:77:77:7700::/56", "fd77:77:77:7701::a4d:10a"
INSTANCE, RESOLVER = "10.77.1.20", "10.77.0.2"
ENI = "eni-0123456789abcdef0"
TASK_IP = "10.77.2.30"
TASK = TaskEndpoint(network_interface_id=ENI, private_ip=TASK_IP, mac=mac_for(TASK_IP))

LINUX = pytest.param("linux", marks=pytest.mark.root)
real_network = pytest.mark.parametrize("network", [LINUX], indirect=True)


@pytest.fixture
def lb_namespace() -> str:
    return f"sealway-test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(params=["fake", LINUX])
async def network(request: pytest.FixtureRequest, lb_namespace: str) -> AsyncIterator[Network]:
    if request.param == "fake":
        yield FakeNetwork()
        return
    with fresh_network():
        network = LinuxNetwork(lb_namespace)
        yield network
        await network.teardown()


@pytest.fixture
def task_pid() -> Iterator[int]:
    with stranger() as pid:
        yield pid


# --- the contract ---------------------------------------------------------------------------------


async def test_ensuring_twice_is_fine(network):
    await network.ensure((VPC,))
    await network.ensure((VPC,))


async def test_teardown_twice_and_without_anything_is_fine(network):
    await network.teardown()
    await network.ensure((VPC,))
    await network.teardown()
    await network.teardown()


async def test_a_task_is_attached_listed_and_detached(network, task_pid):
    await network.ensure((VPC,))
    interface = await network.attach_task(TASK, task_pid)
    assert interface == "swt56789abcdef0"
    assert len(interface) <= 15
    assert await network.attach_task(TASK, task_pid) == interface
    assert await network.list_tasks() == {ENI: interface}
    assert await network.has_task(ENI)
    await network.detach_task(ENI)
    await network.detach_task(ENI)
    assert await network.list_tasks() == {}
    assert not await network.has_task(ENI)


async def test_a_probe_leaves_only_from_a_load_balancers_address(network):
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    with network.probe_socket(VIP) as probe:
        assert (probe.family, probe.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert not probe.getblocking()
    with pytest.raises(DriverError, match=OTHER_VIP):
        network.probe_socket(OTHER_VIP)


async def test_the_hosts_own_addresses_and_what_is_taken_there(network):
    with socket.socket() as server:
        if isinstance(network, FakeNetwork):
            taken = ("tcp", 7)
            network.interfaces = {"lo": {"127.0.0.1": frozenset({taken})}, "up0": {"192.0.2.1": frozenset()}}
        else:
            server.bind(("127.0.0.1", 0))
            server.listen()
            taken = ("tcp", server.getsockname()[1])
            output("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
            output("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
        assert await network.own_addresses(("lo", "up0", "absent")) == {
            "127.0.0.1": {taken},
            "192.0.2.1": set(),
        }
        assert await network.own_addresses(()) == {}


async def test_without_the_network_addresses_cannot_be_set(network):
    with pytest.raises(DriverError):
        await network.set_vips(frozenset({VIP}))
    with pytest.raises(DriverError):
        await network.set_host_addresses(frozenset({INSTANCE}))
    with pytest.raises(DriverError):
        network.probe_socket(VIP)


async def test_a_process_that_is_gone_cannot_be_attached(network):
    ended = subprocess.Popen(["true"])
    ended.wait()
    if isinstance(network, FakeNetwork):
        network.dead_pids.add(ended.pid)
    with pytest.raises(DriverError, match="is gone") as failure:
        await network.attach_task(TASK, ended.pid)
    assert failure.value.retryable


async def test_teardown_forgets_the_tasks(network, task_pid):
    await network.ensure((VPC,))
    await network.attach_task(TASK, task_pid)
    await network.teardown()
    assert await network.list_tasks() == {}


# --- what only the real one can show ---------------------------------------------------------------


def listener(address: str) -> socket.socket:
    made = socket.create_server((address, 0))
    made.settimeout(10)
    return made


def listen_inside(pid: int, address: str) -> socket.socket:
    return run_inside(path_of_pid(pid), lambda: listener(address))


def path_of_pid(pid: int) -> str:
    return f"/proc/{pid}/ns/net"


def peer_seen(server: socket.socket, client: socket.socket, target: tuple[str, int] | None = None) -> str:
    """Connects, and tells which address the server sees."""
    client.settimeout(10)
    client.connect(target or server.getsockname())
    accepted, peer = server.accept()
    accepted.close()
    return peer[0]


def routes() -> dict[str, dict]:
    return {route["dst"]: route for route in json.loads(output("ip", "-j", "route", "show", "proto", "83"))}


def addresses(interface: str) -> set[str]:
    (link,) = json.loads(output("ip", "-j", "-4", "addr", "show", "dev", interface)) or [{}]
    return {f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", ())}


def snapshot() -> tuple[str, ...]:
    """All that a repeated call must leave as it is; interface indexes included.

    Not whether a carrier was noticed yet: the kernel tells that in its own time.
    """
    commands = (
        "ip -o link",
        "ip -4 -o addr",
        "ip route",
        "ip neigh show nud permanent",
        "iptables-save -t nat",
        "iptables-save -t filter",
    )
    lines = "\n".join(output(*command.split()) for command in commands)
    settled = re.sub(r" linkdown|<\S+>| state \S+", "", lines)
    return tuple(line for line in settled.splitlines() if not line.startswith(("#", ":")))


@real_network
async def test_the_host_reaches_a_task_as_the_vpcs_router(network, task_pid):
    await network.ensure((VPC,))
    await network.attach_task(TASK, task_pid)
    with listen_inside(task_pid, TASK_IP) as server, socket.socket() as client:
        assert peer_seen(server, client) == VPC_ROUTER


@real_network
async def test_a_task_reaches_the_host_and_another_task(network, task_pid):
    await network.ensure((VPC,))
    await network.set_host_addresses(frozenset({RESOLVER}))
    await network.attach_task(TASK, task_pid)
    second = TaskEndpoint(
        network_interface_id="eni-0fedcba9876543210", private_ip="10.77.2.31", mac=mac_for("10.77.2.31")
    )
    with stranger() as second_pid:
        await network.attach_task(second, second_pid)

        def client_of(pid: int) -> socket.socket:
            return run_inside(path_of_pid(pid), socket.socket)

        with listener(RESOLVER) as server, client_of(task_pid) as client:
            assert peer_seen(server, client) == TASK_IP
        with listen_inside(second_pid, second.private_ip) as server, client_of(task_pid) as client:
            assert peer_seen(server, client) == TASK_IP


@real_network
async def test_a_probe_reaches_host_and_task_from_the_vip(network, task_pid):
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP, OTHER_VIP}))
    await network.set_host_addresses(frozenset({INSTANCE}))
    await network.attach_task(TASK, task_pid)
    with listen_inside(task_pid, TASK_IP) as server, network.probe_socket(VIP) as probe:
        assert peer_seen(server, probe) == VIP
        assert 61000 <= probe.getsockname()[1] <= 65535
    with listener(INSTANCE) as server, network.probe_socket(OTHER_VIP) as probe:
        assert peer_seen(server, probe) == OTHER_VIP


@real_network
async def test_a_vip_answers_ping_and_refuses_connections(network):
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    assert "1 received" in output("ping", "-c", "1", "-W", "2", VIP)
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect((VIP, 443))


@real_network
async def test_an_address_nobody_holds_is_unreachable_at_once(network):
    await network.ensure((VPC,))
    with socket.socket() as client, pytest.raises(OSError, match="No route to host"):
        client.connect(("10.77.9.9", 80))


@real_network
async def test_vips_and_addresses_are_exactly_the_given_ones(network, lb_namespace):
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP, OTHER_VIP}))
    await network.set_vips(frozenset({VIP}))
    await network.set_host_addresses(frozenset({INSTANCE, RESOLVER}))
    await network.set_host_addresses(frozenset({RESOLVER}))
    assert run_inside(path_of(lb_namespace), lambda: addresses("lb0")) == {f"{VIP}/32"}
    assert addresses("sealway0") == {f"{VPC_ROUTER}/32", f"{RESOLVER}/32"}
    assert set(routes()) == {VPC, VIP}
    assert routes()[VIP]["prefsrc"] == VPC_ROUTER
    assert (routes()[VPC]["type"], routes()[VPC]["metric"]) == ("unreachable", 20000)


@real_network
async def test_vpcs_come_and_go(network):
    await network.ensure((VPC, "10.88.0.0/16"))
    assert set(routes()) == {VPC, "10.88.0.0/16"}
    await network.set_host_addresses(frozenset())
    await network.ensure(("10.88.0.0/16",))
    assert set(routes()) == {"10.88.0.0/16"}
    assert addresses("sealway0") == {"10.88.0.1/32"}


@real_network
async def test_a_new_process_adopts_everything_and_changes_nothing(network, lb_namespace, task_pid):
    async def all_of_it(network: LinuxNetwork) -> None:
        await network.ensure((VPC,))
        await network.set_vips(frozenset({VIP}))
        await network.set_host_addresses(frozenset({INSTANCE}))
        await network.set_bridge_sources({"172.18.0.2": INSTANCE})
        await network.attach_task(TASK, task_pid)

    await all_of_it(network)
    before = snapshot()
    successor = LinuxNetwork(lb_namespace)
    await successor.ensure((VPC,))  # alone, it must not take what has not been said yet
    assert snapshot() == before
    assert await successor.list_tasks() == {ENI: "swt56789abcdef0"}
    await all_of_it(successor)
    assert snapshot() == before


@real_network
async def test_traffic_goes_on_while_all_is_ensured_again(network, lb_namespace, task_pid):
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    await network.attach_task(TASK, task_pid)
    with (
        listen_inside(task_pid, TASK_IP) as server,
        socket.create_connection(server.getsockname(), 10) as client,
    ):
        accepted, _ = server.accept()
        with accepted:
            successor = LinuxNetwork(lb_namespace)
            await successor.ensure((VPC,))
            await successor.attach_task(TASK, task_pid)
            client.sendall(b"still here")
            assert accepted.recv(100) == b"still here"


@real_network
async def test_a_broken_half_is_mended(network, lb_namespace):
    await network.ensure((VPC,))
    output("ip", "link", "del", "sealway0")
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    assert "1 received" in output("ping", "-c", "1", "-W", "2", VIP)


@real_network
async def test_the_tasks_routes_come_back_with_the_hosts_interface(network, task_pid):
    await network.ensure((VPC,))
    await network.attach_task(TASK, task_pid)
    output("ip", "link", "del", "sealway0")
    assert f"{TASK_IP} " not in routes()
    await network.ensure((VPC,))
    with listen_inside(task_pid, TASK_IP) as server, socket.socket() as client:
        assert peer_seen(server, client) == VPC_ROUTER


@real_network
async def test_a_task_whose_container_was_replaced_is_attached_to_the_new_one(network, task_pid):
    await network.ensure((VPC,))
    with stranger() as former:
        await network.attach_task(TASK, former)
        await network.attach_task(TASK, task_pid)
        assert "eth0" not in inside(former, "ip", "link")
    with listen_inside(task_pid, TASK_IP) as server, socket.socket() as client:
        assert peer_seen(server, client) == VPC_ROUTER


@real_network
async def test_a_task_whose_namespace_ended_leaves_nothing(network):
    await network.ensure((VPC,))
    with stranger() as pid:
        await network.attach_task(TASK, pid)
    deadline = time.monotonic() + 10
    while await network.list_tasks():  # the kernel ends a namespace in its own time
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    await network.detach_task(ENI)
    assert f"{TASK_IP}" not in routes()


@real_network
async def test_a_process_of_the_host_itself_is_not_touched(network):
    await network.ensure((VPC,))
    with pytest.raises(DriverError, match="of its own") as failure:
        await network.attach_task(TASK, os.getpid())
    assert not failure.value.retryable


@real_network
async def test_a_tasks_interfaces_have_the_usual_mtu(network, task_pid):
    await network.ensure((VPC,))
    interface = await network.attach_task(TASK, task_pid)
    for text in (
        output("ip", "-d", "link", "show", interface),
        inside(task_pid, "ip", "-d", "link", "show", "eth0"),
    ):
        assert "mtu 1500" in text


@real_network
async def test_bridge_sources_leave_from_their_instance(network, task_pid):
    """A namespace behind a bridge of the host's, as Docker's containers are."""
    await network.ensure((VPC,))
    await network.set_host_addresses(frozenset({INSTANCE}))
    await network.attach_task(TASK, task_pid)
    output("ip", "link", "add", "br9", "type", "bridge")
    output("ip", "addr", "add", "172.31.9.1/24", "dev", "br9")
    output("ip", "link", "set", "br9", "up")
    with stranger() as container:
        output(
            "ip",
            "link",
            "add",
            "vb9",
            "master",
            "br9",
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            str(container),
        )
        output("ip", "link", "set", "vb9", "up")
        for command in (
            "ip link set eth0 up",
            "ip addr add 172.31.9.2/24 dev eth0",
            "ip route add default via 172.31.9.1",
        ):
            inside(container, *command.split())
        await network.set_bridge_sources({"172.31.9.2": INSTANCE})
        with (
            listen_inside(task_pid, TASK_IP) as server,
            run_inside(path_of_pid(container), socket.socket) as client,
        ):
            assert peer_seen(server, client) == INSTANCE
        await network.set_bridge_sources({})
        with (
            listen_inside(task_pid, TASK_IP) as server,
            run_inside(path_of_pid(container), socket.socket) as client,
        ):
            assert peer_seen(server, client) == "172.31.9.2"


@real_network
async def test_what_leaves_the_vpc_is_masqueraded(network, task_pid):
    await network.ensure((VPC,))
    await network.attach_task(TASK, task_pid)
    output("ip", "link", "add", "out9", "type", "bridge")
    output("ip", "addr", "add", "198.51.100.1/24", "dev", "out9")
    output("ip", "link", "set", "out9", "up")
    with stranger() as outside:
        output(
            "ip",
            "link",
            "add",
            "vo9",
            "master",
            "out9",
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            str(outside),
        )
        output("ip", "link", "set", "vo9", "up")
        for command in ("ip link set eth0 up", "ip addr add 198.51.100.2/24 dev eth0"):
            inside(outside, *command.split())
        with (
            listen_inside(outside, "198.51.100.2") as server,
            run_inside(path_of_pid(task_pid), socket.socket) as client,
        ):
            assert peer_seen(server, client) == "198.51.100.1"


@real_network
async def test_forwarding_is_called_from_dockers_chain_when_docker_comes_later(network):
    await network.ensure((VPC,))
    assert output("iptables", "-S", "FORWARD").splitlines()[1] == "-A FORWARD -j SEALWAY-FORWARD"
    for rule in ("-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-I FORWARD -j DOCKER-USER"):
        output("iptables", *rule.split())
    output("iptables", "-t", "nat", "-I", "POSTROUTING", "-s", "172.18.0.0/16", "-j", "MASQUERADE")
    await network.ensure((VPC,))
    assert "SEALWAY-FORWARD" not in output("iptables", "-S", "FORWARD")
    assert output("iptables", "-S", "DOCKER-USER").splitlines()[1] == "-A DOCKER-USER -j SEALWAY-FORWARD"
    assert (
        output("iptables", "-t", "nat", "-S", "POSTROUTING").splitlines()[1]
        == "-A POSTROUTING -j SEALWAY-NAT"
    )
    await network.teardown()
    assert "SEALWAY" not in output("iptables-save")


@real_network
async def test_teardown_leaves_the_host_as_it_was(network, lb_namespace, task_pid):
    def host() -> str:
        return output("ip", "-o", "link") + output("ip", "route") + output("ip", "-4", "-o", "addr")

    before = host()
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    await network.set_host_addresses(frozenset({INSTANCE}))
    await network.set_bridge_sources({"172.18.0.2": INSTANCE})
    await network.attach_task(TASK, task_pid)
    await network.teardown()
    assert host() == before
    assert not path_of(lb_namespace).exists()
    assert "SEALWAY" not in output("iptables-save")


@real_network
async def test_the_loop_is_never_held_up(network, task_pid):
    """While a task is attached, the loop keeps turning."""
    await network.ensure((VPC,))
    gaps = []

    async def watch() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - begin)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        await network.attach_task(TASK, task_pid)
        watching.cancel()
    assert len(gaps) > 3


@real_network
async def test_an_ipv6_load_balancer_address_answers_and_goes(network):
    output("ip", "link", "set", "lo", "up")
    for _ in range(2):
        await network.ensure((VPC, VPC6))
        await network.set_vips(frozenset({VIP, VIP6}))
    assert "fd77:77:77:7700::1 " in output("ip", "-6", "route", "get", VIP6) + " "
    for vip in (VIP, VIP6):
        output("ping", "-c1", "-W3", vip)
    assert "unreachable fd77:77:77:7700::/56" in output("ip", "-6", "route")
    await network.set_vips(frozenset({VIP}))
    assert VIP6 not in output("ip", "-6", "route")
    await network.ensure((VPC,))
    output("ping", "-c1", "-W3", VIP)
    await network.teardown()
    assert "fd77" not in output("ip", "-6", "route")


@real_network
async def test_routers_are_still_listened_to_when_ipv6_is_forwarded(network):
    output("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    await network.ensure((VPC,))
    settings = Path("/proc/sys/net/ipv6/conf")
    assert (settings / "all/forwarding").read_text() == "0\n"
    assert (settings / "up0/accept_ra").read_text() == "1\n"
    await network.ensure((VPC, VPC6))
    assert (settings / "all/forwarding").read_text() == "1\n"
    assert (settings / "up0/accept_ra").read_text() == "2\n"


@real_network
async def test_a_peers_networks_are_routed_to_it_and_see_who_calls(network):
    output("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    output("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
    for name in ("up0", "up1"):
        output("ip", "link", "set", name, "up")
    peers = {"10.2.0.0/16": "192.0.2.2", "10.3.0.0/16": "198.51.100.7"}
    for _ in range(2):
        await network.ensure((VPC,), peers)
        assert "10.2.0.0/16 via 192.0.2.2 dev up0" in output("ip", "route")
        assert "10.3.0.0/16" not in output("ip", "route"), "no neighbour"
    assert "-A SEALWAY-NAT -d 10.2.0.0/16 -j RETURN" in output("iptables-save", "-t", "nat")
    await network.ensure((VPC,))
    assert "10.2.0.0/16" not in output("ip", "route") + output("iptables-save")
    await network.ensure((VPC,), peers)
    await network.teardown()
    assert "10.2.0.0/16" not in output("ip", "route") + output("iptables-save")
