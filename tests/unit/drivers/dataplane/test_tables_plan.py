"""From state to map writes: the right ones, in the right order, and none when nothing changed."""

import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane import abi
from sealway.drivers.dataplane.layouts import WIDE
from sealway.drivers.dataplane.slots_plan import SLOT_MASK, Entries, Place
from sealway.drivers.dataplane.tables_plan import EMPTY, TableFull, Tables, after, plan, wide_part
from sealway.model.guard import Direction, Guard, GuardRule, Guards

PLACES = {"swt1": Place(7, True), "swt2": Place(8, True), "sealway-br0": Place(9, False)}
TASK1 = Backend(address="10.1.1.11", port=8443, interface="swt1")
TASK2 = Backend(address="10.1.2.12", port=8443, interface="swt2")
BOX = Backend(address="172.30.0.11", port=80, interface="sealway-br0")


def frontend(
    *backends: Backend, vip: str = "10.1.1.100", keep: bool = True, proxy: bool = False, **more: object
) -> Frontend:
    shares = (WeightedBackend(backend=b, preserve_client_ip=keep, proxy_protocol=proxy) for b in backends)
    return Frontend(vip=vip, port=443, backends=tuple(shares), **more)


def state(*frontends: Frontend, draining: frozenset[Backend] = frozenset()) -> DataPlaneState:
    return DataPlaneState(vips=frozenset({"10.1.1.100"}), frontends=frontends, draining=draining)


def run(wanted: DataPlaneState, now: Tables = EMPTY) -> Tables:
    return after(now, plan(wanted, PLACES, now))


def backend(tables: Tables, wanted: Backend) -> abi.Backend | None:
    address = socket.inet_aton(wanted.address)
    return next((e for e in tables.backends.values() if e.address == address and e.state), None)


def ids_in(table: bytes) -> set[int]:
    words = [int.from_bytes(table[at : at + 4], "little") for at in range(0, len(table), 4)]
    assert words[0] == len(words) - 1
    return set(words[1:])


def test_a_first_state() -> None:
    tables = run(state(frontend(TASK1, BOX, keep=False, sticky=True, idle_timeout=60)))
    task, box = backend(tables, TASK1), backend(tables, BOX)
    assert task is not None
    assert box is not None
    assert (task.via, task.ifindex, task.state) == (abi.Via.PEER, 7, abi.BackendState.ACTIVE)
    assert (box.via, box.ifindex, box.port) == (abi.Via.NEIGHBOUR, 9, (80).to_bytes(2, "big"))
    ((key, value),) = tables.frontends.items()
    assert (socket.inet_ntoa(key.vip), key.port, key.protocol) == ("10.1.1.100", b"\x01\xbb", 6)
    assert (value.flags, value.idle_timeout) == (abi.FrontendFlag.STICKY, 60)
    assert {task.flags, box.flags} == {abi.BackendFlag.HIDE_CLIENT}
    assert ids_in(tables.maglev[value.id]) == {task.id, box.id}


def test_the_same_state_again_takes_no_write() -> None:
    wanted = state(frontend(TASK1, TASK2, BOX), frontend(BOX, vip="10.1.2.100"))
    assert plan(wanted, PLACES, run(wanted)).writes == 0


def test_a_backend_change_is_one_table_write_besides_the_backend() -> None:
    now = run(state(frontend(TASK1, TASK2)))
    todo = plan(state(frontend(TASK1), draining=frozenset({TASK2})), PLACES, now)
    assert todo.writes == 2
    assert [entry.state for entry in todo.backends] == [abi.BackendState.DRAINING]
    assert len(todo.tables) == 1


def test_a_removed_backend_is_freed_and_its_slot_gets_another_generation() -> None:
    now = run(state(frontend(TASK1, TASK2)))
    old = backend(now, TASK2)
    assert old is not None
    now = run(state(frontend(TASK1)), now)
    assert backend(now, TASK2) is None
    new = backend(run(state(frontend(TASK1, TASK2)), now), TASK2)
    assert new is not None
    assert new.id & SLOT_MASK == old.id & SLOT_MASK
    assert new.id != old.id


