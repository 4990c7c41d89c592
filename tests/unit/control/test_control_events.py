import pytest

from sealway.control import events
from sealway.model.ids import CountingIds
from sealway.model.placement import MEMBER_OF, Refusal, Unplaced
from sealway.model.service import EVENTS_KEPT
from tests.support.cluster_world import NOW
from tests.support.control_world import ControlWorld


def test_newest_come_first_and_the_oldest_fall_off(world: ControlWorld) -> None:
    world.create(0)
    service = events.add(world.service, [f"says {n}" for n in range(EVENTS_KEPT + 5)], CountingIds(), NOW)
    assert service.events[0].message == f"(service orders) says {EVENTS_KEPT + 4}"
    assert len(service.events) == EVENTS_KEPT
    assert len({event.id for event in service.events}) == EVENTS_KEPT


def test_nothing_said_is_nothing_changed(world: ControlWorld) -> None:
    world.create(0)
    assert events.add(world.service, [], CountingIds(), NOW) is world.service


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("RESOURCE:MEMORY", "(container-instance ab12) has insufficient memory available."),
        ("RESOURCE:PORTS", "(container-instance ab12) is already using a port required by your task."),
        (MEMBER_OF, "(container-instance ab12) is missing an attribute required by your task."),
        ("AGENT", '(container-instance ab12) encountered error "AGENT".'),
    ],
)
def test_refusals_are_worded_as_aws_words_them(reason: str, words: str) -> None:
    message = events.unable_to_place(
        Unplaced((Refusal("arn:aws:ecs:r:a:container-instance/blue/ab12", reason),))
    )
    assert words in message


def test_a_fargate_task_without_an_address_has_no_instance_to_name() -> None:
    message = events.unable_to_place(Unplaced((Refusal("", "RESOURCE:ENI"),)))
    assert message.startswith("was unable to place a task. Reason: RESOURCE:ENI.")


def test_the_same_want_of_room_is_said_once_whichever_instance_is_closest(world: ControlWorld) -> None:
    world.create(0)
    service = world.service
    for instance in ("ab12", "cd34"):
        message = events.unable_to_place(Unplaced((Refusal(f"x/{instance}", "RESOURCE:CPU"),)))
        if not events.said_since_last_start(service, message):
            service = events.add(service, [message], CountingIds(), NOW)
    assert len(service.events) == 1
    other = events.unable_to_place(Unplaced((Refusal("x/ab12", "RESOURCE:MEMORY"),)))
    assert not events.said_since_last_start(service, other)
