"""Signature Version 4: who sent this request, and has it come unchanged.

The canonical request is made anew from what arrived; its signature, under the secret that belongs to
the access key named, must equal the one sent. Nothing the client says of the body's hash is believed:
it is computed.

Source: AWS General Reference, "Create a signed AWS API request".
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from ..model.credential import Credential
from ..model.errors import AwsError
from .claims import ALGORITHM, STAMP, Claim, Incomplete, instant, read_claim
from .errors import Fault, error
from .request import HttpRequest
from .service_models import Service

_SAFE = "-_.~"
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


def verify(
    request: HttpRequest,
    service: Service,
    credentials: Callable[[str], Credential | None],
    now: datetime,
) -> tuple[Credential, str]:
    """The sender's credential, and the region signed for. Raises ``AwsError`` in the service's protocol."""
    try:
        claim = read_claim(request)
    except Incomplete as fault:
        raise error(service.protocol, Fault.INCOMPLETE_SIGNATURE, str(fault)) from fault
    if claim is None:
        raise error(service.protocol, Fault.UNSIGNED)
    credential = credentials(claim.access_key_id)
    if credential is None or _session_token(request):
        # Sealway gives no session tokens, so one that is sent can only be another cloud's.
        raise error(service.protocol, Fault.UNKNOWN_KEY)
    wrong = _scope_fault(claim, service, request) or _time_fault(claim, service, now)
    if wrong:
        raise wrong
    expected = sign(request, claim, credential.secret_access_key)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise error(service.protocol, Fault.WRONG_SIGNATURE, _MISMATCH)
    return credential, claim.region


def sign(request: HttpRequest, claim: Claim, secret: str) -> str:
    """The signature this request should carry, 64 hexadecimal digits."""
    digest = hashlib.sha256(canonical_request(request, claim.signed_headers).encode()).hexdigest()
    text = "\n".join((ALGORITHM, claim.stamp, claim.scope, digest))
    key = _signing_key(secret, claim.scope_date, claim.region, claim.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def canonical_request(request: HttpRequest, signed_headers: tuple[str, ...]) -> str:
    """The text that is hashed and signed."""
    pairs = sorted(
        (quote(name, safe=_SAFE), quote(value, safe=_SAFE))
        for name, value in request.query_pairs
        if name != "X-Amz-Signature"
    )
    headers = (f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed_headers)
    return "\n".join(
        (
            request.method,
            quote(request.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


@lru_cache(maxsize=1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _session_token(request: HttpRequest) -> str:
    query = dict(request.query_pairs) if request.query else {}
    return request.headers.get("x-amz-security-token", "") or query.get("X-Amz-Security-Token", "")


def _scope_fault(claim: Claim, service: Service, request: HttpRequest) -> AwsError | None:
    unsigned = [
        name
        for name in ("host", "x-amz-date", "x-amz-target")
        if name in request.headers and name not in claim.signed_headers
    ]
    message = None
    if unsigned:
        message = f"'{unsigned[0]}' must be a 'SignedHeader' in the AWS Authorization."
    elif claim.service != service.signing_name:
        message = f"Credential should be scoped to correct service: '{service.signing_name}'. "
    elif not _REGION.fullmatch(claim.region):
        message = "Credential should be scoped to a valid region. "
    elif claim.scope_date != claim.stamp[:8]:
        message = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.scope_date}' != '{claim.stamp[:8]}', from '{claim.stamp}'."
        )
    return error(service.protocol, Fault.WRONG_SIGNATURE, message) if message else None


def _time_fault(claim: Claim, service: Service, now: datetime) -> AwsError | None:
    signed = instant(claim.stamp)
    if signed is None:
        message = f"Date must be in ISO-8601 'basic format'. Got '{claim.stamp[:64]}'."
        return error(service.protocol, Fault.INCOMPLETE_SIGNATURE, message)
    minutes = int(service.skew.total_seconds()) // 60
    now = now.replace(microsecond=0)
    good_for = service.skew if claim.expires is None else timedelta(seconds=claim.expires)
    if signed < now - good_for:
        early, span = (now - good_for).strftime(STAMP), f"{minutes} min."
        if claim.expires is not None:
            span = f"{claim.expires} sec."
        message = (
            f"Signature expired: {claim.stamp} is now earlier than {early} ({now.strftime(STAMP)} - {span})"
        )
    elif signed > now + service.skew:
        late = (now + service.skew).strftime(STAMP)
        message = (
            f"Signature not yet current: {claim.stamp} is still later than {late} "
            f"({now.strftime(STAMP)} + {minutes} min.)"
        )
    else:
        return None
    return error(service.protocol, Fault.EXPIRED, message)
