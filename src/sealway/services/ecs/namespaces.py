"""ListServicesByNamespace: services are in a Cloud Map namespace by Service Connect, which is refused, so
that no namespace has any, and none exists."""

from ...model.errors import AwsError
from ...model.request import Params
from ..context import Context, Operation
from .pages import arn_page


def list_services_by_namespace(_: Context, request: Params) -> Params:
    """ListServicesByNamespace: what AWS answers where there is no namespace of that name."""
    arn_page((), request, "serviceArns", default=10)  # a wrong maxResults or nextToken is told first
    raise AwsError("NamespaceNotFoundException", f"The namespace '{request['namespace']}' was not found.")


OPERATIONS: dict[str, Operation] = {"ListServicesByNamespace": list_services_by_namespace}
