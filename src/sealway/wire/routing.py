"""Which service and operation a request is for, before anything else is known of it.

JSON says it in ``X-Amz-Target``, RPC v2 in the path. Query says it in ``Action`` and ``Version``: the version
tells apart services that share a signing name (``elb`` and ``elbv2``); an unknown one leaves the credential
scope.
"""

import msgspec

from . import rpc_v2
from .claims import scope_service
from .query import Fields, form_fields
from .request import HttpRequest
from .service_models import SERVICES, Protocol, Service

_BY_TARGET = {s.target_prefix: s for s in SERVICES.values() if s.target_prefix}
_BY_VERSION = {s.version: s for s in SERVICES.values() if not s.target_prefix}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """``service`` None: no service of ours. ``fields`` None: the form could not be read."""

    protocol: Protocol
    service: Service | None
    action: str
    version: str = ""
    fields: Fields | None = None


def identify(request: HttpRequest) -> Call:
    """Never fails: what is not understood is left open."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        prefix, _, action = target.rpartition(".")
        return Call(protocol="json", service=_BY_TARGET.get(prefix), action=action)
    called = rpc_v2.called(request)
    if called is not None:
        return Call(protocol="cbor", service=_BY_TARGET.get(called[0]), action=called[1])
    fields = _fields(request)
    named = dict(fields or ())
    version = named.get("Version", "")
    service = _BY_VERSION.get(version) or _by_scope(request)
    protocol: Protocol = service.protocol if service else "query"
    parameters = [field for field in fields if not _is_envelope(field[0])] if fields is not None else None
    action = named.get("Action", "")
    return Call(protocol=protocol, service=service, action=action, version=version, fields=parameters)


def _fields(request: HttpRequest) -> Fields | None:
    try:
        return form_fields(request.query) + form_fields(request.body.decode())
    except ValueError:
        return None


def _by_scope(request: HttpRequest) -> Service | None:
    signing_name = scope_service(request)
    return next((s for s in SERVICES.values() if s.signing_name == signing_name), None)


def other_service(request: HttpRequest) -> str | None:
    """The signing name that a request for another cloud's service carries: none of ours."""
    name = scope_service(request)
    return None if name in {service.signing_name for service in SERVICES.values()} else name


def _is_envelope(name: str) -> bool:
    return name in {"Action", "Version"} or name.startswith("X-Amz-")
