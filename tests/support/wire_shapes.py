"""Values for botocore's shapes, and the requests that botocore makes of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape
from botocore.serialize import create_serializer
from hypothesis import strategies as st

from sealway.wire.request import HttpRequest
from sealway.wire.service_models import load


def _words(text: str) -> list[str]:
    return text.split()


OPERATIONS: dict[str, Sequence[str]] = {
    "ecs": _words("""CreateCluster DescribeClusters ListClusters DeleteCluster RegisterTaskDefinition
        DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies DeregisterTaskDefinition
        CreateService UpdateService DescribeServices ListServices DeleteService RunTask StopTask DescribeTasks
        ListTasks ListContainerInstances DescribeContainerInstances DeregisterContainerInstance TagResource
        UntagResource ListTagsForResource"""),
    "elbv2": _words("""CreateLoadBalancer DescribeLoadBalancers DeleteLoadBalancer CreateTargetGroup
        DescribeTargetGroups ModifyTargetGroup DeleteTargetGroup CreateListener DescribeListeners
        ModifyListener DeleteListener RegisterTargets DeregisterTargets DescribeTargetHealth
        DescribeLoadBalancerAttributes ModifyLoadBalancerAttributes DescribeTargetGroupAttributes
        ModifyTargetGroupAttributes AddTags RemoveTags DescribeTags"""),
    "ec2": _words("""CreateVpc DescribeVpcs DeleteVpc CreateSubnet DescribeSubnets DeleteSubnet
        CreateSecurityGroup DescribeSecurityGroups DeleteSecurityGroup DescribeAvailabilityZones
        DescribeNetworkInterfaces RunInstances DescribeInstances TerminateInstances"""),
    "sts": ["GetCallerIdentity"],
    "codedeploy": _words("""CreateApplication ListApplications CreateDeploymentGroup GetDeploymentGroup
        CreateDeployment GetDeployment ListDeployments BatchGetDeploymentTargets StopDeployment"""),
}
CALLS = [(service, name) for service, names in OPERATIONS.items() for name in names]
ENDPOINT = "http://127.0.0.1:4566/"
_MOST_MEMBERS = 5
_DEEPEST = 5


def operation(service: str, name: str) -> OperationModel:
    found = load(service).operation(name)
    assert found is not None, f"{service} has no operation {name}"
    return found


class Values:
    """Strategies by shape. ``whole``: nothing empty below the top, for protocols that cannot write it.

    ``words``: texts that are drawn often.
    """

    def __init__(
        self, *, whole: bool, xml: bool = False, milliseconds: bool = False, words: Sequence[str] = ()
    ) -> None:
        self._whole = whole
        self._milliseconds = milliseconds
        excluded = ["Cs", "Cc"] if xml else ["Cs"]
        kept = "\n\t\r" if xml else ""
        text = st.text(
            st.characters(
                exclude_categories=excluded, include_characters=kept, exclude_characters="\ufffe\uffff"
            ),
            max_size=12,
        )
        self._text = st.one_of(text, st.sampled_from(words), st.sampled_from(words)) if words else text

    def top(self, shape: StructureShape | None) -> st.SearchStrategy[dict[str, Any]]:
        return self._structure(shape, 0, whole=False) if shape else st.just({})

    def of(self, shape: Shape, depth: int) -> st.SearchStrategy[Any]:
        if isinstance(shape, StructureShape):
            return self._structure(shape, depth, whole=self._whole)
        if isinstance(shape, ListShape):
            return st.lists(self.of(shape.member, depth + 1), min_size=int(self._whole), max_size=3)
        if isinstance(shape, MapShape):
            keys = self._text.filter(bool)
            return st.dictionaries(
                keys, self.of(shape.value, depth + 1), min_size=int(self._whole), max_size=2
            )
        if isinstance(shape, StringShape):
            return st.sampled_from(shape.enum) if shape.enum else self._text
        return self._scalar(shape.type_name)

    def _structure(
        self, shape: StructureShape, depth: int, *, whole: bool
    ) -> st.SearchStrategy[dict[str, Any]]:
        if shape.is_document_type:
            return st.fixed_dictionaries({"note": self._text})
        deep = depth >= _DEEPEST and not shape.is_tagged_union
        names = [name for name in shape.members if not deep or _is_scalar(shape.members[name])]
        if not names:
            return st.just({})
        exactly = shape.is_tagged_union
        chosen = st.lists(
            st.sampled_from(names),
            unique=True,
            min_size=int(whole or exactly),
            max_size=1 if exactly else _MOST_MEMBERS,
        )
        return chosen.flatmap(
            lambda picked: st.fixed_dictionaries(
                {name: self.of(shape.members[name], depth + 1) for name in picked}
            )
        )

    def _scalar(self, kind: str) -> st.SearchStrategy[Any]:
        scalars: dict[str, st.SearchStrategy[Any]] = {
            "integer": st.integers(-(2**31), 2**31 - 1),
            "long": st.integers(-(2**63), 2**63 - 1),
            "boolean": st.booleans(),
            "double": st.floats(allow_nan=False, allow_infinity=False),
            "float": st.floats(allow_nan=False, allow_infinity=False),
            "blob": st.binary(max_size=12),
            "timestamp": st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
                self._rounded
            ),
        }
        return scalars[kind]

    def _rounded(self, instant: datetime) -> datetime:
        digits = instant.microsecond // 1000 * 1000 if self._milliseconds else 0
        return instant.replace(microsecond=digits)


def _is_scalar(shape: Shape) -> bool:
    return not isinstance(shape, StructureShape | ListShape | MapShape)


def pruned(value: Any) -> Any:
    """Without members that are empty structures, which Query and EC2 Query cannot write."""
    if isinstance(value, dict):
        cleaned = {name: pruned(item) for name, item in value.items()}
        return {name: item for name, item in cleaned.items() if item not in ({}, [{}])}
    return [pruned(item) for item in value] if isinstance(value, list) else value


def request_of(service: str, name: str, params: dict[str, Any]) -> AWSRequest:
    """What botocore would send, not yet signed."""
    model = operation(service, name)
    protocol = model.metadata["protocol"]
    serialized = create_serializer(protocol, include_validation=False).serialize_to_request(params, model)
    return AWSRequest(
        method=serialized["method"],
        url=ENDPOINT.rstrip("/") + serialized["url_path"],
        data=serialized["body"],
        headers=serialized["headers"],
    )


def signed(
    request: AWSRequest, signing_name: str, key: str, secret: str, region: str = "us-east-1"
) -> HttpRequest:
    """Signed by botocore, as it arrives."""
    SigV4Auth(Credentials(key, secret), signing_name, region).add_auth(request)
    return arrived(request)


def arrived(request: AWSRequest) -> HttpRequest:
    """A request as the server sees it."""
    prepared = request.prepare()
    target = "/" + prepared.url.split("/", 3)[3]
    body = prepared.body or b""
    headers = [("Host", prepared.url.split("/")[2])]
    headers += [
        (name, value.decode() if isinstance(value, bytes) else str(value))
        for name, value in prepared.headers.items()
    ]
    return HttpRequest(prepared.method, target, headers, body.encode() if isinstance(body, str) else body)
