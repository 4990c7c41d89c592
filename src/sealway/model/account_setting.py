"""An account setting of ECS: what a principal, or a whole account, has chosen in one region."""

from typing import ClassVar

from .resource import Resource


class AccountSetting(Resource, frozen=True, kw_only=True):
    """Key: region, principal and name. The root user's are the account's defaults."""

    INDEXES: ClassVar[tuple[str, ...]] = ("principal_arn",)

    account_id: str
    region: str
    principal_arn: str
    name: str
    value: str

    @property
    def key(self) -> str:
        return setting_key(self.region, self.principal_arn, self.name)


def setting_key(region: str, principal_arn: str, name: str) -> str:
    """The key of one setting. The principal's ARN names the account."""
    return f"{region}|{principal_arn}|{name}"