def test_generations_start_over_without_ever_making_the_id_zero() -> None:
    last = abi.Backend(
        bytes(4), bytes(2), abi.BackendState.FREE, 0, 0xFFFF << 16, 0, 0, 0, bytes(4), bytes(2), 0
    )
    tables = run(state(frontend(TASK1)), Tables(frozenset(), {}, {0: last}, {}))
    assert tables.backends[0].id == 1 << 16


def test_a_slot_in_use_is_not_given_away_in_the_plan_that_frees_it() -> None:
    now = run(state(frontend(TASK1)))
    todo = plan(state(frontend(TASK2)), PLACES, now)
    assert {e.id & SLOT_MASK for e in todo.backends}.isdisjoint(e.id & SLOT_MASK for e in todo.freed)


def test_an_interface_of_another_index_is_another_backend() -> None:
    now = run(state(frontend(TASK1)))
    todo = plan(state(frontend(TASK1)), {"swt1": Place(70, True)}, now)
    assert len(todo.backends) == len(todo.freed) == 1


def test_a_backend_whose_interface_is_missing_takes_no_flow() -> None:
    gone = Backend(address="10.1.3.13", port=8443, interface="swt3")
    tables = run(state(frontend(TASK1, gone)))
    assert backend(tables, gone) is None
    (table,) = tables.maglev.values()
    task = backend(tables, TASK1)
    assert task is not None
    assert ids_in(table) == {task.id}


def test_a_frontend_without_backends_has_no_table() -> None:
    now = run(state(frontend(TASK1)))
    todo = plan(state(frontend()), PLACES, now)
    assert list(todo.gone_tables) == [0]
    assert not todo.gone_frontends


def test_a_frontend_goes_before_its_table_and_backend() -> None:
    now = run(state(frontend(TASK1)))
    todo = plan(DataPlaneState(), PLACES, now)
    assert (len(todo.gone_frontends), len(todo.gone_tables), len(todo.freed)) == (1, 1, 1)
    order = list(todo._fields)
    assert order.index("gone_frontends") < order.index("gone_tables") < order.index("freed")
    assert order.index("backends") < order.index("tables") < order.index("frontends")


def test_a_new_frontend_does_not_take_over_an_old_ones_counters() -> None:
    now = run(state(frontend(TASK1)))
    now = run(state(frontend(TASK1, vip="10.1.2.100")), now)
    todo = plan(state(frontend(TASK1, vip="10.1.3.100")), PLACES, now)
    assert list(todo.new_counters) == [value.id for value in todo.frontends.values()]


def test_too_many_frontends() -> None:
    many = [frontend(vip=f"10.{n >> 8}.{n & 255}.1") for n in range(abi.Limit.MAX_FRONTENDS + 1)]
    with pytest.raises(TableFull, match="frontends"):
        plan(state(*many), PLACES, EMPTY)


backends = st.sets(st.sampled_from([TASK1, TASK2, BOX]))
states = st.builds(
    lambda first, second, draining: DataPlaneState(
        vips=frozenset({"10.1.1.100"}),
        frontends=(frontend(*sorted(first, key=str)), frontend(*sorted(second, key=str), vip="10.1.2.100")),
        draining=frozenset(draining),
        interfaces=frozenset({Interface(name="swt1", role="task")}),
    ),
    backends, backends, backends,
)  # fmt: skip


@given(st.lists(states, min_size=1, max_size=8))
def test_any_way_there_ends_with_nothing_to_do(way: list[DataPlaneState]) -> None:
    now = EMPTY
    for wanted in way:
        now = run(wanted, now)
        assert plan(wanted, PLACES, now).writes == 0
        living = {entry.id for entry in now.backends.values() if entry.state}
        assert all(ids_in(table) <= living for table in now.maglev.values())
        again = msgspec.json.decode(msgspec.json.encode(wanted), type=DataPlaneState)
        assert plan(again, PLACES, now).writes == 0


