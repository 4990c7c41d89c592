"""Security group rules: from what clients write to one rule a peer, and back.

A group stores single rules: ``IpPermission`` shapes with exactly one peer (CIDR or group). A rule's id is a
function of the group, the direction and what the rule says, so it needs no bookkeeping, and the same
rule never stands twice.

Source: Amazon EC2 API Reference, ``IpPermission``; VPC User Guide, "Security group rules".
"""

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...model.errors import AwsError
from ...model.network import SecurityGroup
from ...model.request import Params
from .arns import ec2_arn
from .request import unsupported

Rule = dict[str, Any]
"""An IpPermission with one peer."""

EVERYWHERE: Rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
_NAMED = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}
_PEER_LISTS = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "UserIdGroupPairs": "GroupId"}


def from_group(group_id: str, account_id: str) -> Rule:
    """All traffic from the members of a group."""
    return {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id, "UserId": account_id}]}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def _protocol(text: str | None) -> str:
    if not text:
        raise AwsError("MissingParameter", "The request must contain the parameter ipProtocol")
    name = _NAMED.get(text.lower(), text.lower())
    if name in {"tcp", "udp", "icmp", "icmpv6", "-1"} or (name.isdecimal() and int(name) <= 255):
        return name
    raise _invalid(f"Invalid value '{text}' for IP protocol. Unknown protocol.")


def _ports(protocol: str, low: int | None, high: int | None) -> dict[str, int]:
    if protocol in {"icmp", "icmpv6"}:
        low, high = -1 if low is None else low, -1 if high is None else high
        if not (-1 <= low <= 255 and -1 <= high <= 255):
            raise _invalid(f"Invalid value '{low}:{high}' for ICMP type and code.")
    elif protocol in {"tcp", "udp"}:
        if low is None or high is None:
            raise _invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
        if not 0 <= low <= high <= 65535:
            raise _invalid(f"Invalid TCP/UDP port range ({low}:{high})")
    else:
        return {}
    return {"FromPort": low, "ToPort": high}


def _cidr(text: str, version: int) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise _invalid(f"CIDR block {text} is malformed") from error
    if network.version != version or "/" not in text:
        raise _invalid(f"CIDR block {text} is malformed")
    return str(network)


def _peers(permission: Params) -> Iterator[Rule]:
    for entry in permission.get("IpRanges") or ():
        yield {"IpRanges": [{**entry, "CidrIp": _cidr(entry.get("CidrIp") or "", 4)}]}
    for entry in permission.get("Ipv6Ranges") or ():
        yield {"Ipv6Ranges": [{**entry, "CidrIpv6": _cidr(entry.get("CidrIpv6") or "", 6)}]}
    for entry in permission.get("UserIdGroupPairs") or ():
        yield {"UserIdGroupPairs": [dict(entry)]}


def flatten(permissions: Iterable[Params]) -> list[Rule]:
    """One rule a peer, normalised. Raises for what AWS refuses; group names are resolved before."""
    rules: list[Rule] = []
    for permission in permissions:
        if permission.get("PrefixListIds"):
            raise unsupported("The parameter PrefixListIds")
        protocol = _protocol(permission.get("IpProtocol"))
        ports = _ports(protocol, permission.get("FromPort"), permission.get("ToPort"))
        peers = list(_peers(permission))
        if not peers:
            raise AwsError(
                "MissingParameter", "A security group rule needs a CIDR block or a security group."
            )
        rules += [{"IpProtocol": protocol, **ports, **peer} for peer in peers]
    return rules


def merge(rules: Iterable[Rule]) -> list[Params]:
    """As DescribeSecurityGroups shows them: the peers of one protocol and port range together."""
    merged: dict[tuple[Any, ...], Params] = {}
    for rule in rules:
        key = (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"))
        head: Params = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
        empty: Params = {"IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
        into = merged.setdefault(key, {**head, **empty})
        for name in _PEER_LISTS:
            into[name].extend(rule.get(name, ()))
    return list(merged.values())


def peer(rule: Rule) -> str:
    """The rule's one peer: a CIDR or a group's id."""
    return next(str(rule[many][0][one]) for many, one in _PEER_LISTS.items() if rule.get(many))


def identity(rule: Rule) -> tuple[Any, ...]:
    """What makes two rules the same: all but the description."""
    return (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), peer(rule))


def _entry(rule: Rule) -> Params:
    return next(dict(rule[many][0]) for many in _PEER_LISTS if rule.get(many))


def rule_id(group: SecurityGroup, is_egress: bool, rule: Rule) -> str:
    """``sgr-`` and 17 digits."""
    text = json.dumps([group.id, is_egress, *identity(rule)])
    return "sgr-" + hashlib.sha256(text.encode()).hexdigest()[:17]


def wording(rule: Rule) -> str:
    """The rule as AWS's error messages quote it."""
    protocol = "ALL" if rule["IpProtocol"] == "-1" else rule["IpProtocol"].upper()
    ports = f", from port: {rule['FromPort']}, to port: {rule['ToPort']}" if "FromPort" in rule else ""
    return f'"peer: {peer(rule)}, {protocol}{ports}, ALLOW"'


def describe(group: SecurityGroup, is_egress: bool, rule: Rule) -> Params:
    """EC2's ``SecurityGroupRule``."""
    entry = _entry(rule)
    shape: Params = {
        "SecurityGroupRuleId": rule_id(group, is_egress, rule),
        "SecurityGroupRuleArn": ec2_arn(group, f"security-group-rule/{rule_id(group, is_egress, rule)}"),
        "GroupId": group.id,
        "GroupOwnerId": group.account_id,
        "IsEgress": is_egress,
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule.get("FromPort", -1),
        "ToPort": rule.get("ToPort", -1),
        "Tags": [],
    }
    if "CidrIp" in entry:
        shape["CidrIpv4"] = entry["CidrIp"]
    elif "CidrIpv6" in entry:
        shape["CidrIpv6"] = entry["CidrIpv6"]
    else:
        shape["ReferencedGroupInfo"] = {"GroupId": entry["GroupId"], "UserId": entry["UserId"]}
    if entry.get("Description"):
        shape["Description"] = entry["Description"]
    return shape
