"""Every kind of resource the store may hold, by the name it is stored under."""

from .account_setting import AccountSetting
from .auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity
from .capacity_provider import CapacityProvider
from .cluster import Cluster, ContainerInstance
from .code_deployment import CodeDeployment
from .credential import Credential
from .deployment_group import Application, DeploymentConfig, DeploymentGroup
from .exec_session import ExecSession
from .instance import Instance
from .launch_template import LaunchTemplate, LaunchTemplateVersion
from .load_balancer import Listener, LoadBalancer
from .network import NetworkInterface, SecurityGroup, Subnet, Vpc
from .resource import Resource
from .service import Service
from .service_deployment import ServiceDeployment, ServiceRevision
from .target_group import Target, TargetFlows, TargetGroup, TargetHealth
from .task import Task
from .task_definition import TaskDefinition
from .task_set import TaskSet

KINDS: dict[str, type[Resource]] = {
    kind.__name__: kind
    for kind in (
        AccountSetting,
        Application,
        AutoScalingGroup,
        CapacityProvider,
        Cluster,
        CodeDeployment,
        ContainerInstance,
        Credential,
        DeploymentConfig,
        DeploymentGroup,
        ExecSession,
        GroupInstance,
        Instance,
        LaunchTemplate,
        LaunchTemplateVersion,
        Listener,
        LoadBalancer,
        NetworkInterface,
        ScalingActivity,
        SecurityGroup,
        Service,
        ServiceDeployment,
        ServiceRevision,
        Subnet,
        Target,
        TargetFlows,
        TargetGroup,
        TargetHealth,
        Task,
        TaskDefinition,
        TaskSet,
        Vpc,
    )
}
