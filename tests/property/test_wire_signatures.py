"""Signatures that botocore makes are good; the same ones on anything changed are not."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.model.credential import Credential
from sealway.model.errors import AwsError
from sealway.wire.request import HttpRequest
from sealway.wire.service_models import SERVICES
from sealway.wire.signing import verify
from tests.support.wire_shapes import arrived

KEY = "AKIDEXAMPLE"
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
QUERIES = st.dictionaries(WORDS, WORDS, max_size=4)
HEADERS = st.dictionaries(
    st.from_regex(r"x-test-[a-z0-9]{1,5}", fullmatch=True), HEADER_TEXT.filter(str.strip), max_size=3
)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "local"])
SERVICE_NAMES = st.sampled_from(sorted(SERVICES))
FAST = settings(max_examples=150, deadline=None, derandomize=True)


def url(query: dict[str, str]) -> str:
    pairs = (f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
    return "http://127.0.0.1:4566/" + ("?" + "&".join(pairs) if query else "")


def checked(request: HttpRequest, service: str, secret: str) -> tuple[str, str]:
    now = datetime.now(UTC)
    known = Credential(access_key_id=KEY, secret_access_key=secret, account_id="000000000000", created_at=now)
    credential, region = verify(request, SERVICES[service], {KEY: known}.get, now)
    return credential.account_id, region


@given(SERVICE_NAMES, SECRETS, QUERIES, HEADERS, st.binary(max_size=200), st.booleans())
@FAST
def test_botocores_signature_is_good(
    service: str, secret: str, query: dict[str, str], headers: dict[str, str], body: bytes, dated: bool
) -> None:
    request = AWSRequest("POST", url(query), data=body, headers=headers | ({"Date": "x"} if dated else {}))
    SigV4Auth(Credentials(KEY, secret), SERVICES[service].signing_name, "eu-central-1").add_auth(request)
    assert checked(arrived(request), service, secret) == ("000000000000", "eu-central-1")


@given(SERVICE_NAMES, REGIONS, SECRETS, QUERIES)
@FAST
def test_botocores_presigned_request_is_good(
    service: str, region: str, secret: str, query: dict[str, str]
) -> None:
    request = AWSRequest("GET", url(query))
    SigV4QueryAuth(Credentials(KEY, secret), SERVICES[service].signing_name, region).add_auth(request)
    assert checked(arrived(request), service, secret) == ("000000000000", region)


@given(st.binary(min_size=1, max_size=50), HEADERS.filter(bool), st.integers(0, 3), st.data())
@FAST
def test_a_changed_request_is_refused(
    body: bytes, headers: dict[str, str], part: int, data: st.DataObject
) -> None:
    request = AWSRequest("POST", url({"a": "b"}), data=body, headers=headers)
    SigV4Auth(Credentials(KEY, "secret"), "ecs", "us-east-1").add_auth(request)
    came = arrived(request)
    if part == 0:
        came.body = data.draw(st.binary(max_size=50).filter(lambda other: other != body))
    elif part == 1:
        came.headers[next(iter(headers))] += "x"
    elif part == 2:
        came.query = "a=c"
    else:
        came.method = "GET"
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        checked(came, "ecs", "secret")
