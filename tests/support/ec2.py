"""EC2 handlers called as the wire calls them, their answers checked against botocore's model.

``call`` refuses a request member or an answer member that the model does not know, so a misspelt name
fails here rather than vanish on the wire.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.validate import ParamValidator

from sealway.model.errors import AwsError
from sealway.model.ids import CountingIds
from sealway.model.request import RequestContext
from sealway.services.context import Context
from sealway.services.ec2.default_vpc import ensure_default_vpc
from sealway.services.ec2.operations import OPERATIONS
from sealway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACCOUNT = "000000000000"
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
IMAGE = "ami-0123456789abcdef0"
_MODEL = botocore.session.get_session().get_service_model("ec2")


class Ec2:
    """One caller's view; ``as_account`` and ``in_region`` give others on the same store."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @property
    def store(self) -> SqliteStore:
        store = self.ctx.store
        assert isinstance(store, SqliteStore)
        return store

    def but(self, **caller: Any) -> "Ec2":
        return Ec2(
            msgspec.structs.replace(self.ctx, caller=msgspec.structs.replace(self.ctx.caller, **caller))
        )

    def call(self, name: str, **request: Any) -> dict[str, Any]:
        model = _MODEL.operation_model(name)
        report = ParamValidator().validate(request, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        answer = OPERATIONS[name](self.ctx, request)
        if model.output_shape is None:
            assert answer == {}
        else:
            _check(answer, model.output_shape, name)
        return answer

    def default_vpc(self, cidr: str = "172.31.0.0/16") -> Any:
        with self.store.transaction() as tx:
            return ensure_default_vpc(tx, self.ctx.account_id, self.ctx.region, ZONES, cidr, self.ctx.ids)


def _check(value: Any, shape: Any, path: str) -> None:
    kinds: dict[str, Any] = {
        "structure": dict,
        "list": (list, tuple),
        "boolean": bool,
        "integer": int,
        "long": int,
        "string": str,
        "timestamp": datetime,
    }
    assert isinstance(value, kinds[shape.type_name]), f"{path}: {value!r} is no {shape.type_name}"
    if shape.type_name == "structure":
        for member, item in value.items():
            assert member in shape.members, f"{path}.{member} is not in the model"
            _check(item, shape.members[member], f"{path}.{member}")
    elif shape.type_name == "list":
        for item in value:
            _check(item, shape.member, path + "[]")


@contextmanager
def refused(code: str, *words: str) -> Iterator[None]:
    """The block raises this AWS error, its message holding these words."""
    with pytest.raises(AwsError) as caught:
        yield
    assert caught.value.code == code, caught.value
    for text in words:
        assert text in caught.value.message


def make_ec2(path: Path, host_networks: tuple[str, ...] = ()) -> Ec2:
    caller = RequestContext(
        account_id=ACCOUNT, region=REGION, access_key_id="AKIATEST", request_id="r-1", now=NOW
    )
    store = SqliteStore(path)
    return Ec2(Context(caller=caller, store=store, ids=CountingIds("ec2"), host_networks=host_networks))
