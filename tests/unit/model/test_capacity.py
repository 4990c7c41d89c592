from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sealway.model.capacity import NAME, divided, next_provider
from tests.support.cluster_world import task


def item(name: str, weight: int | None = None, base: int | None = None) -> dict[str, object]:
    return {"capacityProvider": name, "weight": weight, "base": base}


def spread(strategy: list[dict[str, object]], count: int) -> Counter[str]:
    return Counter(t.extra[NAME] for t in divided([task(n) for n in range(count)], strategy, {}))


def test_the_base_comes_first_then_the_weights() -> None:
    strategy = [item("FARGATE", 1, 2), item("FARGATE_SPOT", 4)]
    assert spread(strategy, 2) == {"FARGATE": 2}
    assert spread(strategy, 12) == {"FARGATE": 4, "FARGATE_SPOT": 8}


def test_a_provider_without_weight_has_its_base_alone() -> None:
    assert spread([item("FARGATE", 0, 1), item("FARGATE_SPOT", 1)], 5) == {"FARGATE": 1, "FARGATE_SPOT": 4}
    assert spread([item("FARGATE")], 3) == {"FARGATE": 3}


def test_what_is_missing_is_made_up() -> None:
    strategy = [item("FARGATE", 1), item("FARGATE_SPOT", 1)]
    assert next_provider(strategy, {"FARGATE": 3, "FARGATE_SPOT": 1}) == "FARGATE_SPOT"


@given(
    weights=st.tuples(st.integers(1, 9), st.integers(1, 9)), base=st.integers(0, 5), count=st.integers(0, 60)
)
def test_no_provider_is_off_by_a_whole_task(weights: tuple[int, int], base: int, count: int) -> None:
    has = spread([item("A", weights[0], base), item("B", weights[1])], count)
    rest = max(0, count - base)
    assert has["A"] >= min(base, count)
    assert abs(has["B"] - rest * weights[1] / sum(weights)) <= 1


def test_without_a_strategy_nothing_is_said() -> None:
    (same,) = divided([task(1)], (), {})
    assert same == task(1)
