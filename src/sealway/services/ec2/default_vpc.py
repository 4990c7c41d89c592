"""The default VPC: made at the first start, and when a new account comes.

All VPCs on a machine share its one routing table, so no two may overlap, whoever owns them
(docs/adr/0002). The usual 172.31.0.0/16 goes to whoever comes first; the next get another network.
Source of the layout: Amazon VPC User Guide, "Default VPC components".
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from ...model.errors import AwsError
from ...model.ids import IdSource
from ...model.network import SecurityGroup, Subnet, Vpc
from ...model.request import Params
from ...store import Reader, Transaction
from ..context import Context, Operation
from .lookup import default_vpc
from .request import operation
from .security_group_rules import EVERYWHERE, from_group
from .vpc_shape import vpc_shape
from .zones import zone_id, zone_names

USUAL_CIDR = "172.31.0.0/16"
SUBNET_PREFIX = 20


def overlapping(cidr: str, networks: Sequence[str]) -> str | None:
    """The first of ``networks`` that shares an address with ``cidr``; a default route never counts."""
    wanted = IPv4Network(cidr)
    for text in networks:
        network = IPv4Network(text, strict=False)
        if network.prefixlen and network.overlaps(wanted):
            return text
    return None


def _candidates() -> Iterator[str]:
    yield USUAL_CIDR
    # 10/8 from the rarely used end. Docker's own pools, 172.17/12 and 192.168/16, come last.
    yield from (f"10.{second}.0.0/16" for second in range(254, -1, -1))
    yield "172.16.0.0/16"
    yield from (f"172.{second}.0.0/16" for second in range(30, 16, -1))
    yield "192.168.0.0/16"


def choose_cidr(host_networks: Sequence[str]) -> str:
    """172.31.0.0/16, or the first private /16 that clashes with none of ``host_networks`` (CIDRs).

    Raises InvalidVpc.Range when the host routes every private network elsewhere.
    """
    for cidr in _candidates():
        if overlapping(cidr, host_networks) is None:
            return cidr
    raise AwsError("InvalidVpc.Range", "This host routes every private network elsewhere: no room for a VPC.")


def free_cidr(reader: Reader, host_networks: Sequence[str]) -> str:
    """``choose_cidr`` that also keeps away from every VPC stored, of any account."""
    return choose_cidr([*host_networks, *(vpc.cidr for vpc in reader.list(Vpc))])


def ensure_default_vpc(
    tx: Transaction, account_id: str, region: str, zones: Sequence[str], cidr: str, ids: IdSource
) -> Vpc:
    """The account's default VPC in the region, made if there is none: /20 subnets, default security group.

    ``zones`` are full names (us-east-1a); ``cidr`` is used only when it is made, see ``free_cidr``.
    """
    found = tx.list(Vpc, account_id=account_id, region=region, is_default=True)
    if found:
        return found[0]
    vpc = tx.put(
        Vpc(
            id=f"vpc-{ids.hex(17)}",
            account_id=account_id,
            region=region,
            cidr=cidr,
            is_default=True,
            attributes={"enableDnsSupport": True, "enableDnsHostnames": True},
        )
    )
    for zone, network in zip(zones, IPv4Network(cidr).subnets(new_prefix=SUBNET_PREFIX), strict=False):
        tx.put(_default_subnet(vpc, zone, str(network), ids))
    put_default_group(tx, vpc, ids)
    return vpc


def _default_subnet(vpc: Vpc, zone: str, cidr: str, ids: IdSource) -> Subnet:
    # map_public_ip_on_launch stays false where AWS says true: no public address is given out here.
    return Subnet(
        id=f"subnet-{ids.hex(17)}",
        account_id=vpc.account_id,
        region=vpc.region,
        vpc_id=vpc.id,
        cidr=cidr,
        availability_zone=zone,
        availability_zone_id=zone_id(zone),
        default_for_az=True,
    )


def put_default_group(tx: Transaction, vpc: Vpc, ids: IdSource) -> SecurityGroup:
    """The group every VPC is born with: its members reach each other, and anything outside."""
    group_id = f"sg-{ids.hex(17)}"
    return tx.put(
        SecurityGroup(
            id=group_id,
            account_id=vpc.account_id,
            region=vpc.region,
            vpc_id=vpc.id,
            name="default",
            description="default VPC security group",
            ingress=(from_group(group_id, vpc.account_id),),
            egress=(EVERYWHERE,),
        )
    )


def create_default_vpc(ctx: Context, request: Params) -> Params:
    """CreateDefaultVpc: for who deleted theirs, or works in another region."""
    del request
    with ctx.store.transaction() as tx:
        if default_vpc(ctx, tx) is not None:
            raise AwsError(
                "DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region."
            )
        cidr = free_cidr(tx, ctx.host_networks)
        vpc = ensure_default_vpc(tx, ctx.account_id, ctx.region, zone_names(ctx.region), cidr, ctx.ids)
    return {"Vpc": vpc_shape(vpc)}


OPERATIONS: dict[str, Operation] = {"CreateDefaultVpc": operation(create_default_vpc)}
