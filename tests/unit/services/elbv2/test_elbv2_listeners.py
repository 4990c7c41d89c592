"""Listeners, their actions and rules: good paths, and AWS's refusals."""

import re
from typing import Any

import pytest

from sealway.model.load_balancer import Listener
from sealway.model.target_group import TargetGroup
from tests.support.elbv2_world import OTHER_VPC, World


def forward(*groups: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": list(groups)}, **more}]


def test_a_new_listener_reads_as_on_aws(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group()
    made = world.listener(edge, group)
    number = edge["LoadBalancerArn"][-16:]
    assert re.fullmatch(
        rf"arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/edge/{number}/[0-9a-f]{{16}}",
        made.pop("ListenerArn"),
    )
    arn = group["TargetGroupArn"]
    assert made == {
        "LoadBalancerArn": edge["LoadBalancerArn"],
        "Port": 443,
        "Protocol": "TCP",
        "DefaultActions": [
            {
                "Type": "forward",
                "TargetGroupArn": arn,
                "ForwardConfig": {
                    "TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}],
                    "TargetGroupStickinessConfig": {"Enabled": False},
                },
            }
        ],
    }


def test_weights(world: World) -> None:
    edge = world.load_balancer()
    blue, green = (world.target_group(name)["TargetGroupArn"] for name in ("blue", "green"))
    made = world.listener(
        edge,
        {},
        DefaultActions=forward(
            {"TargetGroupArn": blue, "Weight": 90}, {"TargetGroupArn": green, "Weight": 0}, Order=1
        ),
    )
    [action] = made["DefaultActions"]
    assert "TargetGroupArn" not in action
    assert action["Order"] == 1
    stored = world.store.get(Listener, made["ListenerArn"])
    assert stored
    assert stored.target_group_weights == {blue: 90, green: 0}


def test_what_stickiness_would_last_is_shown_as_given(world: World) -> None:
    group = {"TargetGroupArn": world.target_group()["TargetGroupArn"]}
    off = {"Enabled": False, "DurationSeconds": 60}
    actions = forward(group)
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = off
    made = world.listener(world.load_balancer(), {}, DefaultActions=actions)
    assert made["DefaultActions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"] == off


def test_the_same_request_again_answers_the_same_listener(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group()
    arn = group["TargetGroupArn"]
    first = world.listener(edge, group)
    assert world.listener(edge, group) == first
    assert world.listener(edge, group, DefaultActions=forward({"TargetGroupArn": arn})) == first
    assert world.error(
        "CreateListener",
        LoadBalancerArn=edge["LoadBalancerArn"],
        Protocol="TCP",
        Port=443,
        DefaultActions=forward({"TargetGroupArn": arn, "Weight": 2}),
    ) == (
        "DuplicateListener",
        f"A listener already exists on this port for this load balancer '{edge['LoadBalancerArn']}'",
    )


REFUSED = {
    "TLS": ({"Protocol": "TLS"}, "UnsupportedProtocol", "'TLS'"),
    "QUIC": ({"Protocol": "QUIC"}, "UnsupportedProtocol", "use one of 'TCP, UDP, TCP_UDP'"),
    "UDP to a TCP group": ({"Protocol": "UDP"}, "IncompatibleProtocols", "'UDP' and the protocol 'TCP'"),
    "TCP_UDP to a TCP group": ({"Protocol": "TCP_UDP"}, "IncompatibleProtocols", "'TCP_UDP'"),
    "HTTP": ({"Protocol": "HTTP"}, "ValidationError", "Listener protocol 'HTTP' must be one of 'TLS, TCP"),
    "no protocol": ({"Protocol": None}, "ValidationError", "A protocol must be specified"),
    "no port": ({"Port": None}, "ValidationError", "A port must be specified"),
    "a certificate": ({"Certificates": [{"CertificateArn": "c"}]}, "ValidationError", "Certificates"),
    "a TLS policy": ({"SslPolicy": "ELBSecurityPolicy-2016-08"}, "ValidationError", "SSL policy"),
    "ALPN": ({"AlpnPolicy": ["HTTP2Only"]}, "ValidationError", "ALPN"),
    "mutual TLS": ({"MutualAuthentication": {"Mode": "verify"}}, "ValidationError", "Mutual"),
    "mutual TLS that is off, with trust": (
        {"MutualAuthentication": {"Mode": "off", "TrustStoreArn": "t"}},
        "ValidationError",
        "Mutual",
    ),
    "a forward that redirects": (
        {"DefaultActions": [{"Type": "forward", "RedirectConfig": {"StatusCode": "HTTP_301"}}]},
        "ValidationError",
        "RedirectConfig cannot be specified for an action of type 'forward'",
    ),
    "a stickiness of no time": (
        {
            "DefaultActions": [
                {"Type": "forward", "ForwardConfig": {"TargetGroupStickinessConfig": {"DurationSeconds": 0}}}
            ]
        },
        "ValidationError",
        "between 1 and 604800 seconds",
    ),
    "no action": ({"DefaultActions": []}, "TooManyActions", "exactly one"),
    "a redirect": ({"DefaultActions": [{"Type": "redirect"}]}, "InvalidLoadBalancerAction", "'redirect'"),
    "no target group": ({"DefaultActions": [{"Type": "forward"}]}, "ValidationError", "must be specified"),
    "a malformed target group": (
        {"DefaultActions": forward({"TargetGroupArn": "x"})},
        "ValidationError",
        "'x' is not a valid target group ARN",
    ),
    "sticky target groups": (
        {
            "DefaultActions": [
                {"Type": "forward", "ForwardConfig": {"TargetGroupStickinessConfig": {"Enabled": True}}}
            ]
        },
        "InvalidConfigurationRequest",
        "TargetGroupStickinessConfig",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(world: World, case: str) -> None:
    edge, group = world.load_balancer(), world.target_group()
    change, code, words = REFUSED[case]
    request = {
        "LoadBalancerArn": edge["LoadBalancerArn"],
        "Protocol": "TCP",
        "Port": 443,
        "DefaultActions": forward({"TargetGroupArn": group["TargetGroupArn"]}),
        **change,
    }
    refused = world.error("CreateListener", **request)
    assert refused[0] == code
    assert words in refused[1]


def test_target_groups_that_do_not_fit(world: World) -> None:
    edge, second = world.load_balancer(), world.load_balancer("second")
    fits, foreign = world.target_group(), world.target_group("foreign", VpcId=OTHER_VPC)
    arn = fits["TargetGroupArn"]
    world.listener(second, fits)

    def refused(actions: list[dict[str, Any]]) -> tuple[str, str]:
        return world.error(
            "CreateListener",
            LoadBalancerArn=edge["LoadBalancerArn"],
            Protocol="TCP",
            Port=443,
            DefaultActions=actions,
        )

    assert refused(forward({"TargetGroupArn": arn})) == (
        "TargetGroupAssociationLimit",
        f"The following target groups cannot be associated with more than one load balancer: {arn}",
    )
    code, message = refused(forward({"TargetGroupArn": foreign["TargetGroupArn"]}))
    assert (code, "not in the VPC" in message) == ("InvalidConfigurationRequest", True)
    unknown = arn[:-16] + "0" * 16
    assert refused(forward({"TargetGroupArn": unknown})) == (
        "TargetGroupNotFound",
        f"Target groups '{unknown}' not found",
    )
    assert refused(forward({"TargetGroupArn": arn, "Weight": 1000}))[0] == "ValidationError"
    assert refused(forward({"TargetGroupArn": arn}, {"TargetGroupArn": arn}))[0] == "ValidationError"
    assert refused(forward({"TargetGroupArn": arn}, TargetGroupArn=unknown))[0] == "ValidationError"
    six = [{"TargetGroupArn": arn[:-1] + str(number)} for number in range(6)]
    assert refused(forward(*six))[0] == "TooManyUniqueTargetGroupsPerLoadBalancer"


def test_a_target_group_of_another_protocol_is_incompatible(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group()
    with world.store.transaction() as tx:
        stored = tx.get(TargetGroup, group["TargetGroupArn"])
        assert stored
        tx.put(stored.replace(protocol="UDP"))
    code, message = world.error(
        "CreateListener",
        LoadBalancerArn=edge["LoadBalancerArn"],
        Protocol="TCP",
        Port=53,
        DefaultActions=forward({"TargetGroupArn": group["TargetGroupArn"]}),
    )
    assert code == "IncompatibleProtocols"
    assert group["TargetGroupArn"] in message


def test_a_load_balancer_has_fifty_listeners(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group()
    for port in range(1, 51):
        world.listener(edge, group, port)
    assert world.error(
        "CreateListener",
        LoadBalancerArn=edge["LoadBalancerArn"],
        Protocol="TCP",
        Port=51,
        DefaultActions=forward({"TargetGroupArn": group["TargetGroupArn"]}),
    ) == (
        "TooManyListeners",
        f"The maximum number of listeners has been reached on load balancer '{edge['LoadBalancerArn']}'",
    )


def test_describe(world: World) -> None:
    edge, group = world.load_balancer(), world.target_group()
    made = [world.listener(edge, group, port) for port in (443, 8443)]
    of = world("DescribeListeners", LoadBalancerArn=edge["LoadBalancerArn"])["Listeners"]
    assert {one["Port"] for one in of} == {443, 8443}
    assert world("DescribeListeners", ListenerArns=[made[1]["ListenerArn"]])["Listeners"] == [made[1]]
    first = world("DescribeListeners", LoadBalancerArn=edge["LoadBalancerArn"], PageSize=1)
    rest = world("DescribeListeners", LoadBalancerArn=edge["LoadBalancerArn"], Marker=first["NextMarker"])
    assert first["Listeners"] + rest["Listeners"] == of

    arn = made[0]["ListenerArn"]
    missing = ("ListenerNotFound", "One or more listeners not found")
    assert world.error("DescribeListeners", ListenerArns=[arn[:-16] + "0" * 16]) == missing
    assert world.error("DescribeListeners", ListenerArns=[arn], account="111111111111") == missing
    assert world.error("DescribeListeners", ListenerArns=["x"])[0] == "ValidationError"
    assert world.error("DescribeListeners") == (
        "ValidationError",
        "You must specify either listener ARNs or a load balancer ARN",
    )
    gone = edge["LoadBalancerArn"][:-16] + "0" * 16
    assert world.error("DescribeListeners", LoadBalancerArn=gone)[0] == "LoadBalancerNotFound"


def test_modify_changes_what_is_named(world: World) -> None:
    edge = world.load_balancer()
    blue, green = world.target_group("blue"), world.target_group("green")
    arn = world.listener(edge, blue)["ListenerArn"]
    world.listener(edge, blue, 8443)

    moved = world("ModifyListener", ListenerArn=arn, Port=9443)["Listeners"][0]
    assert (moved["Port"], moved["DefaultActions"][0]["TargetGroupArn"]) == (9443, blue["TargetGroupArn"])
    turned = world(
        "ModifyListener", ListenerArn=arn, DefaultActions=forward({"TargetGroupArn": green["TargetGroupArn"]})
    )["Listeners"][0]
    assert turned["Port"] == 9443
    assert turned["DefaultActions"][0]["TargetGroupArn"] == green["TargetGroupArn"]

    assert world.error("ModifyListener", ListenerArn=arn, Port=8443)[0] == "DuplicateListener"
    assert world.error("ModifyListener", ListenerArn=arn, Protocol="TLS")[0] == "UnsupportedProtocol"
    assert world.error("ModifyListener", ListenerArn=arn, SslPolicy="p")[0] == "ValidationError"
    assert world.error("ModifyListener", ListenerArn=arn[:-16] + "0" * 16, Port=1)[0] == "ListenerNotFound"


def test_delete(world: World) -> None:
    arn = world.listener(world.load_balancer(), world.target_group())["ListenerArn"]
    world("DeleteListener", ListenerArn=arn)
    assert world.error("DeleteListener", ListenerArn=arn)[0] == "ListenerNotFound"


def test_a_listener_has_its_default_rule_and_no_certificate(world: World) -> None:
    made = world.listener(world.load_balancer(), world.target_group())
    [rule] = world("DescribeRules", ListenerArn=made["ListenerArn"])["Rules"]
    assert rule["IsDefault"]
    assert rule["Priority"] == "default"
    assert rule["Actions"] == made["DefaultActions"]
    assert rule["RuleArn"].startswith(made["ListenerArn"].replace(":listener/", ":listener-rule/"))
    assert world("DescribeRules", RuleArns=[rule["RuleArn"]])["Rules"] == [rule]
    assert world.error("DescribeRules", RuleArns=["x"])[0] == "RuleNotFound"
    assert world.error("DescribeRules")[0] == "ValidationError"
    assert world.error("DescribeRules", ListenerArn=made["ListenerArn"], Marker="x")[0] == "ValidationError"
    assert world("DescribeListenerCertificates", ListenerArn=made["ListenerArn"]) == {"Certificates": []}


@pytest.mark.parametrize(
    ("listener", "group"),
    [("TCP", "TCP_UDP"), ("UDP", "UDP"), ("UDP", "TCP_UDP"), ("TCP_UDP", "TCP_UDP")],
)
def test_protocols_that_go_together(world: World, listener: str, group: str) -> None:
    edge, to = world.load_balancer(), world.target_group(Protocol=group)
    assert world.listener(edge, to, Protocol=listener)["Protocol"] == listener


@pytest.mark.parametrize(("protocol", "has"), [("TCP", True), ("TCP_UDP", True), ("UDP", False)])
def test_a_udp_listener_has_no_idle_timeout_to_set(world: World, protocol: str, has: bool) -> None:
    """Its flows end after 120 seconds of silence, always."""
    made = world.listener(world.load_balancer(), world.target_group(Protocol="TCP_UDP"), Protocol=protocol)
    arn, key = made["ListenerArn"], "tcp.idle_timeout.seconds"
    found = world("DescribeListenerAttributes", ListenerArn=arn)["Attributes"]
    assert found == ([{"Key": key, "Value": "350"}] if has else [])
    request = {"ListenerArn": arn, "Attributes": [{"Key": key, "Value": "60"}]}
    if has:
        assert world("ModifyListenerAttributes", **request)["Attributes"] == [{"Key": key, "Value": "60"}]
    else:
        assert world.error("ModifyListenerAttributes", **request)[0] == "ValidationError"


def test_a_listener_that_becomes_udp_and_tcp_again_forgets_its_idle_timeout(world: World) -> None:
    made = world.listener(world.load_balancer(), world.target_group(Protocol="TCP_UDP"))
    arn, key = made["ListenerArn"], "tcp.idle_timeout.seconds"
    world("ModifyListenerAttributes", ListenerArn=arn, Attributes=[{"Key": key, "Value": "60"}])
    for protocol in ("UDP", "TCP"):
        assert (
            world("ModifyListener", ListenerArn=arn, Protocol=protocol)["Listeners"][0]["Protocol"]
            == protocol
        )
    found = world("DescribeListenerAttributes", ListenerArn=arn)["Attributes"]
    assert found == [{"Key": key, "Value": "350"}]


def test_tcp_and_udp_on_one_port_are_one_listener(world: World) -> None:
    edge, udp = world.load_balancer(), world.target_group("u", Protocol="TCP_UDP")
    world.listener(edge, udp, Protocol="UDP", port=53)
    request = {"LoadBalancerArn": edge["LoadBalancerArn"], "Protocol": "TCP", "Port": 53}
    to = forward({"TargetGroupArn": udp["TargetGroupArn"]})
    assert world.error("CreateListener", **request, DefaultActions=to)[0] == "DuplicateListener"
