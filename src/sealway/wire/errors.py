"""What goes wrong on the wire, in the words of each protocol.

The same fault has other codes, words and statuses in JSON, Query and EC2 Query; ``FAULTS`` holds them
side by side. Code above this file names the fault; only the protocol decides how it reads.
"""

from enum import Enum, auto
from typing import NoReturn

import msgspec

from ..model.errors import AwsError
from .service_models import Protocol


class Fault(Enum):
    """A fault that every service shares."""

    UNKNOWN_OPERATION = auto()
    UNSIGNED = auto()
    INCOMPLETE_SIGNATURE = auto()
    UNKNOWN_KEY = auto()
    WRONG_SIGNATURE = auto()
    EXPIRED = auto()
    MALFORMED = auto()
    INVALID = auto()
    UNKNOWN_PARAMETER = auto()
    TOO_LARGE = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()


class Wording(msgspec.Struct, frozen=True):
    """``message`` stands when it is given; else what the place of the fault has to say does."""

    code: str
    status: int
    message: str | None = None


_TOKEN_INVALID = "The security token included in the request is invalid."  # noqa: S105 - AWS's words
_NOT_VALIDATED = "AWS was not able to validate the provided access credentials"
_INTERNAL = "The request processing has failed because of an unknown error, exception or failure."
_UNAVAILABLE = "The request has failed due to a temporary failure of the server."
_CORAL = "com.amazon.coral.service#"
"""The namespace of AWS's service framework, as JSON errors that are no service's own carry it."""

FAULTS: dict[Protocol, dict[Fault, Wording]] = {
    "json": {
        Fault.UNKNOWN_OPERATION: Wording(_CORAL + "UnknownOperationException", 400),
        Fault.UNSIGNED: Wording("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
        Fault.INCOMPLETE_SIGNATURE: Wording("IncompleteSignatureException", 400),
        Fault.UNKNOWN_KEY: Wording("UnrecognizedClientException", 400, _TOKEN_INVALID),
        Fault.WRONG_SIGNATURE: Wording("InvalidSignatureException", 400),
        Fault.EXPIRED: Wording("InvalidSignatureException", 400),
        Fault.MALFORMED: Wording(_CORAL + "SerializationException", 400),
        Fault.INVALID: Wording("InvalidParameterException", 400),
        Fault.UNKNOWN_PARAMETER: Wording("InvalidParameterException", 400),
        Fault.TOO_LARGE: Wording("RequestEntityTooLargeException", 413),
        Fault.UNAVAILABLE: Wording("ServiceUnavailable", 503, _UNAVAILABLE),
        Fault.INTERNAL: Wording("ServerException", 500, _INTERNAL),
    },
    "query": {
        Fault.UNKNOWN_OPERATION: Wording("InvalidAction", 400),
        Fault.UNSIGNED: Wording("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
        Fault.INCOMPLETE_SIGNATURE: Wording("IncompleteSignature", 400),
        Fault.UNKNOWN_KEY: Wording("InvalidClientTokenId", 403, _TOKEN_INVALID),
        Fault.WRONG_SIGNATURE: Wording("SignatureDoesNotMatch", 403),
        Fault.EXPIRED: Wording("SignatureDoesNotMatch", 403),
        Fault.MALFORMED: Wording("MalformedInput", 400),
        Fault.INVALID: Wording("ValidationError", 400),
        Fault.UNKNOWN_PARAMETER: Wording("ValidationError", 400),
        Fault.TOO_LARGE: Wording("RequestEntityTooLarge", 413),
        Fault.UNAVAILABLE: Wording("ServiceUnavailable", 503, _UNAVAILABLE),
        Fault.INTERNAL: Wording("InternalFailure", 500, _INTERNAL),
    },
    "ec2": {
        Fault.UNKNOWN_OPERATION: Wording("InvalidAction", 400),
        Fault.UNSIGNED: Wording(
            "MissingParameter", 400, "The request must contain the parameter AWSAccessKeyId"
        ),
        Fault.INCOMPLETE_SIGNATURE: Wording("IncompleteSignature", 400),
        Fault.UNKNOWN_KEY: Wording("AuthFailure", 401, _NOT_VALIDATED),
        Fault.WRONG_SIGNATURE: Wording("AuthFailure", 401, _NOT_VALIDATED),
        Fault.EXPIRED: Wording("RequestExpired", 400, "Request has expired."),
        Fault.MALFORMED: Wording("InvalidParameterValue", 400),
        Fault.INVALID: Wording("InvalidParameterValue", 400),
        Fault.UNKNOWN_PARAMETER: Wording("UnknownParameter", 400),
        Fault.TOO_LARGE: Wording("RequestEntityTooLarge", 413),
        Fault.UNAVAILABLE: Wording("Unavailable", 503, _UNAVAILABLE),
        Fault.INTERNAL: Wording("InternalError", 500, "An internal error has occurred"),
    },
}


FAULTS["cbor"] = FAULTS["json"]


def error(protocol: Protocol, fault: Fault, message: str = "") -> AwsError:
    """The fault as a client of that protocol knows it."""
    wording = FAULTS[protocol][fault]
    return AwsError(wording.code, wording.message or message, wording.status)


def refuse(protocol: Protocol, fault: Fault, message: str = "") -> NoReturn:
    """Raises ``error(...)``."""
    raise error(protocol, fault, message)
