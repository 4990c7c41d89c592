"""PutAccountSetting, PutAccountSettingDefault, DeleteAccountSetting, ListAccountSettings.

A setting belongs to a principal in one region; the root user's is everybody's who has none of his own. An
access key here is its account's root user. ``_CHOICES`` holds what may be chosen: a value that would have
to change something which Sealway does otherwise is refused, the others have nothing to change.
Source: ECS Developer Guide, "Access Amazon ECS features with account settings".
"""

import re
from typing import NamedTuple

from ...model import arn
from ...model.account_setting import DUAL_STACK, AccountSetting, setting_key
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import errors
from .pages import cut

_PAGE = 10


class _Choice(NamedTuple):
    """The value that holds unless another is chosen, what may be chosen, what AWS knows besides."""

    default: str
    taken: tuple[str, ...]
    refused: tuple[str, ...] = ()


_LONG_ARNS = _Choice("enabled", ("enabled",))
_CHOICES = {
    "serviceLongArnFormat": _LONG_ARNS,
    "taskLongArnFormat": _LONG_ARNS,
    "containerInstanceLongArnFormat": _LONG_ARNS,
    DUAL_STACK: _Choice("enabled", ("enabled", "disabled")),
    "awsvpcTrunking": _Choice("disabled", ("enabled", "disabled")),
    "containerInsights": _Choice("disabled", ("disabled",), ("enabled", "enhanced")),
    "fargateFIPSMode": _Choice("disabled", ("disabled",), ("enabled",)),
    "tagResourceAuthorization": _Choice("on", ("on", "off")),
    "fargateTaskRetirementWaitPeriod": _Choice("7", ("0", "7", "14")),
    "guardDutyActivate": _Choice("off", ()),
    "defaultLogDriverMode": _Choice("blocking", ("blocking",), ("non-blocking",)),
    "fargateEventWindows": _Choice("disabled", ("disabled",), ("enabled",)),
}
_MANAGED_BY_AWS = "guardDutyActivate"
_PRINCIPAL = re.compile(r"root|(?:user|role)/[\w+=,.@/-]{1,576}")


def put_account_setting(ctx: Context, request: Params) -> Params:
    """PutAccountSetting: of the principal named, else of the caller."""
    return _put(ctx, request, _principal(ctx, request.get("principalArn")))


def put_account_setting_default(ctx: Context, request: Params) -> Params:
    """PutAccountSettingDefault: of everybody who has not chosen himself."""
    return _put(ctx, request, _root(ctx))


def _put(ctx: Context, request: Params, principal: str) -> Params:
    name, value = request["name"], request["value"]
    _check_value(name, value)
    with ctx.store.transaction() as tx:
        known = _own(ctx, tx, principal, name)
        setting = AccountSetting(
            version=known.version if known else 0,
            account_id=ctx.account_id,
            region=ctx.region,
            principal_arn=principal,
            name=name,
            value=value,
        )
        tx.put(setting)
    return {"setting": _show(name, value, principal)}


def _check_value(name: str, value: str) -> None:
    choice = _CHOICES[name]
    if name == _MANAGED_BY_AWS:
        raise errors.invalid(f"The account setting {name} is managed by AWS and cannot be changed.")
    if value in choice.taken:
        return
    if value in choice.refused:
        raise errors.unsupported(f"The value '{value}' of the account setting {name}")
    if choice is _LONG_ARNS and value == "disabled":
        raise errors.invalid("You can no longer disable Long Arn settings.")
    raise errors.invalid(
        f"The value '{value}' is not valid for the account setting {name}:"
        f" specify one of {', '.join((*choice.taken, *choice.refused))}."
    )


def delete_account_setting(ctx: Context, request: Params) -> Params:
    """DeleteAccountSetting: from then on the default holds, which is answered. Safe to repeat."""
    name, principal = request["name"], _principal(ctx, request.get("principalArn"))
    with ctx.store.transaction() as tx:
        known = _own(ctx, tx, principal, name)
        if known is not None:
            tx.delete(known)
        return {"setting": _show(name, _effective(ctx, tx, principal, name), principal)}


def list_account_settings(ctx: Context, request: Params) -> Params:
    """ListAccountSettings: those the principal has chosen; with ``effectiveSettings`` those that hold."""
    name, value = request.get("name"), request.get("value")
    if value and not name:
        raise errors.invalid("To filter by value, specify the account setting's name too.")
    principal = _principal(ctx, request.get("principalArn"))
    if request.get("effectiveSettings"):
        values = {each: _effective(ctx, ctx.store, principal, each) for each in _CHOICES}
    else:
        own = ctx.store.list(AccountSetting, principal_arn=principal, region=ctx.region)
        values = {setting.name: setting.value for setting in own}
    wanted = (n for n, v in values.items() if name in (None, n) and value in (None, "", v))
    if (request.get("maxResults") or 1) > _PAGE:
        raise errors.invalid(f"maxResults must be between 1 and {_PAGE}, not {request['maxResults']}.")
    chosen, token = cut(wanted, request, default=_PAGE)
    return {"settings": [_show(each, values[each], principal) for each in chosen], **token}


def _own(ctx: Context, reader: Reader, principal: str, name: str) -> AccountSetting | None:
    return reader.get(AccountSetting, setting_key(ctx.region, principal, name))


def _effective(ctx: Context, reader: Reader, principal: str, name: str) -> str:
    """The principal's own, else the account's, else AWS's."""
    found = _own(ctx, reader, principal, name) or _own(ctx, reader, _root(ctx), name)
    return found.value if found else _CHOICES[name].default


def _root(ctx: Context) -> str:
    return arn.make("iam", "", ctx.account_id, "root")


def _principal(ctx: Context, given: str | None) -> str:
    """The principal meant. Raises InvalidParameterException for one that is not of the account."""
    if not given:
        return _root(ctx)
    parsed = arn.parse(given)
    own = parsed is not None and parsed[:4] == (arn.PARTITION, "iam", "", ctx.account_id)
    if parsed is None or not own or not _PRINCIPAL.fullmatch(parsed.resource):
        raise errors.invalid(f"Invalid principal '{given}': specify a user, a role or the root user.")
    return given


def _show(name: str, value: str, principal: str) -> Params:
    kind = "aws_managed" if name == _MANAGED_BY_AWS else "user"
    return {"name": name, "value": value, "principalArn": principal, "type": kind}


OPERATIONS: dict[str, Operation] = {
    "PutAccountSetting": put_account_setting,
    "PutAccountSettingDefault": put_account_setting_default,
    "DeleteAccountSetting": delete_account_setting,
    "ListAccountSettings": list_account_settings,
}
