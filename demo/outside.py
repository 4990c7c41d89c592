"""A client outside: a network namespace behind an uplink of this host, as the internet is behind its NIC.

namespace sealway-demo            host
swdemo1 198.51.100.2 ---- veth ---- swdemo0 198.51.100.1 (uplink: sealway up --uplink swdemo0)
"""

import json
import subprocess
import sys
from typing import Any

from .tls_client import Visit

NAMESPACE = "sealway-demo"
UPLINK = "swdemo0"
INSIDE = "swdemo1"
HOST_ADDRESS = "198.51.100.1"
ADDRESS = "198.51.100.2"


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


def make() -> None:
    """The namespace and its veth pair; what an earlier run left is replaced."""
    remove()
    _ip("netns", "add", NAMESPACE)
    _ip("link", "add", UPLINK, "type", "veth", "peer", "name", INSIDE, "netns", NAMESPACE)
    _ip("addr", "add", f"{HOST_ADDRESS}/24", "dev", UPLINK)
    _ip("link", "set", UPLINK, "up")
    inside = ("-n", NAMESPACE)
    _ip(*inside, "addr", "add", f"{ADDRESS}/24", "dev", INSIDE)
    _ip(*inside, "link", "set", INSIDE, "up")
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "route", "add", "default", "via", HOST_ADDRESS)


def remove() -> None:
    """Takes both away, if they are there."""
    _ip("link", "del", UPLINK, check=False)
    _ip("netns", "del", NAMESPACE, check=False)


def visits(to: str, name: str, ca_file: str, count: int) -> list[Visit]:
    """``count`` TLS connections from outside to ``to`` (address:port)."""
    command = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-m", "demo.tls_client"]
    command += ["--to", to, "--name", name, "--ca", ca_file, "--count", str(count)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    return [Visit(**one) for one in found]
