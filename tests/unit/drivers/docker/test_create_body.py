"""Every field of a specification, where Docker wants it."""

import pytest

from sealway.drivers.contracts.container_runtime import (
    MANAGED_LABEL,
    ContainerHealthCheck,
    ContainerSpec,
    Mount,
    PublishedPort,
    Ulimit,
)
from sealway.drivers.docker.create_body import create_body
from sealway.drivers.docker.scope import Scope


def body(**fields):
    return create_body(ContainerSpec(**{"name": "n", "image": "i:1", "labels": {}} | fields), Scope())


def host(**fields):
    return body(**fields)["HostConfig"]


def test_a_bare_specification_leaves_docker_its_defaults():
    assert body(labels={"a": "b"}) == {
        "Image": "i:1",
        "Labels": {"a": "b", MANAGED_LABEL: "true"},
        "Env": [],
        "HostConfig": {
            "NetworkMode": "none",
            "LogConfig": {"Type": "json-file", "Config": {}},
            "RestartPolicy": {"Name": "no"},
        },
    }


@pytest.mark.parametrize(
    ("fields", "where", "value"),
    [
        ({"command": ("a", "b")}, "Cmd", ["a", "b"]),
        ({"command": ()}, "Cmd", []),
        ({"entrypoint": ("/x",)}, "Entrypoint", ["/x"]),
        ({"environment": {"A": "1", "B": "x=y"}}, "Env", ["A=1", "B=x=y"]),
        ({"user": "1000:1000"}, "User", "1000:1000"),
        ({"working_directory": "/srv"}, "WorkingDir", "/srv"),
        ({"hostname": "h"}, "Hostname", "h"),
        ({"stop_timeout": 0}, "StopTimeout", 0),
    ],
)
def test_the_containers_own_fields(fields, where, value):
    assert body(**fields)[where] == value


@pytest.mark.parametrize(
    ("fields", "where", "value"),
    [
        ({"network": "bridge"}, "NetworkMode", "sealway"),
        ({"network": "container:pause"}, "NetworkMode", "container:pause"),
        ({"dns_servers": ("10.0.0.2",)}, "Dns", ["10.0.0.2"]),
        ({"dns_search": ("a.b",)}, "DnsSearch", ["a.b"]),
        ({"extra_hosts": ("h:10.0.0.9",)}, "ExtraHosts", ["h:10.0.0.9"]),
        ({"cpu_shares": 256}, "CpuShares", 256),
        ({"cpu_shares": 0}, "CpuShares", 2),
        ({"memory": 1 << 20}, "Memory", 1 << 20),
        ({"memory_reservation": 1 << 19}, "MemoryReservation", 1 << 19),
        ({"shm_size": 4096}, "ShmSize", 4096),
        ({"init": True}, "Init", True),
        ({"read_only_root": True}, "ReadonlyRootfs", True),
        ({"privileged": True}, "Privileged", True),
        ({"cap_add": ("NET_ADMIN",)}, "CapAdd", ["NET_ADMIN"]),
        ({"cap_drop": ("ALL",)}, "CapDrop", ["ALL"]),
        (
            {"ulimits": (Ulimit(name="nofile", soft=10, hard=20),)},
            "Ulimits",
            [{"Name": "nofile", "Soft": 10, "Hard": 20}],
        ),
        (
            {"log_driver": "json-file", "log_options": {"max-size": "1m"}},
            "LogConfig",
            {"Type": "json-file", "Config": {"max-size": "1m"}},
        ),
        ({"log_driver": "none"}, "LogConfig", {"Type": "none", "Config": {}}),
    ],
)
def test_what_stands_in_the_host_configuration(fields, where, value):
    assert host(**fields)[where] == value


@pytest.mark.parametrize(("units", "quota"), [(1024, 100_000), (256, 25_000), (2048, 200_000), (1, 1_000)])
def test_a_hard_cpu_limit_is_a_quota_of_the_period(units, quota):
    config = host(cpu_quota_units=units)
    assert (config["CpuPeriod"], config["CpuQuota"]) == (100_000, quota)


