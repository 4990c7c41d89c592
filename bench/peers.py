"""moto's server beside ours: the same requests, prepared and signed once, sent to both by wrk in turns.

moto is installed into ``build/bench/moto``, a virtual environment that is for this alone. Its server starts
no containers: a task is a record there.
"""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .packages import BUILT

MOTO = "moto[server,ecs]"
_DIRECTORY = BUILT / "moto"
REGION = "us-east-1"
_TARGET = "AmazonEC2ContainerServiceV20141113"
AT_ONCE = 8


class Endpoint(NamedTuple):
    """A server that speaks ECS's API, and a key that it takes."""

    name: str
    url: str
    credentials: Credentials

    def client(self, service: str = "ecs") -> Any:
        key: dict[str, Any] = {
            "aws_access_key_id": self.credentials.access_key,
            "aws_secret_access_key": self.credentials.secret_key,
        }
        make: Any = boto3.client  # its stubs know every service by its name
        return make(service, endpoint_url=self.url, region_name=REGION, **key)


class Load(NamedTuple):
    """What wrk says of one request, again and again."""

    per_second: float
    p99_ms: float


def install_moto() -> str:
    """Why it cannot be had; empty when it is there."""
    if (_DIRECTORY / "bin" / "moto_server").exists():
        return ""
    print(f"  installing for the comparison: {MOTO}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(_DIRECTORY)], check=True)
    command = [str(_DIRECTORY / "bin" / "python"), "-m", "pip", "--quiet", "install", MOTO]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"moto cannot be installed: {done.stderr.strip()[-200:]}"


@contextmanager
def moto() -> Iterator[Endpoint]:
    """Its server, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(_DIRECTORY / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/moto-api/data.json", process)
        yield Endpoint("moto", url, Credentials("bench", "bench"))
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto's server does not answer: {error}") from error
            time.sleep(0.1)
        else:
            return


def load(on: Endpoint, operation: str, params: Mapping[str, Any], seconds: int, directory: Path) -> Load:
    """The same signed request for so long, over ``AT_ONCE`` connections. Every answer must be a 200."""
    body = json.dumps(params)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_TARGET}.{operation}"}
    request = AWSRequest("POST", f"{on.url}/", data=body, headers=headers)
    SigV4Auth(on.credentials, "ecs", REGION).add_auth(request)
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
    lines += [
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()
    ]
    script = directory / "request.lua"
    script.write_text("\n".join(lines))
    command = [
        "wrk",
        "-t1",
        f"-c{AT_ONCE}",
        f"-d{seconds}s",
        "--timeout",
        "10",
        "--latency",
        "-s",
        str(script),
    ]
    printed = subprocess.run([*command, f"{on.url}/"], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"{on.name} did not answer every {operation}:\n{printed}")
    return Load(
        _found(r"Requests/sec:\s+([\d.]+)()", printed), _found(r"99%\s+([\d.]+)(us|ms|s)", printed) * 1000
    )


def _found(pattern: str, printed: str) -> float:
    """A number, times in seconds."""
    match = re.search(pattern, printed)
    if match is None:
        raise RuntimeError(f"wrk's answer is not understood:\n{printed}")
    return float(match[1]) * {"us": 1e-6, "ms": 1e-3}.get(match[2], 1)
