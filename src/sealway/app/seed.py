"""What a first start makes: the default account's key, and a default VPC for every account."""

from collections.abc import Iterable

from ..drivers.network.host_routes import host_networks
from ..model.clock import system_clock
from ..model.credential import Credential
from ..model.ids import IdSource
from ..model.network import Vpc
from ..services.admin import credentials
from ..services.ec2.default_vpc import choose_cidr, ensure_default_vpc
from ..store import Store

ZONE_LETTERS = "abc"


def seed(store: Store, ids: IdSource, region: str, peers: Iterable[str] = ()) -> None:
    """Makes what is missing; what is there stays as it is. ``peers``: networks that other hosts have."""
    credentials.first_credential(store, ids, system_clock())
    for account_id in sorted({c.account_id for c in store.list(Credential)}):
        seed_account(store, ids, region, account_id, peers)


def seed_account(
    store: Store, ids: IdSource, region: str, account_id: str, peers: Iterable[str] = ()
) -> None:
    """A default VPC, unless the account has one in the region."""
    if store.list(Vpc, account_id=account_id, region=region, is_default=True):
        return
    taken = (*host_networks(), *peers, *(vpc.cidr for vpc in store.list(Vpc)))
    zones = tuple(f"{region}{letter}" for letter in ZONE_LETTERS)
    with store.transaction() as tx:
        ensure_default_vpc(tx, account_id, region, zones, choose_cidr(taken), ids)


def default_vpc(store: Store, region: str) -> Vpc:
    """The default account's default VPC."""
    account = credentials.DEFAULT_ACCOUNT
    return store.list(Vpc, account_id=account, region=region, is_default=True)[0]
