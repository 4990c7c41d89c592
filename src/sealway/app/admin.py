"""What the command line may ask of a running Sealway, over its Unix socket."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..drivers.contracts.dataplane import DataPlane
from ..drivers.contracts.host_network import HostNetwork
from ..model.clock import system_clock
from ..model.credential import Credential
from ..model.ids import IdSource
from ..services.admin import credentials
from ..services.admin.status import status
from ..store import Store
from ..wire.admin import AdminOperation
from . import traffic
from .metrics import metrics
from .seed import seed_account


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What other commands need to know of a running Sealway."""

    pid: int
    api: str
    region: str
    resolver: str
    dataplane: str


def admin_operations(
    store: Store, ids: IdSource, info: RunInfo, dataplane: DataPlane, network: HostNetwork
) -> Mapping[str, AdminOperation]:
    """Operation name -> what answers it."""

    def add(wanted: dict[str, Any]) -> Any:
        credential = credentials.add_credential(store, ids, system_clock(), wanted)
        seed_account(store, ids, info.region, credential.account_id)
        return credential

    return {
        "drops": lambda _: traffic.drops(dataplane, network),
        "flows": lambda _: traffic.flows(dataplane),
        "flow-events": lambda _: traffic.flow_events(dataplane),
        "refusals": lambda _: traffic.refusals(store, dataplane, network),
        "info": lambda _: info,
        "metrics": lambda _: metrics(store, dataplane, network),
        "status": lambda _: status(store),
        "first-credential": lambda _: credentials.first_credential(store, ids, system_clock()),
        "credentials-list": lambda _: store.list(Credential),
        "credentials-add": add,
        "credentials-remove": lambda wanted: credentials.remove_credential(store, wanted["access_key_id"]),
    }
