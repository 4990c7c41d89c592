"""Other hosts in the kernel's maps: where tunnels lead, who may send, and to which tasks."""

import socket

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane import abi
from sealway.drivers.dataplane.slots_plan import Place
from sealway.drivers.dataplane.tables_plan import EMPTY, Tables, after, plan

PLACES = {"swt1": Place(7, True), "192.0.2.2": Place(3, source="192.0.2.1")}
PEERS = {"10.2.0.0/16": "192.0.2.2"}
TASK = Interface(name="swt1", role="task", address="10.1.1.11")
THERE = Backend(address="10.2.1.11", port=8443, interface="")


def run(now: Tables = EMPTY, peers: dict[str, str] = PEERS, proxy: bool = False) -> Tables:
    share = WeightedBackend(backend=THERE, proxy_protocol=proxy)
    frontend = Frontend(vip="10.1.1.100", port=443, backends=(share,))
    state = DataPlaneState(frontends=(frontend,), interfaces=frozenset({TASK}), peers=peers)
    return after(now, plan(state, PLACES, now))


def living(tables: Tables) -> dict[str, abi.Backend]:
    return {socket.inet_ntoa(each.address): each for each in tables.backends.values() if each.state}  # type: ignore[misc]


def test_a_peer_and_its_target() -> None:
    tables = run()
    there = living(tables)["10.2.1.11"]
    assert (there.via, there.ifindex, there.flags) == (abi.Via.HOST, 3, 0)
    ((key, value),) = tables.tunnels["tunnels"].items()
    assert abi.TunnelKey.unpack(key) == (16, socket.inet_aton("10.2.0.0"))
    assert abi.Tunnel.unpack(value) == (socket.inet_aton("192.0.2.1"), 3)
    assert list(tables.tunnels["hosts"]) == [socket.inet_aton("192.0.2.2")]


def test_tasks_here_are_backends_at_any_port() -> None:
    tables = run()
    here = living(tables)["10.1.1.11"]
    assert (here.via, here.ifindex, here.port) == (abi.Via.PEER, 7, b"\0\0")
    assert tables.tunnels["tasks"] == {socket.inet_aton("10.1.1.11"): here.id.to_bytes(4, "little")}


def test_the_same_again_writes_nothing() -> None:
    share = WeightedBackend(backend=THERE)
    frontend = Frontend(vip="10.1.1.100", port=443, backends=(share,))
    state = DataPlaneState(frontends=(frontend,), interfaces=frozenset({TASK}), peers=PEERS)
    assert plan(state, PLACES, run()).writes == 0


def test_without_peers_all_of_it_goes() -> None:
    tables = run(run(), peers={})
    assert living(tables) == {}
    assert all(not entries for entries in tables.tunnels.values())


def test_a_peer_to_whom_no_route_leads() -> None:
    tables = run(peers={"10.2.0.0/16": "198.51.100.9"})
    assert "10.2.1.11" not in living(tables)
    assert tables.tunnels["tunnels"] == {}


def test_a_header_that_tells_the_client_goes_without_a_tunnel() -> None:
    """Its acknowledgement must be seen here, so the answers come this way: hidden."""
    assert living(run(proxy=True))["10.2.1.11"].flags == abi.BackendFlag.PROXY | abi.BackendFlag.HIDE_CLIENT