def test_published_ports():
    ports = (
        PublishedPort(container_port=80, host_ip="10.0.0.5"),
        PublishedPort(container_port=80, host_ip="10.0.0.6", host_port=8080),
        PublishedPort(container_port=53, host_ip="10.0.0.5", protocol="udp"),
    )
    made = body(published_ports=ports)
    assert made["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert made["HostConfig"]["PortBindings"] == {
        "80/tcp": [
            {"HostIp": "10.0.0.5", "HostPort": ""},
            {"HostIp": "10.0.0.6", "HostPort": "8080"},
        ],
        "53/udp": [{"HostIp": "10.0.0.5", "HostPort": ""}],
    }


def test_a_health_check_counts_in_nanoseconds():
    check = ContainerHealthCheck(command=("CMD-SHELL", "x"), interval=5, timeout=2, retries=4, start_period=1)
    assert body(health_check=check)["Healthcheck"] == {
        "Test": ["CMD-SHELL", "x"],
        "Interval": 5_000_000_000,
        "Timeout": 2_000_000_000,
        "Retries": 4,
        "StartPeriod": 1_000_000_000,
    }


def test_each_kind_of_mount():
    mounts = (
        Mount(source="/srv/a", target="/a"),
        Mount(source="/srv/b", target="/b", read_only=True),
        Mount(type="tmpfs", target="/t", tmpfs_size=4096, tmpfs_options=("noexec",)),
        Mount(type="tmpfs", target="/u"),
        Mount(type="volume", source="v", target="/v", read_only=True),
    )
    config = host(mounts=mounts)
    assert config["Binds"] == ["/srv/a:/a:rw", "/srv/b:/b:ro"]
    assert config["Tmpfs"] == {"/t": "size=4096,noexec", "/u": ""}
    assert config["Mounts"] == [
        {
            "Type": "volume",
            "Source": "v",
            "Target": "/v",
            "ReadOnly": True,
            "VolumeOptions": {"Labels": {MANAGED_LABEL: "true"}},
        }
    ]


def test_every_field_of_the_specification_is_used():
    """A field that changes nothing in the body would be accepted and not honoured."""
    values = {
        "image": "j",
        "labels": {"x": "y"},
        "command": ("c",),
        "entrypoint": ("e",),
        "environment": {"E": "1"},
        "user": "u",
        "working_directory": "/w",
        "hostname": "h",
        "network": "bridge",
        "published_ports": (PublishedPort(container_port=1, host_ip="127.0.0.1"),),
        "dns_servers": ("10.0.0.2",),
        "dns_search": ("s",),
        "extra_hosts": ("a:1.2.3.4",),
        "cpu_shares": 5,
        "cpu_quota_units": 7,
        "memory": 1,
        "memory_reservation": 1,
        "mounts": (Mount(source="/a", target="/b"),),
        "ulimits": (Ulimit(name="core", soft=0, hard=0),),
        "read_only_root": True,
        "init": True,
        "shm_size": 1,
        "cap_add": ("A",),
        "cap_drop": ("B",),
        "privileged": True,
        "tty": True,
        "open_stdin": True,
        "sysctls": {"net.core.somaxconn": "1"},
        "links": ("a:b",),
        "volumes_from": ("a:ro",),
        "health_check": ContainerHealthCheck(command=("NONE",)),
        "log_driver": "none",
        "log_options": {"a": "b"},
        "stop_timeout": 3,
    }
    assert set(values) | {"name"} == set(ContainerSpec.__struct_fields__)
    plain = body()
    for field, value in values.items():
        assert body(**{field: value}) != plain, field


def test_links_are_of_our_network():
    linked = body(network="bridge", links=("sealway-1-db:db",))
    assert linked["NetworkingConfig"] == {"EndpointsConfig": {"sealway": {"Links": ["sealway-1-db:db"]}}}


@pytest.mark.parametrize(
    ("fields", "where", "value"),
    [
        ({"sysctls": {"net.core.somaxconn": "9"}}, "Sysctls", {"net.core.somaxconn": "9"}),
        ({"volumes_from": ("sealway-1-data:ro",)}, "VolumesFrom", ["sealway-1-data:ro"]),
    ],
)
def test_what_is_shared(fields, where, value):
    assert host(**fields)[where] == value


def test_a_terminal_and_open_input():
    assert body(tty=True)["Tty"] is True
    assert body(open_stdin=True)["OpenStdin"] is True


def test_another_scope_s_container_is_not_marked_as_the_machines():
    spec = ContainerSpec(name="n", image="i:1", labels={"a": "b", MANAGED_LABEL: "true"})
    assert create_body(spec, Scope(label="mine"))["Labels"] == {"a": "b", "mine": "true"}
