"""Networks that this host and a peer would both have."""

from pathlib import Path

import pytest

from sealway.app.peering import NetworksOverlap, refuse_overlap
from sealway.app.seed import default_vpc, seed
from sealway.model.ids import CountingIds
from sealway.store.sqlite import SqliteStore


def test_a_first_start_keeps_clear_of_its_peers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    seed(store, CountingIds(), "us-east-1", ["172.31.0.0/16", "10.254.0.0/16"])
    assert default_vpc(store, "us-east-1").cidr not in {"172.31.0.0/16", "10.254.0.0/16"}
    refuse_overlap({"172.31.0.0/16": "192.0.2.2"}, store)


def test_a_peer_with_a_network_of_ours_is_refused_by_name(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    seed(store, CountingIds(), "us-east-1")
    vpc = default_vpc(store, "us-east-1")
    with pytest.raises(NetworksOverlap, match=f"{vpc.cidr} of this host's {vpc.id}"):
        refuse_overlap({vpc.cidr: "192.0.2.2"}, store)
