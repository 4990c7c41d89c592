"""CodeDeploy: which handler answers which operation."""

from ..context import Operation
from . import applications, configs, deployments, groups, records, tags

OPERATIONS: dict[str, Operation] = {
    **applications.OPERATIONS,
    **configs.OPERATIONS,
    **groups.OPERATIONS,
    **deployments.OPERATIONS,
    **records.OPERATIONS,
    **tags.OPERATIONS,
}
