"""Elastic Load Balancing V2: which handler answers which operation."""

from ..context import Operation
from .attributes import (
    describe_listener_attributes,
    describe_load_balancer_attributes,
    describe_target_group_attributes,
    modify_listener_attributes,
    modify_load_balancer_attributes,
    modify_target_group_attributes,
)
from .limits import describe_account_limits
from .listeners import create_listener, delete_listener, describe_listeners, modify_listener
from .load_balancer_settings import set_ip_address_type, set_security_groups, set_subnets
from .load_balancers import create_load_balancer, delete_load_balancer, describe_load_balancers
from .rules import describe_listener_certificates, describe_rules
from .tags import add_tags, describe_tags, remove_tags
from .target_groups import (
    create_target_group,
    delete_target_group,
    describe_target_groups,
    modify_target_group,
)
from .target_health import describe_target_health
from .targets import deregister_targets, register_targets

OPERATIONS: dict[str, Operation] = {
    "AddTags": add_tags,
    "CreateListener": create_listener,
    "CreateLoadBalancer": create_load_balancer,
    "CreateTargetGroup": create_target_group,
    "DeleteListener": delete_listener,
    "DeleteLoadBalancer": delete_load_balancer,
    "DeleteTargetGroup": delete_target_group,
    "DeregisterTargets": deregister_targets,
    "DescribeAccountLimits": describe_account_limits,
    "DescribeListenerAttributes": describe_listener_attributes,
    "DescribeListenerCertificates": describe_listener_certificates,
    "DescribeListeners": describe_listeners,
    "DescribeLoadBalancerAttributes": describe_load_balancer_attributes,
    "DescribeLoadBalancers": describe_load_balancers,
    "DescribeRules": describe_rules,
    "DescribeTags": describe_tags,
    "DescribeTargetGroupAttributes": describe_target_group_attributes,
    "DescribeTargetGroups": describe_target_groups,
    "DescribeTargetHealth": describe_target_health,
    "ModifyListener": modify_listener,
    "ModifyListenerAttributes": modify_listener_attributes,
    "ModifyLoadBalancerAttributes": modify_load_balancer_attributes,
    "ModifyTargetGroup": modify_target_group,
    "ModifyTargetGroupAttributes": modify_target_group_attributes,
    "RegisterTargets": register_targets,
    "RemoveTags": remove_tags,
    "SetIpAddressType": set_ip_address_type,
    "SetSecurityGroups": set_security_groups,
    "SetSubnets": set_subnets,
}
