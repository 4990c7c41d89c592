"""Operation name -> handler."""

from ..context import Operation
from . import (
    account_settings,
    agent_operations,
    attributes,
    capacity_providers,
    clusters,
    container_instances,
    continue_deployment,
    execute_command,
    namespaces,
    service_deployments,
    services,
    tags,
    task_definitions,
    task_protection,
    task_sets,
    tasks,
)

OPERATIONS: dict[str, Operation] = {
    **account_settings.OPERATIONS,
    **attributes.OPERATIONS,
    **clusters.OPERATIONS,
    **capacity_providers.OPERATIONS,
    **container_instances.OPERATIONS,
    **task_definitions.OPERATIONS,
    **services.OPERATIONS,
    **service_deployments.OPERATIONS,
    **continue_deployment.OPERATIONS,
    **execute_command.OPERATIONS,
    **task_sets.OPERATIONS,
    **tasks.OPERATIONS,
    **task_protection.OPERATIONS,
    **tags.OPERATIONS,
    **namespaces.OPERATIONS,
    **agent_operations.OPERATIONS,
}
