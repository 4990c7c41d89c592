"""What a request says of its own signature, read from the Authorization header or a presigned query.

Nothing here is proven yet; ``signing.py`` does that.

Source: AWS General Reference, "Create a signed AWS API request".
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from .request import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"
_LONGEST_PRESIGNED = 7 * 24 * 3600
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """``scope_date`` YYYYMMDD, ``region`` and ``service`` are the credential scope's."""

    access_key_id: str
    scope_date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    """When it was signed, as ``YYYYMMDDTHHMMSSZ``."""
    expires: int | None = None
    """Seconds a presigned request is good for."""

    @property
    def scope(self) -> str:
        """The credential scope without the key."""
        return f"{self.scope_date}/{self.region}/{self.service}/aws4_request"


class Incomplete(Exception):
    """The signature is not written as SigV4 wants it."""


def scope_service(request: HttpRequest) -> str | None:
    """The signing name in the credential scope, if one can be made out; routing needs it early."""
    try:
        claim = read_claim(request)
    except Incomplete:
        return None
    return claim.service if claim else None


def read_claim(request: HttpRequest) -> Claim | None:
    """The claim, or None when the request is not signed. Raises ``Incomplete``."""
    header = request.headers.get("authorization")
    if header is not None:
        return _header_claim(header, request)
    query = dict(request.query_pairs) if request.query else {}
    return _query_claim(query) if "X-Amz-Signature" in query or "X-Amz-Algorithm" in query else None


def _header_claim(header: str, request: HttpRequest) -> Claim:
    algorithm, _, rest = header.strip().partition(" ")
    _check_algorithm(algorithm)
    pairs = [_field(part) for part in rest.split(",") if part.strip()]
    fields = dict(pairs)
    missing = [name for name in _PARAMETERS if not fields.get(name)]
    stamp = _header_stamp(request)
    wrong = [f"Authorization header requires '{name}' parameter." for name in missing]
    if len(pairs) > len(fields) or not fields.keys() <= set(_PARAMETERS):
        # Two such headers come joined by a comma: which of them another reader believes, nobody knows.
        wrong.append("Authorization header has a parameter twice, or one that is not known.")
    if not stamp:
        wrong.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if wrong:
        raise Incomplete(" ".join(wrong))
    return _claim(fields["Credential"], fields["SignedHeaders"], fields["Signature"], stamp)


def _query_claim(query: dict[str, str]) -> Claim:
    _check_algorithm(query.get("X-Amz-Algorithm", ""))
    names = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
    missing = [f"AWS query-string parameters must include '{name}'." for name in names if not query.get(name)]
    if missing:
        raise Incomplete(" ".join(missing))
    credential, signature, headers, stamp, expires = (query[name] for name in names)
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= _LONGEST_PRESIGNED:
        raise Incomplete("X-Amz-Expires must be a number of seconds between 1 and 604800.")
    return msgspec.structs.replace(_claim(credential, headers, signature, stamp), expires=int(expires))


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise Incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _claim(credential: str, headers: str, signature: str, stamp: str) -> Claim:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise Incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential[:256]}'"
        )
    key, date, region, service, _ = parts
    return Claim(
        access_key_id=key,
        scope_date=date,
        region=region,
        service=service,
        signed_headers=tuple(headers.split(";")),
        signature=signature,
        stamp=stamp,
    )


def _header_stamp(request: HttpRequest) -> str:
    if "x-amz-date" in request.headers:
        return request.headers["x-amz-date"].strip()
    date = request.headers.get("date", "").strip()
    if not date or instant(date):
        return date
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime(STAMP)
    except (ValueError, OverflowError) as fault:
        raise Incomplete("Date must be in ISO-8601 'basic format' or RFC 1123 format.") from fault


def instant(stamp: str) -> datetime | None:
    """The time a stamp stands for, None when it is not written as one."""
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", stamp):
        return None
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
