"""An account setting of ECS: what a principal, or a whole account, has chosen in one region."""

from typing import ClassVar

from . import arn
from .resource import Resource

DUAL_STACK = "dualStackIPv6"
"""Whether tasks get IPv6 addresses where their subnets have any: yes, unless it says ``disabled``. Source:
ECS Developer Guide, "Access Amazon ECS features with account settings"."""


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


def account_key(region: str, account_id: str, name: str) -> str:
    """The key of what holds for a whole account: the root user's."""
    return setting_key(region, arn.make("iam", "", account_id, "root"), name)


def is_enabled(setting: AccountSetting | None) -> bool:
    """Of one that is enabled unless somebody has chosen otherwise."""
    return setting is None or setting.value == "enabled"
