"""When targets are probed, from where, and what is written."""

import asyncio
from datetime import timedelta

from sealway.drivers.contracts.prober import Probe, ProbeResult
from sealway.model.errors import DriverError
from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.target_group import HealthCheck, Target, TargetGroup, TargetHealth
from tests.support.node_world import (
    World,
    balancer,
    group,
    healthy,
    instance,
    listener,
    running,
    target,
    until,
    vpc,
)
from tests.support.virtual_time import clock, play

UNHEALTHY = "target_health_state__unhealthy"
KEEPS = {f"{UNHEALTHY}__connection_termination__enabled": "false"}
"""Names as ``group`` takes them."""
PASSED, FAILED = ProbeResult(passed=True), ProbeResult(passed=False, reason="Target.Timeout")


def listening(world: World, of: TargetGroup, *targets: Target) -> None:
    world.put(*vpc(), balancer(), of, listener(443, of), *targets)


def times(world: World) -> list[float]:
    return [round(at, 2) for at, _ in world.prober.asked]


def test_the_first_probe_comes_at_once_and_passes_the_target(world: World) -> None:
    g = group()
    t = target(g, "10.0.1.11", zone=1)
    listening(world, g, t)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t))
            await asyncio.sleep(25)
        assert times(world) == [0, 10, 20]
        assert world.prober.asked[0][1] == Probe(
            source="10.0.1.4", address="10.0.1.11", port=8443, protocol="TCP", timeout=10
        )
        seen = world.health(t)
        assert (seen.state, seen.reason, seen.version) == ("healthy", None, 1)

    play(scenario())


def test_a_target_that_has_never_answered_is_asked_more_often(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.prober.script = lambda _: PASSED if asyncio.get_running_loop().time() > 1 else FAILED

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t) and world.health(t).reason == "Elb.InitialHealthChecking")
            await until(lambda: world.health(t).state == "healthy")
        assert times(world) == [0, 0.25, 0.75, 1.75]

    play(scenario())


def test_early_failures_do_not_count(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.prober.script = lambda _: FAILED

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(9.9)
            assert world.health(t).state == "initial"
            await until(lambda: world.health(t).state == "unhealthy")
            assert asyncio.get_running_loop().time() < 10.1
            assert world.health(t).reason == "Target.Timeout"
            before = len(times(world))
            world.prober.script = lambda _: PASSED
            await until(lambda: world.health(t).state == "healthy", 60)
            assert times(world)[before:] == [20, 30, 40]

    play(scenario())


def test_a_healthy_target_stays_healthy_over_a_restart(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.put(healthy(t))
    world.prober.script = lambda _: FAILED

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(1)
            assert times(world) == [0]
            assert world.health(t).state == "healthy"
            await until(lambda: world.health(t).state == "unhealthy")

    play(scenario())


def test_only_what_is_in_use_is_probed(world: World) -> None:
    used, unused = group("used"), group("unused")
    away = target(used, "10.0.2.11").replace(availability_zone="us-east-1c")
    draining = target(used, "10.0.0.12").replace(draining_since=target(used, "x").registered_at)
    listening(world, used, away, draining)
    world.put(unused, target(unused, "10.0.0.13"), healthy(target(unused, "10.0.0.13")), healthy(draining))

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(30)
        assert world.prober.asked == []
        assert [h.key for h in world.store.list(TargetHealth)] == [draining.key]

    play(scenario())


def test_no_probe_before_the_load_balancer_answers(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    world.dataplane.fails = DriverError("not yet")
    world.put(*vpc(), balancer(state="provisioning"), g, listener(443, g), t)

    async def scenario() -> None:
        world.dataplane.fails = None
        async with running(world):
            await until(lambda: world.health(t))
        assert world.store.list(LoadBalancer)[0].state == "active"

    play(scenario())


def test_gone_targets_are_forgotten_and_listeners_count(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t))
            world.delete(Listener, listener(443, g).arn)
            await until(lambda: world.health(t) is None)
            world.put(listener(443, g))
            await until(lambda: world.health(t))
            world.delete(Target, t.key)
            await until(lambda: world.health(t) is None)
            asked = len(world.prober.asked)
            await asyncio.sleep(60)
            assert len(world.prober.asked) == asked

    play(scenario())


def test_a_new_registration_begins_anew(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t))
            await asyncio.sleep(5)
            world.prober.script = lambda _: FAILED
            world.change(Target, t.key, registered_at=clock())
            await until(lambda: world.health(t).state == "initial")
            await until(lambda: len(times(world)) == 2, 1)
            assert times(world)[-1] < 5.1

    play(scenario())


def test_another_health_check_takes_effect_at_once(world: World) -> None:
    g = group(target_type="instance")
    machine = instance(state="running")
    t = target(g, machine.id, port=49153)
    listening(world, g, machine, t)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.prober.asked)
            assert world.prober.asked[0][1].address == "10.0.0.101"
            assert world.prober.asked[0][1].port == 49153
            await asyncio.sleep(5)
            check = HealthCheck(
                protocol="HTTP", port="9000", path="/up", matcher="200", interval=30, timeout=6
            )
            world.change(TargetGroup, g.arn, health_check=check)
            await until(lambda: len(world.prober.asked) == 2, 1)
            assert world.prober.asked[1][1] == Probe(
                source="10.0.0.4",
                address="10.0.0.101",
                port=9000,
                protocol="HTTP",
                path="/up",
                matcher="200",
                timeout=6,
            )
            assert world.health(t).version == 1

    play(scenario())


