"""ARNs of EC2's resources."""

from typing import Protocol

from ...model import arn


class Owned(Protocol):
    """What has an owner and a region."""

    @property
    def account_id(self) -> str:
        """Twelve digits."""
        ...

    @property
    def region(self) -> str:
        """For example us-east-1."""
        ...


def ec2_arn(resource: Owned, path: str) -> str:
    """``arn:aws:ec2:REGION:ACCOUNT:PATH``."""
    return arn.ec2(resource.region, resource.account_id, path)
