"""What a request costs the server: CPU time of its thread, over HTTP and in its parts.

    .venv/bin/python -m bench.wire [requests]

CPU time, not time on the clock, so that another process on the machine does not show. Each figure is the
median of slices taken in turn, because shared machines change their speed for minutes.
"""

import http.client
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from sealway.wire import codecs
from sealway.wire.reply import strict
from sealway.wire.request import HttpRequest
from sealway.wire.routing import identify
from sealway.wire.service_models import SERVICES, load
from sealway.wire.signing import verify
from sealway.wire.validation import check
from tests.support.api_server import ACCESS_KEY, CREDENTIALS, SECRET_KEY, ApiServer, stub
from tests.support.wire_shapes import operation, request_of, signed

SLICES = 7
TIME = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER = {
    "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/blue",
    "clusterName": "blue",
    "status": "ACTIVE",
    "runningTasksCount": 3,
    "tags": [{"key": "team", "value": "orders"}],
}
INTERFACE = {
    "NetworkInterfaceId": "eni-0123456789abcdef0",
    "Description": "ELB net/edge/50dc6c495c0c9188",
    "PrivateIpAddress": "10.0.1.17",
    "Groups": [{"GroupId": "sg-0123456789abcdef0", "GroupName": "default"}],
    "Attachment": {"AttachTime": TIME, "Status": "attached"},
}
CASES: dict[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    ("ecs", "DescribeClusters"): ({"clusters": ["blue"]}, {"clusters": [CLUSTER], "failures": []}),
    ("sts", "GetCallerIdentity"): ({}, {"Account": "000000000000"}),
    ("ec2", "DescribeNetworkInterfaces"): (
        {"Filters": [{"Name": "description", "Values": ["ELB net/*"]}]},
        {"NetworkInterfaces": [INTERFACE] * 20},
    ),
}


def cost(function: Callable[[], object], times: int) -> float:
    """Microseconds of this thread's CPU for one call."""
    start = time.thread_time()
    for _ in range(times):
        function()
    return (time.thread_time() - start) / times * 1e6


def steps(
    service: str, name: str, sent: HttpRequest, output: Mapping[str, Any]
) -> dict[str, Callable[[], object]]:
    """The parts of one request's way."""
    model, call, shape = load(service), identify(sent), operation(service, name)
    now = datetime.now(UTC)
    params = codecs.decode(call, model, sent)
    return {
        "route": lambda: identify(sent),
        "verify": lambda: verify(sent, SERVICES[service], CREDENTIALS.get, now),
        "decode": lambda: codecs.decode(call, model, sent),
        "check": lambda: check(call.protocol, shape, params),
        "encode": lambda: codecs.encode(call, model, dict(output), "r", strict),
    }


class Caller:
    """Sends one signed request again and again on one connection, and reads the server's CPU clock."""

    def __init__(self, server: ApiServer, sent: HttpRequest) -> None:
        self._server = server
        self._sent = sent
        self._connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)

    def slice(self, times: int) -> float:
        """Microseconds of the server's thread for one request."""
        start = self._server.run(time.thread_time)
        for _ in range(times):
            self._connection.request("POST", "/", self._sent.body, self._sent.headers)
            response = self._connection.getresponse()
            response.read()
            assert response.status == 200, response.status
        return (self._server.run(time.thread_time) - start) / times * 1e6


def main(times: int) -> None:
    """Measures and prints."""
    operations: dict[str, dict[str, Any]] = {}
    for (service, name), (_, output) in CASES.items():
        operations.setdefault(service, {})[name] = stub(output)
    with (
        TemporaryDirectory() as directory,
        ApiServer(Path(directory), operations=operations) as server,
    ):
        for (service, name), (params, output) in CASES.items():
            signing_name = SERVICES[service].signing_name
            sent = signed(request_of(service, name, dict(params)), signing_name, ACCESS_KEY, SECRET_KEY)
            parts = steps(service, name, sent, output)
            caller = Caller(server, sent)
            caller.slice(20)
            whole = statistics.median(caller.slice(times // SLICES) for _ in range(SLICES))
            split = {
                part: statistics.median(cost(step, times // SLICES) for _ in range(SLICES))
                for part, step in parts.items()
            }
            told = ", ".join(f"{part} {microseconds:.0f}" for part, microseconds in split.items())
            print(f"{service}.{name}: {whole:.0f} us of CPU a request over HTTP ({told})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2100)
