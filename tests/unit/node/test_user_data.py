import pytest

from sealway.node.user_data import AgentConfig, agent_config


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", AgentConfig()),
        ("#!/bin/bash\nyum update\n", AgentConfig()),
        ("ECS_CLUSTER=blue", AgentConfig("blue")),
        ("#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n", AgentConfig("blue")),
        ("echo 'ECS_CLUSTER=blue' >> /etc/ecs/ecs.config", AgentConfig("blue")),
        ('echo "ECS_CLUSTER=blue_1-x" >> /etc/ecs/ecs.config;', AgentConfig("blue_1-x")),
        ("export ECS_CLUSTER='blue'", AgentConfig("blue")),
        ("cat <<'EOF' >> /etc/ecs/ecs.config\nECS_CLUSTER=a\nECS_CLUSTER=b\nEOF\n", AgentConfig("b")),
        ("echo MY_ECS_CLUSTER=no", AgentConfig()),
        ('ECS_INSTANCE_ATTRIBUTES={"rack": "1", "n": 2}', AgentConfig(None, {"rack": "1", "n": "2"})),
        ('echo \'ECS_INSTANCE_ATTRIBUTES={"rack":"1"}\' >> x', AgentConfig(None, {"rack": "1"})),
        ('echo "ECS_INSTANCE_ATTRIBUTES={\\"rack\\":\\"1\\"}" >> x', AgentConfig(None, {"rack": "1"})),
        ("ECS_INSTANCE_ATTRIBUTES={broken", AgentConfig()),
        ("ECS_RESERVED_PORTS=[22, 80]", AgentConfig(reserved_tcp_ports=(22, 80))),
        ('echo "ECS_RESERVED_PORTS_UDP=[53]" >> x', AgentConfig(reserved_udp_ports=(53,))),
        ("ECS_RESERVED_PORTS=[]\nECS_RESERVED_PORTS=['x'", AgentConfig(reserved_tcp_ports=())),
        ("ECS_RESERVED_PORTS=[0]", AgentConfig()),
        ('ECS_RESERVED_PORTS={"a": 1}\nECS_RESERVED_PORTS=[70000, true]', AgentConfig()),
    ],
)
def test_settings_are_found(text: str, wanted: AgentConfig) -> None:
    assert agent_config(text) == wanted
