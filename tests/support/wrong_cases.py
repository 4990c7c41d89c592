"""Wrong requests, one a line: service, operation, parameters, AWS's code, words of AWS's message.

``{names}`` in a parameter are the running architecture's own things.
"""
# ruff: noqa: E501 - one case a line, so that a table reads as one

from typing import Any

from demo.architecture import CONTAINER_PORT, SUBNET_CIDRS, VPC_CIDR

REGION, OWN = "us-east-1", "000000000000"
ECS, ELB = f"arn:aws:ecs:{REGION}:{OWN}", f"arn:aws:elasticloadbalancing:{REGION}:{OWN}"
GONE = "0123456789abcdef0"
NO_GROUP = f"{ELB}:targetgroup/none/0123456789abcdef"
NO_BALANCER = f"{ELB}:loadbalancer/net/none/0123456789abcdef"
NO_LISTENER = f"{ELB}:listener/net/none/0123456789abcdef/0123456789abcdef"

Case = tuple[str, str, dict[str, Any], str, str]


def filled(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return names[value.strip("{}")]
    if isinstance(value, dict):
        return {k: filled(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, names) for v in value]
    return value


def behind(group: str, name: str = "orders", port: int = CONTAINER_PORT) -> list[dict[str, Any]]:
    return [{"targetGroupArn": group, "containerName": name, "containerPort": port}]


def service(cluster: str = "blue", definition: str = "orders", **more: Any) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "serviceName": "wrong",
        "taskDefinition": definition,
        "desiredCount": 1,
        "launchType": "EC2" if cluster == "blue" else "FARGATE",
        **more,
    }


def definition(family: str = "wrong", **container: Any) -> dict[str, Any]:
    return {
        "family": family,
        "networkMode": "bridge",
        "containerDefinitions": [{"name": "c", "image": "sealway/orders:1", "memory": 64, **container}],
    }


def network(*subnets: str) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": list(subnets)}}


def listener(group: str = "{orders_group}", **more: Any) -> dict[str, Any]:
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    return {
        "LoadBalancerArn": "{balancer}",
        "Protocol": "TCP",
        "Port": 9000,
        "DefaultActions": actions,
        **more,
    }


def launch(**more: Any) -> dict[str, Any]:
    return {"ImageId": "ami-" + GONE, "MinCount": 1, "MaxCount": 1, **more}