def test_an_address_shared_with_the_host_is_looked_at_but_no_vip() -> None:
    """So what is not for a listener there, fragments too, is left to the host."""
    shared = msgspec.structs.replace(
        state(frontend(TASK1), frontend(TASK1, vip="192.0.2.1")), shared=frozenset({"192.0.2.1"})
    )
    first = plan(shared, PLACES, EMPTY)
    both = sorted(map(socket.inet_aton, ("10.1.1.100", "192.0.2.1")))
    assert (first.vips, first.looked_at) == ([socket.inet_aton("10.1.1.100")], both)
    now = after(EMPTY, first)
    assert plan(shared, PLACES, now).looked_at is None
    assert plan(state(frontend(TASK1)), PLACES, now).looked_at == [socket.inet_aton("10.1.1.100")]


def test_the_other_address_of_a_load_balancer_is_looked_at_but_no_vip() -> None:
    """Targets on other hosts answer there to IPv6 clients, and this host's uplink must know the answers."""
    vip = "fd00:1::100"
    wanted = state(frontend(TASK1, vip=vip, counterpart="10.1.1.100"))
    wanted = wide_part(msgspec.structs.replace(wanted, vips=frozenset({vip, "10.1.1.100"})))
    first = plan(wanted, PLACES, EMPTY, WIDE)
    both = sorted(map(WIDE.address, (vip, "10.1.1.100")))
    assert (first.vips, first.looked_at) == ([WIDE.address(vip)], both)
    assert plan(wanted, PLACES, after(EMPTY, first), WIDE).looked_at is None


EVERY = GuardRule(network="0.0.0.0/0")
GUARDS = Guards(
    rules={"sg-edge": Guard(ingress=(EVERY,)), "sg-app": Guard(), "sg-host": Guard(egress=(EVERY,))},
    of={"10.1.1.100": "sg-edge", TASK1.address: "sg-app", "10.1.1.50": "sg-host"},
    members={"sg-edge": frozenset({"10.1.1.100"})},
    published={(BOX.address, BOX.port): ("10.1.1.50", 32768)},
)


def guarded(*frontends: Frontend, **more: object) -> Tables:
    return run(msgspec.structs.replace(state(*frontends), guards=GUARDS, **more))


def test_a_load_balancer_is_guarded_wherever_it_is_answered() -> None:
    own, exposed = frontend(TASK1), frontend(TASK1, vip="203.0.113.1", node="10.1.1.100")
    tables = guarded(own, exposed)
    names = tables.guards.names
    wanted = names["sg-edge", Direction.INGRESS], names["sg-edge", Direction.EGRESS]
    assert [(f.ingress, f.egress) for f in tables.frontends.values()] == [wanted] * 2
    assert {socket.inet_ntoa(f.node) for f in tables.frontends.values()} == {"10.1.1.100"}
    unguarded = guarded(frontend(TASK1, vip="10.1.1.101"))
    assert [(f.ingress, f.egress) for f in unguarded.frontends.values()] == [(0, 0)]


def test_a_target_is_guarded_by_its_own_address_or_its_instances() -> None:
    tables = guarded(frontend(TASK1, TASK2, BOX))
    names = tables.guards.names
    task, other, box = (backend(tables, each) for each in (TASK1, TASK2, BOX))
    assert task is not None
    assert other is not None
    assert box is not None
    assert task.ingress == names["sg-app", Direction.INGRESS]
    assert (socket.inet_ntoa(task.guarded_address), task.guarded_port) == (TASK1.address, task.port)
    assert (other.ingress, other.through) == (abi.Table.EVERYTHING, abi.Table.NOTHING)
    assert box.ingress == names["sg-host", Direction.INGRESS]
    assert socket.inet_ntoa(box.guarded_address) == "10.1.1.50"
    assert int.from_bytes(box.guarded_port, "big") == 32768


def test_a_changed_rule_keeps_the_backends_flows() -> None:
    before = guarded(frontend(TASK1))
    opened = msgspec.structs.replace(GUARDS, rules={**GUARDS.rules, "sg-app": Guard(ingress=(EVERY,))})
    todo = plan(msgspec.structs.replace(state(frontend(TASK1)), guards=opened), PLACES, before)
    assert (todo.writes, todo.freed, todo.backends) == (1, [], [])


