"""EC2 Query in: as Query, but lists are ``SubnetId.1`` and members have names of their own rules."""

from botocore.model import ListShape, Shape

from .query import Node, Query
from .query_names import ec2_name
from .service_models import Protocol


class Ec2Query(Query):
    """See ``Query``."""

    protocol: Protocol = "ec2"

    def member_name(self, shape: Shape, member: str) -> str:
        return ec2_name(shape, member)

    def items_of(self, shape: ListShape, node: Node) -> Node:
        return node
