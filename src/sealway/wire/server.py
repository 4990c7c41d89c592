"""The API over HTTP: one address for every service, as clients with an endpoint URL expect it.

A request goes through the steps of ``_Api._answer`` in order, each of which may end it with an
``AwsError``. Handlers are synchronous: they work in the event loop's own turn, so no two ever overlap,
and they do no I/O but the store's commit. Whatever a handler raises that is not ``AwsError`` is our
fault: it is logged with its traceback, and the client learns nothing of it but the request id.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from ..model.credential import Credential
from ..model.errors import AwsError, SealwayError
from ..model.ids import IdSource, uuid
from ..model.request import Operations, RequestContext
from . import codecs
from .connections import PATIENCE
from .errors import Fault, error, refuse
from .reply import Reply, Report, strict
from .request import HttpRequest
from .routing import Call, identify, other_service
from .service_models import SERVICES, Model, Service, load
from .signing import verify
from .validation import check

LARGEST_BODY = 1 << 20
"""Bytes. AWS's own bounds are smaller: a task definition may have 64 KiB, user data 16."""

_LONGEST_MESSAGE = 8192
"""Characters of an error: what it quotes may be as long as a request."""
_INSTEAD = {"elb": " Classic Load Balancers are not available: make a Network Load Balancer, with elbv2."}

log = structlog.get_logger(__name__)


def make_app(
    operations: Operations,
    credentials: Callable[[str], Credential | None],
    clock: Callable[[], datetime],
    ids: IdSource,
    ready: Callable[[], bool],
    strict_output: bool = False,
) -> web.Application:
    """The application. ``strict_output``: a handler's output that does not fit its shape is a failure."""
    api = _Api(operations, credentials, clock, ids, strict if strict_output else _log_misfit)

    async def readiness(_: web.Request) -> web.Response:
        if ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "starting"}, status=503)

    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_say_what_is_not_offered])
    app.router.add_get("/_sealway/ready", readiness)
    app.router.add_get("/", api.handle, allow_head=False)
    app.router.add_post("/", api.handle)
    app.router.add_post("/service/{service}/operation/{operation}", api.handle)
    return app


@web.middleware
async def _say_what_is_not_offered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Other services' clients, whose paths are not ours, find out why too."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        asked = HttpRequest(request.method, request.raw_path, request.headers.items(), b"")
        other = other_service(asked)
        if other is None:
            raise
        fault = error("json", Fault.UNKNOWN_OPERATION, _not_offered(other))
        answer = codecs.failure(Call(protocol="json", service=None, action=""), fault, "")
        return web.Response(body=answer.body, status=404, content_type="application/json")


def _log_misfit(problem: str) -> None:
    log.error("an answer does not fit its shape", problem=problem)


class _Api:
    def __init__(
        self,
        operations: Operations,
        credentials: Callable[[str], Credential | None],
        clock: Callable[[], datetime],
        ids: IdSource,
        report: Report,
    ) -> None:
        self._operations = operations
        self._credentials = credentials
        self._clock = clock
        self._ids = ids
        self._report = report

    async def handle(self, http: web.Request) -> web.Response:
        """One request."""
        request_id = uuid(self._ids)
        body, refusal = b"", None
        try:
            async with asyncio.timeout(PATIENCE):
                body = await http.read()
        except TimeoutError:
            refusal = Fault.MALFORMED, "The request body did not arrive in time."
        except web.HTTPRequestEntityTooLarge:
            refusal = Fault.TOO_LARGE, f"The request body is larger than {LARGEST_BODY} bytes."
        except (web.RequestPayloadError, ConnectionError):
            # Cut short; if the client has left, no one reads this.
            refusal = Fault.MALFORMED, "The request body could not be read."
        request = HttpRequest(http.method, http.raw_path, http.headers.items(), body)
        call = identify(request)
        if refusal:
            return _respond(_failure(call, error(call.protocol, *refusal), request_id), request_id)
        return _respond(self._reply(call, request, request_id), request_id)

    def _reply(self, call: Call, request: HttpRequest, request_id: str) -> Reply:
        try:
            return self._answer(call, request, request_id)
        except AwsError as fault:
            answer = fault
        except SealwayError:
            log.exception("a request could not be served", action=call.action, request_id=request_id)
            answer = error(call.protocol, Fault.UNAVAILABLE)
        except Exception:
            log.exception("a request failed", action=call.action, request_id=request_id)
            answer = error(call.protocol, Fault.INTERNAL)
        return _failure(call, answer, request_id)

    def _answer(self, call: Call, request: HttpRequest, request_id: str) -> Reply:
        now = self._clock()
        if call.service is None:
            raise _unknown(call, other_service(request))
        model = _model(call, call.service)
        handler = self._operations.get(model.service.name, {}).get(call.action)
        operation = model.operation(call.action)
        if operation is None:
            raise _unknown(call)
        if handler is None:
            message = f"Sealway does not implement the operation {call.action} of {model.service.name}."
            message += _INSTEAD.get(model.service.name, "")
            refuse(call.protocol, Fault.UNKNOWN_OPERATION, message)
        credential, region = verify(request, model.service, self._credentials, now)
        params = codecs.decode(call, model, request)
        check(call.protocol, operation, params)
        context = RequestContext(
            account_id=credential.account_id,
            region=region,
            access_key_id=credential.access_key_id,
            request_id=request_id,
            now=now,
        )
        return codecs.encode(call, model, handler(context, params), request_id, self._report)


def _model(call: Call, service: Service) -> Model:
    if call.protocol == "ec2" and call.version != service.version:
        message = f"The requested version ({call.version}) of service AmazonEC2 does not exist"
        raise AwsError("NoSuchVersion", message)
    if call.protocol == "query" and call.version != service.version:
        raise _unknown(call)
    return load(service.name)


def _unknown(call: Call, other: str | None = None) -> AwsError:
    if other:
        message = _not_offered(other)
    elif call.protocol in ("json", "cbor"):
        message = f"The operation {call.action or '(none)'} is not known."
    elif not call.action:
        return AwsError("MissingAction", "The request must contain the parameter Action")
    elif call.protocol == "ec2":
        message = f"The action {call.action} is not valid for this web service."
    else:
        message = (
            f"Could not find operation {call.action} for version {call.version or 'NO_VERSION_SPECIFIED'}"
        )
    return error(call.protocol, Fault.UNKNOWN_OPERATION, message)


def _not_offered(other: str) -> str:
    offered = ", ".join(sorted(set(SERVICES) - set(_INSTEAD)))
    return f"Sealway does not offer the service {other[:64]}: it offers {offered}."


def _failure(call: Call, answer: AwsError, request_id: str) -> Reply:
    model = load(call.service.name) if call.service else None
    status = model.error_statuses.get(answer.code, answer.status) if model else answer.status
    told = AwsError(answer.code, answer.message[:_LONGEST_MESSAGE], status, **answer.members)
    return codecs.failure(call, told, request_id, model.xml_namespace if model else "")


def _respond(reply: Reply, request_id: str) -> web.Response:
    headers = {
        "Content-Type": reply.content_type,
        "x-amzn-RequestId": request_id,
        "Server": "Sealway",
        **reply.headers,
    }
    return web.Response(body=reply.body, status=reply.status, headers=headers)
