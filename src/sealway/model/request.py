"""Who asks, from where, and when: what ``wire`` knows of a request beside its parameters."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

Params = dict[str, Any]


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """The verified caller. ``now`` is read once, when the request came in."""

    account_id: str
    region: str
    access_key_id: str
    request_id: str
    now: datetime


Handler = Callable[[RequestContext, Params], Params]
"""An operation: validated parameters in (the input shape's member names), output members out."""

Operations = Mapping[str, Mapping[str, Handler]]
"""Service (botocore's name: ecs, elbv2, ec2, autoscaling, codedeploy, sts) -> operation name -> handler."""
