from sealway.control.usage import read_usage
from sealway.model.target_group import Target
from tests.support.control_world import GROUP, ControlWorld


def target(world: ControlWorld, zone: str) -> Target:
    return Target(
        target_group_arn=GROUP, id="10.0.0.1", port=1, availability_zone=zone, registered_at=world.now
    )


def test_a_target_is_in_use_in_the_zones_of_the_load_balancer(world: ControlWorld) -> None:
    world.target_group(listener=False)
    world.listen("us-east-1a")
    usage = read_usage(world.store)
    assert [usage.of(target(world, z)) for z in ("us-east-1a", "us-east-1b", "all")] == [True, False, True]


def test_without_a_listener_nothing_is_in_use(world: ControlWorld) -> None:
    world.target_group(listener=False)
    usage = read_usage(world.store)
    assert not usage.of(target(world, "us-east-1a"))
    assert not usage.of(target(world, "all"))
