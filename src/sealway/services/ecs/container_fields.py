"""Which members of a container definition Sealway honours; every other one is refused by name.

What a container may do is Docker's default or less, so nothing here widens it: no privileged mode, no
capabilities but Docker's default ones, no devices.
"""

from ...model.request import Params
from .errors import unsupported
from .honoured import asks_nothing, refuse_others

CONTAINER = frozenset(
    {
        "name",
        "image",
        "command",
        "entryPoint",
        "environment",
        "cpu",
        "memory",
        "memoryReservation",
        "portMappings",
        "essential",
        "user",
        "workingDirectory",
        "dockerLabels",
        "stopTimeout",
        "startTimeout",
        "ulimits",
        "healthCheck",
        "dependsOn",
        "mountPoints",
        "readonlyRootFilesystem",
        "linuxParameters",
        "logConfiguration",
        "hostname",
        "extraHosts",
        "dnsServers",
        "dnsSearchDomains",
        "restartPolicy",
        "versionConsistency",
        "interactive",
        "pseudoTerminal",
        "links",
        "systemControls",
        "volumesFrom",
    }
)
_PORT_MAPPING = ("containerPort", "containerPortRange", "hostPort", "protocol", "name", "appProtocol")
"""``name`` and ``appProtocol`` are read by Service Connect alone, and kept."""
_LINUX = ("capabilities", "initProcessEnabled", "sharedMemorySize", "tmpfs")
_BRIDGE_ONLY = ("links", "hostname", "extraHosts", "dnsServers", "dnsSearchDomains")
_DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What Docker gives a container: to be added again where all are dropped. Docker documentation, "Runtime
privilege and Linux capabilities"."""
_LOG_DRIVERS = ("json-file", "none")
_JSON_FILE_OPTIONS = (
    "max-size",
    "max-file",
    "compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
    "mode",
    "max-buffer-size",
)
"""Docker Engine documentation, "JSON File logging driver"."""


def refuse_unhonoured(container: Params, network_mode: str) -> None:
    """ClientException naming the first member that would not be honoured."""
    where = f"container '{container.get('name', '')}'"
    refuse_others(container, CONTAINER, where)
    for mapping in container.get("portMappings") or ():
        refuse_others(mapping, _PORT_MAPPING, f"a port mapping of {where}")
    _refuse_linux(container.get("linuxParameters") or {}, where)
    _refuse_logging(container.get("logConfiguration") or {}, where)
    if container.get("versionConsistency") == "enabled":
        raise unsupported(f"The value 'enabled' of the parameter 'versionConsistency' of {where}")
    for member in _BRIDGE_ONLY:
        if network_mode == "awsvpc" and not asks_nothing(container.get(member)):
            raise unsupported(f"The parameter '{member}' of {where} with networkMode=awsvpc")


def _refuse_linux(linux: Params, where: str) -> None:
    refuse_others(linux, _LINUX, f"linuxParameters of {where}")
    capabilities = linux.get("capabilities") or {}
    refuse_others(capabilities, ("add", "drop"), f"linuxParameters.capabilities of {where}")
    for name in capabilities.get("add") or ():
        if name.upper().removeprefix("CAP_") not in _DEFAULT_CAPABILITIES:
            raise unsupported(f"Adding the capability '{name}' to {where}")


def _refuse_logging(logging: Params, where: str) -> None:
    driver = logging.get("logDriver")
    if driver and driver not in _LOG_DRIVERS:
        raise unsupported(f"The log driver '{driver}' of {where} (use json-file)")
    refuse_others(logging, ("logDriver", "options"), f"logConfiguration of {where}")
    if driver == "json-file":
        refuse_others(logging.get("options") or {}, _JSON_FILE_OPTIONS, f"the log options of {where}")
