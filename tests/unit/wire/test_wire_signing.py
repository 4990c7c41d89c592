"""Refused signatures, in the words of each protocol. That good ones pass, the property tests show."""

from datetime import UTC, datetime, timedelta

import pytest

from sealway.model.credential import Credential
from sealway.model.errors import AwsError
from sealway.wire.claims import ALGORITHM, read_claim
from sealway.wire.request import HttpRequest
from sealway.wire.service_models import SERVICES
from sealway.wire.signing import sign, verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "secret"
KNOWN = Credential(access_key_id="AKID", secret_access_key=SECRET, account_id="000000000000", created_at=NOW)


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y%m%dT%H%M%SZ")


def authorization(scope: str, headers: str, signature: str) -> str:
    return f"{ALGORITHM} Credential={scope}, SignedHeaders={headers}, Signature={signature}"


def request(
    *,
    service: str = "ecs",
    at: datetime = NOW,
    key: str = "AKID",
    date: str | None = None,
    region: str = "us-east-1",
    headers: str = "host;x-amz-date",
    secret: str = SECRET,
    **more: str,
) -> HttpRequest:
    scope = f"{key}/{date or f'{at:%Y%m%d}'}/{region}/{service}/aws4_request"
    sent = {"Host": "x", "X-Amz-Date": stamp(at)} | more
    draft = HttpRequest(
        "POST", "/", (sent | {"Authorization": authorization(scope, headers, "0")}).items(), b""
    )
    claim = read_claim(draft)
    assert claim is not None
    header = authorization(scope, headers, sign(draft, claim, secret))
    return HttpRequest("POST", "/", (sent | {"Authorization": header}).items(), b"")


def refusal(sent: HttpRequest, service: str = "ecs", now: datetime = NOW) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verify(sent, SERVICES[service], {"AKID": KNOWN}.get, now)
    return caught.value


def test_a_good_signature() -> None:
    assert verify(request(), SERVICES["ecs"], {"AKID": KNOWN}.get, NOW) == (KNOWN, "us-east-1")


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ecs", "MissingAuthenticationTokenException", 400),
        ("elbv2", "MissingAuthenticationToken", 403),
        ("ec2", "MissingParameter", 400),
    ],
)
def test_unsigned(service: str, code: str, status: int) -> None:
    error = refusal(HttpRequest("POST", "/", [], b""), service)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    ("service", "scope", "code", "status"),
    [
        ("ecs", "ecs", "UnrecognizedClientException", 400),
        ("sts", "sts", "InvalidClientTokenId", 403),
        ("ec2", "ec2", "AuthFailure", 401),
    ],
)
def test_an_unknown_key(service: str, scope: str, code: str, status: int) -> None:
    error = refusal(request(service=scope, key="OTHER"), service)
    assert (error.code, error.status) == (code, status)


def test_a_session_token_is_nobodys() -> None:
    assert refusal(request(**{"X-Amz-Security-Token": "t"})).code == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("service", "scope", "code", "status"),
    [
        ("ecs", "ecs", "InvalidSignatureException", 400),
        ("elbv2", "elasticloadbalancing", "SignatureDoesNotMatch", 403),
        ("ec2", "ec2", "AuthFailure", 401),
    ],
)
def test_another_secret(service: str, scope: str, code: str, status: int) -> None:
    error = refusal(request(service=scope, secret="other"), service)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(("service", "scope", "minutes"), [("ecs", "ecs", 5), ("sts", "sts", 15)])
def test_a_slow_clock(service: str, scope: str, minutes: int) -> None:
    late = NOW + timedelta(minutes=minutes, seconds=1)
    assert refusal(request(service=scope), service, late).message == (
        f"Signature expired: {stamp(NOW)} is now earlier than {stamp(NOW + timedelta(seconds=1))} "
        f"({stamp(late)} - {minutes} min.)"
    )
    verify(request(service=scope), SERVICES[service], {"AKID": KNOWN}.get, NOW + timedelta(minutes=minutes))


def test_a_fast_clock() -> None:
    early = NOW - timedelta(minutes=5, seconds=1)
    assert refusal(request(), now=early).message == (
        f"Signature not yet current: {stamp(NOW)} is still later than {stamp(NOW - timedelta(seconds=1))} "
        f"({stamp(early)} + 5 min.)"
    )


def test_ec2_says_that_a_request_has_expired() -> None:
    error = refusal(request(service="ec2"), "ec2", NOW + timedelta(minutes=16))
    assert (error.code, error.message) == ("RequestExpired", "Request has expired.")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (request(service="ec2"), "Credential should be scoped to correct service: 'ecs'"),
        (request(date="20260101"), "'20260101' != '20260102', from '20260102T030405Z'"),
        (request(region="US_EAST"), "valid region"),
        (request(headers="host"), "'x-amz-date' must be a 'SignedHeader'"),
        (request(headers="x-amz-date"), "'host' must be a 'SignedHeader'"),
        (request(**{"X-Amz-Target": "t"}), "'x-amz-target' must be a 'SignedHeader'"),
    ],
)
def test_a_scope_that_is_not_ours(sent: HttpRequest, message: str) -> None:
    error = refusal(sent)
    assert error.code == "InvalidSignatureException"
    assert message in error.message


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Bearer x", "Unsupported AWS 'algorithm': 'Bearer'."),
        ("", "Unsupported AWS 'algorithm': ''."),
        (ALGORITHM, "Authorization header requires 'Credential' parameter."),
        (f"{ALGORITHM} Signature=a, Signature=b", "a parameter twice, or one that is not known."),
        (f"{ALGORITHM} Signature=a,{ALGORITHM} Signature=a", "a parameter twice, or one that is not known."),
        (authorization("a/b", "host", "0"), "Credential must have exactly 5 slash-delimited elements"),
        (
            authorization("a/b/c/d/aws3", "host", "0"),
            "Credential must have exactly 5 slash-delimited elements",
        ),
    ],
)
def test_an_incomplete_signature(header: str, message: str) -> None:
    sent = HttpRequest("POST", "/", [("Authorization", header), ("X-Amz-Date", stamp(NOW))], b"")
    error = refusal(sent)
    assert error.code == "IncompleteSignatureException"
    assert message in error.message


@pytest.mark.parametrize("date", ["yesterday", "20261399T000000Z", "2026-01-02T03:04:05Z"])
def test_a_date_that_is_none(date: str) -> None:
    header = authorization("AKID/20260102/us-east-1/ecs/aws4_request", "host", "0")
    for name in ("Date", "X-Amz-Date"):
        error = refusal(HttpRequest("POST", "/", [("Authorization", header), (name, date)], b""))
        assert error.code in {"IncompleteSignatureException", "InvalidSignatureException"}


@pytest.mark.parametrize("expires", ["0", "604801", "x", "-1"])
def test_a_presigned_request_is_good_for_a_week_at_most(expires: str) -> None:
    query = (
        f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential=AKID/20260102/us-east-1/sts/aws4_request"
        f"&X-Amz-Date={stamp(NOW)}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    )
    error = refusal(HttpRequest("GET", f"/?{query}", [("Host", "x")], b""), "sts")
    assert "between 1 and 604800" in error.message


def test_a_presigned_request_ends() -> None:
    query = (
        f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential=AKID/20260102/us-east-1/sts/aws4_request"
        f"&X-Amz-Date={stamp(NOW)}&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    )
    error = refusal(
        HttpRequest("GET", f"/?{query}", [("Host", "x")], b""), "sts", NOW + timedelta(seconds=61)
    )
    assert error.message.endswith("- 60 sec.)")
