from sealway.node.views import Views
from tests.support import node_world
from tests.support.node_world import World


def test_all_look_at_one_snapshot_until_something_changes(world: World) -> None:
    world.put(*node_world.vpc(), node_world.balancer())
    views = Views(world.store)
    first = views.current()
    assert views.current() is first
    assert [b.name for b in first.balancers] == ["edge"]

    world.put(node_world.group())
    second = views.current()
    assert second is not first
    assert len(second.groups) == 1
    assert not first.groups


def test_what_it_does_not_show_makes_no_new_one(world: World) -> None:
    views = Views(world.store)
    first = views.current()
    world.put(node_world.cluster())
    assert views.current() is first
