"""Amazon Resource Names, as AWS writes them.

Source: the Service Authorization Reference, resource types of ECS, Elastic Load Balancing V2 and EC2.
"""

from typing import NamedTuple

PARTITION = "aws"


class Arn(NamedTuple):
    """``arn:partition:service:region:account:resource`` taken apart."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None when ``text`` is not one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return Arn(*parts[1:])


def make(service: str, region: str, account_id: str, resource: str) -> str:
    """An ARN in the ``aws`` partition."""
    return str(Arn(PARTITION, service, region, account_id, resource))


def ecs(region: str, account_id: str, resource: str) -> str:
    """For example ``ecs(r, a, "cluster/blue")``."""
    return make("ecs", region, account_id, resource)


def elb(region: str, account_id: str, resource: str) -> str:
    """For example ``elb(r, a, "loadbalancer/net/edge/50dc6c495c0c9188")``."""
    return make("elasticloadbalancing", region, account_id, resource)


def ec2(region: str, account_id: str, resource: str) -> str:
    """For example ``ec2(r, a, "instance/i-0123456789abcdef0")``."""
    return make("ec2", region, account_id, resource)


def last(text: str) -> str:
    """What stands after the last slash: a task's id, a cluster's name."""
    return text.rsplit("/", 1)[-1]