def test_a_probe_that_cannot_be_sent_says_nothing(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    listening(world, g, t)

    def fail(_: Probe) -> ProbeResult:
        raise DriverError("no such address")

    world.prober.script = fail

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(50)
            assert world.health(t) is None
            world.prober.script = lambda _: PASSED
            await until(lambda: world.health(t))

    play(scenario())


def draining_group(interval: int) -> TargetGroup:
    return group(**KEEPS, **{f"{UNHEALTHY}__draining_interval_seconds": str(interval)})


def test_a_target_that_turns_unhealthy_drains_for_the_interval(world: World) -> None:
    g = draining_group(25)
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.put(healthy(t))
    world.prober.script = lambda _: FAILED

    async def scenario() -> None:
        async with running(world):
            now = asyncio.get_running_loop().time
            await until(lambda: world.health(t).state != "healthy")
            assert round(now(), 1) == 10
            seen = world.health(t)
            assert (seen.state, seen.reason) == ("unhealthy.draining", "Target.Timeout")
            await until(lambda: world.health(t).state != "unhealthy.draining")
            assert (round(now(), 1), world.health(t).state) == (35, "unhealthy")
            assert times(world)[-1] == 30, "no probe was sent for it"
            await asyncio.sleep(100)
            assert world.health(t).version == seen.version + 1

    play(scenario())


def test_a_target_that_recovers_while_it_drains_is_healthy_again(world: World) -> None:
    g = draining_group(3600)
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.put(healthy(t, "unhealthy.draining"))

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t).state == "healthy")
            assert times(world) == [0, 10, 20]
            await asyncio.sleep(5000)
            assert world.health(t).state == "healthy"

    play(scenario())


def test_a_drain_goes_on_over_a_restart_and_ends_with_the_attribute(world: World) -> None:
    g = draining_group(300)
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.put(healthy(t))
    world.prober.script = lambda _: FAILED

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t).state == "unhealthy.draining")
            await asyncio.sleep(200)
        await asyncio.sleep(40)
        async with running(world):
            await until(lambda: world.health(t).state == "unhealthy", 61)
            assert round(asyncio.get_running_loop().time()) == 310
            world.put(healthy(t, "unhealthy.draining").replace(changed_at=clock()))
            world.put(group(**KEEPS))
            await until(lambda: world.health(t).state == "unhealthy", 1)

    play(scenario())


def test_a_clock_that_was_set_back_gives_a_drain_no_more_than_its_interval(world: World) -> None:
    g = draining_group(60)
    t = target(g, "10.0.0.11")
    listening(world, g, t)
    world.put(healthy(t, "unhealthy.draining").replace(changed_at=t.registered_at + timedelta(days=1)))
    world.prober.script = lambda _: FAILED

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.health(t).state == "unhealthy", 61)
            assert round(asyncio.get_running_loop().time()) == 60

    play(scenario())
