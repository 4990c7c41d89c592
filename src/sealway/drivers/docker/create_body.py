"""A container's specification as Docker's create request. Pure.

Source: Docker Engine API v1.41, ``POST /containers/create``. Only what the specification says is in
the body, so the engine's own defaults hold for everything else.
"""

from typing import Any

from ..contracts.container_runtime import MANAGED_LABEL, ContainerHealthCheck, ContainerSpec, Mount
from .scope import Scope

_NANOSECONDS = 1_000_000_000
_CFS_PERIOD_MICROSECONDS = 100_000
_SMALLEST_QUOTA_MICROSECONDS = 1_000  # the kernel refuses less
_CPU_UNITS_PER_CPU = 1024
_SMALLEST_CPU_SHARES = 2  # likewise

Json = dict[str, Any]


def create_body(spec: ContainerSpec, scope: Scope) -> Json:
    """The request's JSON body. The container's name is a query parameter and not in it."""
    body: Json = {
        "Image": spec.image,
        "Labels": _labels(spec, scope),
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "HostConfig": _host_config(spec, scope),
    }
    optional = {
        "Cmd": None if spec.command is None else list(spec.command),
        "Entrypoint": None if spec.entrypoint is None else list(spec.entrypoint),
        "User": spec.user,
        "WorkingDir": spec.working_directory,
        "Hostname": spec.hostname,
        "StopTimeout": spec.stop_timeout,
        "Tty": True if spec.tty else None,
        "OpenStdin": True if spec.open_stdin else None,
        "Healthcheck": None if spec.health_check is None else _health_check(spec.health_check),
    }
    if spec.links:
        endpoint = {"Links": list(spec.links)}
        body["NetworkingConfig"] = {"EndpointsConfig": {scope.network: endpoint}}
    if spec.published_ports:
        body["ExposedPorts"] = {f"{port.container_port}/{port.protocol}": {} for port in spec.published_ports}
    return body | _given(optional)


def _labels(spec: ContainerSpec, scope: Scope) -> dict[str, str]:
    """The scope alone says whose a container is: another Sealway on this engine leaves it be."""
    given = {name: value for name, value in spec.labels.items() if name != MANAGED_LABEL}
    return {**given, scope.label: "true"}


def _host_config(spec: ContainerSpec, scope: Scope) -> Json:
    config: Json = {
        "NetworkMode": scope.network if spec.network == "bridge" else spec.network,
        "LogConfig": {"Type": spec.log_driver, "Config": dict(spec.log_options)},
        "RestartPolicy": {"Name": "no"},  # who restarts is the scheduler's to say
    }
    optional = {
        "CpuShares": None if spec.cpu_shares is None else max(_SMALLEST_CPU_SHARES, spec.cpu_shares),
        "Memory": spec.memory,
        "MemoryReservation": spec.memory_reservation,
        "ShmSize": spec.shm_size,
        "Init": True if spec.init else None,
        "ReadonlyRootfs": True if spec.read_only_root else None,
        "Privileged": True if spec.privileged else None,
        "Dns": list(spec.dns_servers) or None,
        "DnsSearch": list(spec.dns_search) or None,
        "ExtraHosts": list(spec.extra_hosts) or None,
        "CapAdd": list(spec.cap_add) or None,
        "CapDrop": list(spec.cap_drop) or None,
        "Ulimits": [{"Name": u.name, "Soft": u.soft, "Hard": u.hard} for u in spec.ulimits] or None,
        "Sysctls": dict(spec.sysctls) or None,
        "VolumesFrom": list(spec.volumes_from) or None,
        "PortBindings": _port_bindings(spec) or None,
    }
    return config | _given(optional) | _cpu_limit(spec.cpu_quota_units) | _mounts(spec.mounts, scope)


def _given(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _cpu_limit(units: int | None) -> Json:
    if units is None:
        return {}
    quota = units * _CFS_PERIOD_MICROSECONDS // _CPU_UNITS_PER_CPU
    return {"CpuPeriod": _CFS_PERIOD_MICROSECONDS, "CpuQuota": max(_SMALLEST_QUOTA_MICROSECONDS, quota)}


def _port_bindings(spec: ContainerSpec) -> dict[str, list[Json]]:
    bindings: dict[str, list[Json]] = {}
    for port in spec.published_ports:
        place = bindings.setdefault(f"{port.container_port}/{port.protocol}", [])
        # No number: the engine takes a free one of the host's ephemeral range.
        place.append({"HostIp": port.host_ip, "HostPort": str(port.host_port or "")})
    return bindings


def _health_check(check: ContainerHealthCheck) -> Json:
    return {
        "Test": list(check.command),
        "Interval": check.interval * _NANOSECONDS,
        "Timeout": check.timeout * _NANOSECONDS,
        "Retries": check.retries,
        "StartPeriod": check.start_period * _NANOSECONDS,
    }


def _mounts(mounts: tuple[Mount, ...], scope: Scope) -> Json:
    config: Json = {}
    for mount in mounts:
        if mount.type == "bind":
            # Binds, not Mounts: a directory that is missing is made, as on ECS.
            config.setdefault("Binds", []).append(_bind(mount))
        elif mount.type == "tmpfs":
            # Tmpfs, not Mounts: only there can the mount options be given.
            config.setdefault("Tmpfs", {})[mount.target] = _tmpfs_options(mount)
        else:
            config.setdefault("Mounts", []).append(_volume(mount, scope))
    return config


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"


def _tmpfs_options(mount: Mount) -> str:
    size = [] if mount.tmpfs_size is None else [f"size={mount.tmpfs_size}"]
    return ",".join([*size, *(["ro"] if mount.read_only else []), *mount.tmpfs_options])


def _volume(mount: Mount, scope: Scope) -> Json:
    return {
        "Type": "volume",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        # The volume that comes into being carries our label, so that it can be found and removed.
        "VolumeOptions": {"Labels": {**mount.volume_labels, scope.label: "true"}},
    }
