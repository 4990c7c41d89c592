"""DescribeAccountAttributes: what tools ask to find out whether there is a default VPC."""

from ...model.errors import AwsError
from ...model.request import Params
from ..context import Context, Operation
from .lookup import default_vpc
from .request import operation


def describe_account_attributes(ctx: Context, request: Params) -> Params:
    """DescribeAccountAttributes: supported-platforms and default-vpc."""
    vpc = default_vpc(ctx, ctx.store)
    known = {"supported-platforms": "VPC", "default-vpc": vpc.id if vpc else "none"}
    wanted = request.get("AttributeNames") or list(known)
    for name in wanted:
        if name not in known:
            raise AwsError("InvalidParameterValue", f"Value ({name}) for parameter attributeName is invalid.")
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": known[name]}]} for name in wanted
        ]
    }


OPERATIONS: dict[str, Operation] = {
    "DescribeAccountAttributes": operation(describe_account_attributes, "AttributeNames")
}
