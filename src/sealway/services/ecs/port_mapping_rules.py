"""What a container's port mappings must look like, and the defaults AWS fills in.

Source: ECS API Reference, PortMapping.
"""

from collections import Counter
from collections.abc import Iterable

from ...model.port_range import parse_range
from ...model.request import Params
from .errors import client

_LAST_PORT = 65535
_MOST_RANGES = 100
"""Port ranges a container."""


def checked_mappings(container: Params, network_mode: str) -> list[Params]:
    """A container's port mappings with AWS's defaults. Raises ClientException for the first wrong one."""
    name = container["name"]
    checked = [_checked(mapping, name, network_mode) for mapping in container.get("portMappings") or ()]
    _check_ranges(checked, name)
    return checked


def check_host_ports(containers: Iterable[Params], network_mode: str) -> None:
    """That a task asks for a host port once only, over all its checked containers."""
    mappings = [mapping for container in containers for mapping in container["portMappings"]]
    ports = Counter((mapping["protocol"], mapping.get("hostPort") or 0) for mapping in mappings)
    twice = [(protocol, port) for (protocol, port), count in ports.items() if port and count > 1]
    if network_mode == "awsvpc":  # its containers share one address: ranges are host ports, too
        for protocol in {protocol for protocol, _ in ports}:
            shared = _shared_port(m for m in mappings if m["protocol"] == protocol)
            twice += [(protocol, shared)] if shared else []
    for protocol, port in twice:
        raise client(f"{protocol.upper()} host port '{port}' is mapped multiple times in task.")


def _checked(given: Params, container: str, network_mode: str) -> Params:
    mapping = {member: value for member, value in given.items() if value is not None}
    if mapping.get("containerPortRange"):
        return {"protocol": "tcp", **_checked_range(mapping, container)}
    mapping.pop("containerPortRange", None)
    port, host = mapping.get("containerPort"), mapping.get("hostPort")
    if port is None or not 1 <= port <= _LAST_PORT:
        raise client(f"Invalid 'containerPort' setting for container '{container}'.")
    if host is not None and not 0 <= host <= _LAST_PORT:
        raise client(f"Invalid 'hostPort' setting for container '{container}'.")
    if network_mode == "awsvpc":
        if host not in (None, 0, port):
            raise client(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
            )
        host = port
    return {"protocol": "tcp", **mapping, "hostPort": host or 0}


def _checked_range(mapping: Params, container: str) -> Params:
    setting = f"Invalid 'containerPortRange' setting for container '{container}'"
    if parse_range(mapping["containerPortRange"]) is None:
        raise client(
            f"{setting}: '{mapping['containerPortRange']}' must be two ports between 1 and {_LAST_PORT}, the"
            " first less than the last, as in '8000-8010'."
        )
    # 0 is what clients without a null send where nothing is asked for.
    for member in ("containerPort", "hostPort"):
        if mapping.pop(member, 0):
            raise client(f"{setting}: {member} cannot be specified together with containerPortRange.")
    return mapping


def _check_ranges(mappings: list[Params], container: str) -> None:
    """That no port of a range is in another mapping of the container, of whatever protocol."""
    setting = f"Invalid 'containerPortRange' setting for container '{container}'"
    if sum("containerPortRange" in mapping for mapping in mappings) > _MOST_RANGES:
        raise client(f"{setting}: a container has at most {_MOST_RANGES} port ranges.")
    if shared := _shared_port(mappings):
        raise client(f"{setting}: port {shared} is in more than one port mapping.")


def _shared_port(mappings: Iterable[Params]) -> int | None:
    """The first container port of a range that is in another mapping as well."""
    spans = [
        parse_range(m["containerPortRange"])
        if "containerPortRange" in m
        else range(m["containerPort"], m["containerPort"] + 1)
        for m in mappings
    ]
    before: range | None = None
    for span in sorted((s for s in spans if s), key=lambda found: (found.start, found.stop)):
        if before and span.start < before.stop and (len(span) > 1 or len(before) > 1):
            return span.start
        before = span if before is None or span.stop >= before.stop else before
    return None
