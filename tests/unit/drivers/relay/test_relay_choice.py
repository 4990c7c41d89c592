from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sealway.drivers.contracts.dataplane import Backend, WeightedBackend
from sealway.drivers.dataplane.relay_choice import choose, choose_for

A, B, C = (Backend(address=f"10.0.0.{n}", port=80, interface="x") for n in range(3))


def shares(**weights: int) -> list[WeightedBackend]:
    names = {"a": A, "b": B, "c": C}
    return [WeightedBackend(backend=names[name], weight=weight) for name, weight in weights.items()]


def chosen(*arguments: object) -> Backend | None:
    share = choose(*arguments)  # type: ignore[arg-type]
    return share.backend if share else None


def test_the_least_loaded_for_its_weight() -> None:
    assert chosen(shares(a=1, b=1), {A: 2, B: 1}, {}) == B
    assert chosen(shares(a=4, b=1), {A: 2, B: 1}, {}) == A


def test_among_equals_the_least_served() -> None:
    assert chosen(shares(a=1, b=1), {}, {A: 5, B: 4}) == B


def test_weight_zero_and_the_tried_take_none() -> None:
    assert chosen(shares(a=0, b=1, c=1), {}, {}, {B}) == C
    assert chosen(shares(a=0), {}, {}) is None
    assert chosen([], {}, {}) is None


@given(st.lists(st.integers(1, 100), min_size=3, max_size=3))
def test_lasting_connections_are_shared_by_weight(weights: list[int]) -> None:
    active: Counter[Backend] = Counter()
    given_shares = shares(a=weights[0], b=weights[1], c=weights[2])
    rounds = sum(weights)
    for _ in range(rounds):
        best = chosen(given_shares, active, active)
        assert best is not None
        active[best] += 1
    for share in given_shares:
        assert abs(active[share.backend] - share.weight) <= 2


CLIENTS = [f"198.51.{n // 256}.{n % 256}" for n in range(3000)]


def homes(given_shares: list[WeightedBackend], tried: tuple[Backend, ...] = ()) -> dict[str, Backend]:
    found = {client: choose_for(client, given_shares, tried) for client in CLIENTS}
    return {client: share.backend for client, share in found.items() if share}


def test_a_client_has_its_backend_whatever_their_order() -> None:
    assert homes(shares(a=1, b=1, c=1)) == homes(list(reversed(shares(a=1, b=1, c=1))))


def test_clients_are_shared_by_weight() -> None:
    counts = Counter(homes(shares(a=1, b=2, c=3)).values())
    assert abs(counts[A] - 500) < 75
    assert abs(counts[B] - 1000) < 100
    assert abs(counts[C] - 1500) < 100


def test_only_the_clients_of_a_backend_that_goes_move() -> None:
    before, after = homes(shares(a=1, b=1, c=1)), homes(shares(a=1, c=1))
    assert {client for client in CLIENTS if before[client] != after[client]} == {
        client for client in CLIENTS if before[client] == B
    }
    assert homes(shares(a=1, b=1, c=1), tried=(B,)) == after
    assert homes(shares(a=1, b=0, c=1)) == after
    assert choose_for("198.51.0.1", shares(a=1), {A}) is None
