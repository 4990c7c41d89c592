from sealway.model.shared import Givers, Shared


def test_the_last_in_order_counts_whoever_came_first() -> None:
    made: Shared[str, int] = Shared()
    assert made.give("b", {"x": 2}) == {"x"}
    assert made.give("a", {"x": 1, "y": 1}) == {"y"}
    assert made.values == {"x": 2, "y": 1}
    assert made.give("b", {}) == {"x"}
    assert made.values == {"x": 1, "y": 1}
    assert set(made.givers("x")) == {"a"}


def test_the_same_again_changes_nothing() -> None:
    made: Shared[str, int | None] = Shared()
    assert made.give("a", {"x": None}) == {"x"}
    assert made.give("a", {"x": None}) == set()
    assert made.give("a", {"x": 3}) == {"x"}
    assert made.give("a", {}) == {"x"}
    assert (made.values, list(made.givers("x"))) == ({}, [])


def test_who_gives_what() -> None:
    made: Givers[str] = Givers()
    made.give("a", {"x", "y"})
    made.give("b", {"y"})
    made.give("a", {"y", "z"})
    assert (set(made.of("x")), set(made.of("y")), set(made.of("z"))) == (set(), {"a", "b"}, {"a"})
    made.give("a", set())
    assert (set(made.given("a")), set(made.of("y"))) == (set(), {"b"})
