"""The options of ``sealway up``: a field each, with its name, type, default and help."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from typer import Option

from .paths import DEFAULT_DATA_DIR, DataDir


class DataPlaneName(StrEnum):
    """What carries connections."""

    EBPF = "ebpf"
    RELAY = "relay"


class XdpChoice(StrEnum):
    """Where uplinks drop early."""

    OFF = "off"
    NATIVE = "native"
    GENERIC = "generic"


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """As they were given, not yet checked. A repeatable one that was not given is None."""

    data_dir: DataDir = DEFAULT_DATA_DIR

    api: Annotated[str, Option(help="Address and port of the AWS API.")] = "127.0.0.1:4566"

    dataplane: Annotated[
        DataPlaneName,
        Option(help="ebpf: the kernel carries connections. relay: this process copies bytes."),
    ] = DataPlaneName.EBPF

    region: Annotated[str, Option(help="The region whose default VPC is made.")] = "us-east-1"

    uplink: Annotated[
        list[str] | None,
        Option(help="Interface on which outside clients come in; repeatable. Default: the default route's."),
    ] = None

    expose: Annotated[
        list[str] | None,
        Option(
            metavar="INTERFACE",
            help="Answer internet-facing load balancers' listeners at this interface's own addresses too, for"
            " clients without a route to the VPC; repeatable. Ports that this host listens on stay its own.",
        ),
    ] = None

    xdp: Annotated[
        XdpChoice | None,
        Option(
            help="Drop early, at --expose's interfaces, what would be dropped anyway. native: in the driver,"
            " before there is a packet. generic: in the kernel, whatever the driver; it saves little."
            " Default: native for devices whose driver can."
        ),
    ] = None

    peer: Annotated[
        list[str] | None,
        Option(
            metavar="ADDRESS=CIDR[,CIDR...]",
            help="A neighbour with a Sealway of its own, whose VPCs are those networks: they get a route"
            " there, and their addresses may be targets here. It names this host likewise; repeatable.",
        ),
    ] = None

    metrics: Annotated[
        str,
        Option(
            metavar="ADDRESS:PORT",
            help="Answer /metrics there, for a collector; whoever reaches it may read. See sealway metrics.",
        ),
    ] = ""

    replace_dataplane: Annotated[
        bool,
        Option(
            "--replace-dataplane",
            help="Go on where the data plane of an older Sealway cannot be taken over: its connections end.",
        ),
    ] = False
