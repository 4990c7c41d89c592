"""What is known of the tasks' interfaces, and what is said to have moved."""

import asyncio
from collections.abc import Mapping

from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.network.fake import FakeNetwork
from sealway.node.endpoints import Endpoints
from tests.support.virtual_time import play


class Slow(FakeNetwork):
    """Its list is a second old when it is told."""

    async def list_tasks(self) -> Mapping[str, str]:
        listed = await super().list_tasks()
        await asyncio.sleep(1)
        return listed


def endpoint(name: str) -> TaskEndpoint:
    return TaskEndpoint(network_interface_id=name, private_ip="10.0.0.9", mac="x")


def test_the_host_is_asked_once_and_then_told() -> None:
    async def scenario() -> None:
        network = FakeNetwork()
        await network.attach_task(endpoint("eni-1"), 1)
        known = Endpoints(network)
        assert set(await known.known()) == known.moved() == {"eni-1"}
        await known.attach(endpoint("eni-2"), 1)
        await known.detach("eni-1")
        assert set(await known.known()) == {"eni-2"}
        assert (known.moved(), known.moved()) == ({"eni-1", "eni-2"}, set())
        assert network.calls.count("list_tasks") == 1

    play(scenario())


def test_an_interface_that_somebody_took_away_is_known_to_be_gone_once_it_is_asked_for() -> None:
    async def scenario() -> None:
        network = FakeNetwork()
        known = Endpoints(network)
        await known.known()
        await known.attach(endpoint("eni-1"), 1)
        await known.attach(endpoint("eni-2"), 1)
        known.moved()
        await network.detach_task("eni-1")
        await network.detach_task("eni-2")
        assert not await known.has("eni-1")
        assert (set(await known.known()), known.moved()) == ({"eni-2"}, {"eni-1"})
        assert (await known.read(), known.moved()) == ({}, {"eni-2"})

    play(scenario())


def test_what_is_attached_while_the_host_lists_is_not_lost() -> None:
    async def scenario() -> None:
        known = Endpoints(Slow())
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(known.read())
            await asyncio.sleep(0.5)
            again = group.create_task(known.read())
            await known.attach(endpoint("eni-1"), 1)
        assert set(reading.result()) == set(again.result()) == set(await known.known()) == {"eni-1"}

    play(scenario())
