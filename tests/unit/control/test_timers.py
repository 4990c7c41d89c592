from datetime import UTC, datetime, timedelta

from sealway.control.timers import Timers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_first_is_at_hand_and_is_over_once_it_is_due() -> None:
    timers: Timers[str] = Timers()
    assert timers.first is None
    for name, seconds in (("a", 3), ("b", 1), ("c", 2)):
        timers.set(name, at(seconds))
    assert timers.first == at(1)
    assert timers.due(at(2)) == ["b", "c"]
    assert (timers.first, timers.due(at(2))) == (at(3), [])


def test_a_timer_set_anew_counts_once() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", at(1))
    timers.set("a", at(5))
    timers.set("b", at(2))
    timers.set("b", None)
    assert (timers.first, timers.due(at(4))) == (at(5), [])
    timers.set("a", at(1))
    timers.set("a", at(1))
    assert timers.due(at(9)) == ["a"]
    assert timers.first is None
