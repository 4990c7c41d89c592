"""One Sealway for the whole folder, with the third architecture on it: real containers, kernel, clients.

    outside ── swdemo0 ─┐
    this host ── sealway0 ── NLB 443 ── orders (blue, EC2, bridge)
                            NLB 8443 ── ledger (green, Fargate, awsvpc)

Tests may deploy, kill and restart; each leaves both services stable.
"""

from collections.abc import Iterator

import pytest

from demo import outside
from demo.architecture import Side, build
from demo.machine import Machine
from tests.support.world import World

API = "127.0.0.1:14566"
METRICS = "127.0.0.1:14570"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("sealway")
    machine = Machine(directory / "state", api=API, uplinks=(outside.UPLINK,), metrics=METRICS)
    machine.prepare()
    outside.make()
    try:
        machine.start()
        clients = machine.clients()
        yield World(machine, clients, build(clients, lambda _: None), directory)
    finally:
        machine.down()
        outside.remove()


@pytest.fixture(params=["orders", "ledger"])
def side(request: pytest.FixtureRequest, world: World) -> Side:
    """Each service in turn."""
    found: Side = getattr(world.made, request.param)
    return found