UNKNOWN: list[Case] = [
    ("ecs", "describe_services", {"cluster": "none", "services": ["x"]}, "ClusterNotFoundException", "Cluster not found."),
    ("ecs", "create_service", service(cluster="none"), "ClusterNotFoundException", "Cluster not found."),
    ("ecs", "create_service", service(definition="none"), "ClientException", "TaskDefinition not found."),
    ("ecs", "create_service", service(definition=f"{ECS}:task-definition/orders:99"), "ClientException", "TaskDefinition not found."),
    ("ecs", "update_service", {"cluster": "blue", "service": "none"}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "update_service", {"cluster": "blue", "service": f"{ECS}:service/blue/none", "desiredCount": 1}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "delete_service", {"cluster": "blue", "service": "none"}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "delete_cluster", {"cluster": f"{ECS}:cluster/none"}, "ClusterNotFoundException", "Cluster not found."),
    ("ecs", "describe_task_definition", {"taskDefinition": "none:1"}, "ClientException", "Unable to describe task definition."),
    ("ecs", "run_task", {"cluster": "blue", "taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
    ("ecs", "stop_task", {"cluster": "blue", "task": f"{ECS}:task/blue/{'0' * 32}"}, "InvalidParameterException", "The referenced task was not found."),
    ("ecs", "list_tasks", {"cluster": "blue", "serviceName": "none"}, "ServiceNotFoundException", "Service not found."),
    ("ecs", "tag_resource", {"resourceArn": f"{ECS}:cluster/none", "tags": [{"key": "a"}]}, "ClusterNotFoundException", "Cluster not found."),
    ("elbv2", "describe_load_balancers", {"LoadBalancerArns": [NO_BALANCER]}, "LoadBalancerNotFound", "One or more load balancers not found"),
    ("elbv2", "describe_load_balancers", {"Names": ["none"]}, "LoadBalancerNotFound", "Load balancers '[none]' not found"),
    ("elbv2", "create_listener", listener(LoadBalancerArn=NO_BALANCER), "LoadBalancerNotFound", f"Load balancer '{NO_BALANCER}' not found"),
    ("elbv2", "create_listener", listener(NO_GROUP), "TargetGroupNotFound", "not found"),
    ("elbv2", "describe_target_groups", {"TargetGroupArns": [NO_GROUP]}, "TargetGroupNotFound", "One or more target groups not found"),
    ("elbv2", "describe_target_health", {"TargetGroupArn": NO_GROUP}, "TargetGroupNotFound", "not found"),
    ("elbv2", "modify_target_group_attributes", {"TargetGroupArn": NO_GROUP, "Attributes": [{"Key": "preserve_client_ip.enabled", "Value": "true"}]}, "TargetGroupNotFound", "not found"),
    ("elbv2", "register_targets", {"TargetGroupArn": NO_GROUP, "Targets": [{"Id": "10.86.1.9"}]}, "TargetGroupNotFound", "not found"),
    ("elbv2", "describe_listeners", {"ListenerArns": [NO_LISTENER]}, "ListenerNotFound", "One or more listeners not found"),
    ("elbv2", "modify_listener", {"ListenerArn": NO_LISTENER, "Port": 9000}, "ListenerNotFound", "One or more listeners not found"),
    ("elbv2", "add_tags", {"ResourceArns": [NO_BALANCER], "Tags": [{"Key": "a", "Value": "b"}]}, "LoadBalancerNotFound", "not found"),
    ("elbv2", "create_load_balancer", {"Name": "wrong", "Type": "network", "Subnets": ["subnet-" + GONE]}, "SubnetNotFound", "subnet-" + GONE),
    ("elbv2", "create_target_group", {"Name": "wrong", "Protocol": "TCP", "Port": 1, "VpcId": "vpc-" + GONE}, "ValidationError", "vpc-" + GONE),
    ("ec2", "describe_subnets", {"SubnetIds": ["subnet-" + GONE]}, "InvalidSubnetID.NotFound", f"The subnet ID 'subnet-{GONE}' does not exist"),
    ("ec2", "create_subnet", {"VpcId": "vpc-" + GONE, "CidrBlock": "10.86.9.0/24"}, "InvalidVpcID.NotFound", f"The vpc ID 'vpc-{GONE}' does not exist"),
    ("ec2", "run_instances", launch(SubnetId="subnet-" + GONE), "InvalidSubnetID.NotFound", "does not exist"),
    ("ec2", "run_instances", launch(SubnetId="{subnet}", SecurityGroupIds=["sg-" + GONE]), "InvalidGroup.NotFound", "sg-" + GONE),
    ("ec2", "terminate_instances", {"InstanceIds": ["{instance}", "i-" + GONE]}, "InvalidInstanceID.NotFound", "i-" + GONE),
    ("ec2", "describe_network_interfaces", {"NetworkInterfaceIds": ["eni-" + GONE]}, "InvalidNetworkInterfaceID.NotFound", "eni-" + GONE),
]  # fmt: skip

CONTRADICTING: list[Case] = [
    ("ecs", "create_service", service(loadBalancers=behind(NO_GROUP)), "InvalidParameterException", "Unable to assume role and validate the specified targetGroupArn"),
    ("ecs", "create_service", service(loadBalancers=behind("{ledger_group}")), "InvalidParameterException", "has target type ip, which is incompatible with the bridge network mode specified in the task definition."),
    ("ecs", "create_service", service("green", "ledger", loadBalancers=behind("{orders_group}", "ledger"), networkConfiguration=network("{subnet}")), "InvalidParameterException", "has target type instance, which is incompatible with the awsvpc network mode specified in the task definition."),
    ("ecs", "create_service", service(loadBalancers=behind("{orders_group}", "none")), "InvalidParameterException", "The container none does not exist in the task definition."),
    ("ecs", "create_service", service(loadBalancers=behind("{orders_group}", port=1)), "InvalidParameterException", "The container orders did not have a container port 1 defined."),
    ("ecs", "create_service", service("green", "ledger"), "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
    ("ecs", "create_service", service("green", "ledger", networkConfiguration=network("subnet-" + GONE)), "InvalidParameterException", f"The subnet ID 'subnet-{GONE}' does not exist"),
    ("ecs", "create_service", service("green", "orders", networkConfiguration=network("{subnet}")), "InvalidParameterException", ""),
    ("ecs", "create_service", service("blue", serviceName="orders", desiredCount=2), "InvalidParameterException", "Creation of service was not idempotent."),
    ("ecs", "delete_service", {"cluster": "blue", "service": "orders"}, "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."),
    ("ecs", "delete_cluster", {"cluster": "blue"}, "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."),
    ("ecs", "register_task_definition", definition(portMappings=[{"containerPort": 70000}]), "ClientException", ""),
    ("ecs", "register_task_definition", definition(portMappings=[{"containerPort": 80, "hostPort": -1}]), "ClientException", ""),
    ("ecs", "register_task_definition", {**definition(), "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "4096"}, "ClientException", "No Fargate configuration exists for given values"),
    ("elbv2", "create_listener", listener("{ledger_group}", Port=443), "DuplicateListener", "A listener already exists on this port for this load balancer"),
    ("elbv2", "create_listener", listener(Port=70000), "ValidationError", "65535"),
    ("elbv2", "create_listener", listener(Port=0), "ValidationError", "1"),
    ("elbv2", "create_listener", listener(Protocol="HTTP"), "ValidationError", "Listener protocol 'HTTP' must be one of"),
    ("elbv2", "create_target_group", {"Name": "wrong", "Protocol": "TCP", "Port": 65536, "VpcId": "{vpc}"}, "ValidationError", "65535"),
    ("elbv2", "create_target_group", {"Name": "orders", "Protocol": "TCP", "Port": 1, "VpcId": "{vpc}"}, "DuplicateTargetGroupName", ""),
    ("elbv2", "create_load_balancer", {"Name": "front", "Type": "network", "Scheme": "internal", "Subnets": ["{subnet}"]}, "DuplicateLoadBalancerName", ""),
    ("elbv2", "delete_target_group", {"TargetGroupArn": "{orders_group}"}, "ResourceInUse", "is currently in use by a listener or a rule"),
    ("elbv2", "register_targets", {"TargetGroupArn": "{ledger_group}", "Targets": [{"Id": "10.86.1.9"}, {"Id": "i-" + GONE}]}, "ValidationError", ""),
    ("elbv2", "register_targets", {"TargetGroupArn": "{orders_group}", "Targets": [{"Id": "{instance}"}, {"Id": "i-" + GONE}]}, "InvalidTarget", "i-" + GONE),
    ("elbv2", "register_targets", {"TargetGroupArn": "{orders_group}", "Targets": [{"Id": "{instance}", "Port": 70000}]}, "ValidationError", "65535"),
    ("ec2", "create_subnet", {"VpcId": "{vpc}", "CidrBlock": SUBNET_CIDRS[0]}, "InvalidSubnet.Conflict", f"The CIDR '{SUBNET_CIDRS[0]}' conflicts with another subnet"),
    ("ec2", "create_subnet", {"VpcId": "{vpc}", "CidrBlock": "10.86.1.128/25"}, "InvalidSubnet.Conflict", "conflicts with another subnet"),
    ("ec2", "create_subnet", {"VpcId": "{vpc}", "CidrBlock": "10.99.0.0/24"}, "InvalidSubnet.Range", "The CIDR '10.99.0.0/24' is invalid."),
    ("ec2", "create_vpc", {"CidrBlock": VPC_CIDR}, "InvalidVpc.Range", VPC_CIDR),
    ("ec2", "delete_subnet", {"SubnetId": "{subnet}"}, "DependencyViolation", "has dependencies and cannot be deleted."),
    ("ec2", "delete_vpc", {"VpcId": "{vpc}"}, "DependencyViolation", "has dependencies and cannot be deleted."),
    ("ec2", "delete_security_group", {"GroupId": "{sg}"}, "DependencyViolation", "has a dependent object"),
    ("ec2", "run_instances", launch(SubnetId="{subnet}", InstanceType="x9.huge"), "InvalidParameterValue", "Invalid value 'x9.huge' for InstanceType."),
    ("ec2", "run_instances", launch(SubnetId="{subnet}", MinCount=300, MaxCount=300), "InsufficientFreeAddressesInSubnet", "does not have enough free addresses"),
    ("ec2", "run_instances", launch(SubnetId="{subnet}", PrivateIpAddress="10.86.1.1"), "InvalidParameterValue", "reserved"),
]  # fmt: skip

MALFORMED: list[Case] = [
    ("ecs", "create_cluster", {"clusterName": "no good!"}, "InvalidParameterException", ""),
    ("ecs", "create_cluster", {"clusterName": "a" * 256}, "InvalidParameterException", ""),
    ("ecs", "create_service", service(serviceName="no/good"), "InvalidParameterException", ""),
    ("ecs", "register_task_definition", definition("no good"), "ClientException", ""),
    ("ecs", "register_task_definition", {"family": "wrong", "containerDefinitions": []}, "ClientException", "Container list cannot be empty."),
    ("ecs", "describe_services", {"cluster": "blue"}, "InvalidParameterException", ""),
    ("ecs", "describe_services", {"cluster": "blue", "services": [f"s{n}" for n in range(11)]}, "InvalidParameterException", "Services cannot exceed 10 elements."),
    ("ecs", "describe_tasks", {"cluster": "blue", "tasks": [f"{n:032x}" for n in range(101)]}, "InvalidParameterException", "Tasks cannot exceed 100 elements."),
    ("ecs", "run_task", {"cluster": "blue", "taskDefinition": "orders", "count": 11}, "InvalidParameterException", "Count must be between 1 and 10."),
    ("ecs", "create_service", service(desiredCount=-1), "InvalidParameterException", ""),
    ("ecs", "create_service", service(launchType="MOON"), "InvalidParameterException", ""),
    ("ecs", "tag_resource", {"resourceArn": f"{ECS}:cluster/blue", "tags": [{"key": f"k{n}", "value": ""} for n in range(51)]}, "InvalidParameterException", ""),
    ("ecs", "update_service", {"cluster": "blue", "service": "orders", "desiredCount": "three"}, "SerializationException", ""),
    ("elbv2", "create_load_balancer", {"Name": "-front", "Type": "network", "Subnets": ["{subnet}"]}, "ValidationError", ""),
    ("elbv2", "create_load_balancer", {"Name": "a" * 33, "Type": "network", "Subnets": ["{subnet}"]}, "ValidationError", "32"),
    ("elbv2", "create_load_balancer", {"Type": "network", "Subnets": ["{subnet}"]}, "ValidationError", "name"),
    ("elbv2", "create_load_balancer", {"Name": "wrong", "Type": "network"}, "ValidationError", ""),
    ("elbv2", "create_listener", listener(Protocol="SCTP"), "ValidationError", "SCTP"),
    ("elbv2", "describe_load_balancers", {"LoadBalancerArns": ["front"]}, "ValidationError", "front"),
    ("elbv2", "describe_load_balancers", {"PageSize": 401}, "ValidationError", "400"),
    ("ec2", "create_vpc", {"CidrBlock": "10.86.0.0"}, "InvalidParameterValue", "This is not a valid CIDR block."),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid."),
    ("ec2", "create_subnet", {"VpcId": "{vpc}", "CidrBlock": "10.86.9.0/29"}, "InvalidSubnet.Range", "is invalid"),
    ("ec2", "create_subnet", {"VpcId": "{vpc}", "CidrBlock": "10.86.9.0/24", "AvailabilityZone": "us-east-1z"}, "InvalidParameterValue", "us-east-1z"),
    ("ec2", "terminate_instances", {"InstanceIds": ["blue"]}, "InvalidInstanceID.Malformed", 'Invalid id: "blue"'),
    ("ec2", "run_instances", {"ImageId": "debian", "MinCount": 1, "MaxCount": 1}, "InvalidAMIID.Malformed", "debian"),
    ("ec2", "run_instances", launch(MinCount=0), "InvalidParameterValue", "greater than 0"),
    ("ec2", "create_vpc", {}, "MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."),
    ("ec2", "describe_instances", {"Filters": [{"Name": "colour", "Values": ["x"]}]}, "InvalidParameterValue", "The filter 'colour' is invalid"),
]  # fmt: skip