def test_a_task_interface_has_its_address_and_its_groups() -> None:
    task = Interface(name="swt1", role="task", address="10.1.1.50")
    anybody = Interface(name="swt2", role="task")
    tables = guarded(interfaces=frozenset({task, anybody, Interface(name="sealway-br0", role="bridge")}))
    egress = tables.guards.names["sg-host", Direction.EGRESS]
    assert tables.interfaces == {
        7: abi.Interface(socket.inet_aton("10.1.1.50"), egress),
        8: abi.Interface(bytes(4), abi.Table.EVERYTHING),
    }


class TestFlags:
    """What a target group asks for its targets' new flows."""

    def test_a_change_keeps_the_backend_and_so_its_flows(self) -> None:
        before = run(state(frontend(TASK1)))
        now = run(state(frontend(TASK1, keep=False, proxy=True)), before)
        old, new = backend(before, TASK1), backend(now, TASK1)
        assert old is not None
        assert new is not None
        assert (new.id, old.flags) == (old.id, 0)
        assert new.flags == abi.BackendFlag.HIDE_CLIENT | abi.BackendFlag.PROXY

    def test_groups_that_differ_have_an_entry_each(self) -> None:
        ways = (True, False)
        shares = tuple(WeightedBackend(backend=TASK1, preserve_client_ip=keep) for keep in ways)
        wanted = state(Frontend(vip="10.1.1.100", port=443, backends=shares))
        tables = run(wanted)
        ((_, value),) = tables.frontends.items()
        entries = [entry for entry in tables.backends.values() if entry.state]
        assert {entry.flags for entry in entries} == {0, abi.BackendFlag.HIDE_CLIENT}
        assert ids_in(tables.maglev[value.id]) == {entry.id for entry in entries}
        assert plan(wanted, PLACES, tables).writes == 0

    def test_one_that_no_group_asks_for_any_more_drains_as_long_as_the_target_is_there(self) -> None:
        both = tuple(WeightedBackend(backend=TASK1, preserve_client_ip=keep) for keep in (True, False))
        before = run(state(Frontend(vip="10.1.1.100", port=443, backends=both)))
        now = run(state(frontend(TASK1)), before)
        states = {entry.flags: entry.state for entry in now.backends.values()}
        assert states == {0: abi.BackendState.ACTIVE, abi.BackendFlag.HIDE_CLIENT: abi.BackendState.DRAINING}
        assert {entry.id for entry in now.backends.values()} == {
            entry.id for entry in before.backends.values()
        }
        gone = run(state(), now)
        assert {entry.state for entry in gone.backends.values()} == {abi.BackendState.FREE}


@pytest.mark.parametrize("count", [10, 100])
def test_a_security_group_makes_anew_the_backends_that_it_judges(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends = [Backend(address=f"10.1.{n}.1", port=80, interface="swt1") for n in range(count)]
    frontends = tuple(
        Frontend(vip="10.1.1.100", port=1000 + n, backends=(WeightedBackend(backend=each),))
        for n, each in enumerate(backends)
    )
    rules = {"open": Guard(ingress=(GuardRule(network="0.0.0.0/0"),)), "shut": Guard()}
    before = Guards(rules=rules, of={each.address: "open" for each in backends})
    after_it = msgspec.structs.replace(before, of={**before.of, backends[3].address: "shut"})
    state = DataPlaneState(vips=frozenset({"10.1.1.100"}), frontends=frontends, guards=before)
    places = {"swt1": Place(7, True)}
    now = after(EMPTY, plan(state, places, EMPTY))
    made: list[Backend] = []
    entry = Entries.entry
    monkeypatch.setattr(Entries, "entry", lambda of, each, *more: made.append(each) or entry(of, each, *more))
    changed = plan(msgspec.structs.replace(state, guards=after_it), places, now)
    assert set(made) == {backends[3]}
    assert [one.address for one in changed.backends] == [socket.inet_aton(backends[3].address)]
