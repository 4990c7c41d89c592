"""Wrong requests against a running Sealway: who asks, what is answered, and what must not have changed."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.machine import SEALWAY
from tests.support.world import World

SERVICES = ("ecs", "elbv2", "ec2", "sts")
Clients = dict[str, Any]


def session(world: World, key: str | None = None, secret: str | None = None) -> Clients:
    """Clients with any key; parameters are not checked by boto3, so that wrong ones get out."""
    own = world.machine.environment()
    made: Any = boto3.Session(
        aws_access_key_id=key or own["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or own["AWS_SECRET_ACCESS_KEY"],
        region_name=own["AWS_REGION"],
    )
    config = Config(parameter_validation=False, retries={"max_attempts": 0})
    return {n: made.client(n, endpoint_url=own["AWS_ENDPOINT_URL"], config=config) for n in SERVICES}


def account(world: World, number: str) -> Clients:
    """Clients of another account, which gets a key."""
    command = [*SEALWAY, "credentials", "add", "--data-dir", str(world.machine.data_dir), "--account", number]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    key, secret = (line.partition("=")[2] for line in printed.splitlines())
    return session(world, key, secret)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and message of AWS's error; for what was accepted, words that no error has."""
    try:
        call()
    except ClientError as refused:
        return refused.response["Error"]["Code"], refused.response["Error"]["Message"]
    return "accepted", ""


def everything(world: World) -> dict[str, Any]:
    """The whole state on disk, the containers and the interfaces: what a refused request leaves alone."""
    with closing(sqlite3.connect(f"file:{world.machine.data_dir}/state.db?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT kind, key, body FROM resources ORDER BY kind, key").fetchall()
    found: dict[str, Any] = {f"{kind} {key}": json.loads(body) for kind, key, body in rows}
    found["containers"] = sorted(_lines("docker", "ps", "-aq"))
    found["links"] = sorted(line.split()[1] for line in _lines("ip", "-o", "link"))
    return found


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is not as it was."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
