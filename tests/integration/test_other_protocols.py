"""PostgreSQL, and UDP beside TCP, through the load balancer; a WebSocket idle while others are redeployed."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

from demo.architecture import LEDGER_PORT, Side
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(400)]

POSTGRES_PORT = 5432
IDLE_SECONDS = 150


@dataclass
class Database:
    vip: str
    ca: str
    name: str


def security_group(world: World, name: str, port: int, protocol: str) -> str:
    """Of targets. A TCP target of type ip sees the load balancer's address in place of its client's."""
    ec2 = world.clients.ec2
    group: str = ec2.create_security_group(GroupName=name, Description=name, VpcId=world.made.vpc)["GroupId"]
    nodes = [f"{node}/32" for node in world.nodes]
    peers = [{"CidrIp": peer} for peer in (nodes if protocol == "TCP" else ["0.0.0.0/0"])]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": each, "FromPort": port, "ToPort": port, "IpRanges": peers}
            for each in ("tcp", "udp")
        ],
    )
    return group


def fargate_service(
    world: World,
    name: str,
    port: int,
    container: dict[str, Any],
    protocol: str = "TCP",
    attributes: dict[str, str] | None = None,
) -> str:
    """One task behind a listener of its own port on the same load balancer; answers the target group."""
    elb, ecs = world.clients.elb, world.clients.ecs
    group: str = elb.create_target_group(
        Name=name,
        Protocol=protocol,
        Port=port,
        VpcId=world.made.vpc,
        TargetType="ip",
        HealthCheckIntervalSeconds=5,
    )["TargetGroups"][0]["TargetGroupArn"]
    wanted = [{"Key": key, "Value": value} for key, value in (attributes or {}).items()]
    if wanted:
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=wanted)
    elb.create_listener(
        LoadBalancerArn=world.made.load_balancer,
        Protocol=protocol,
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {"name": name, "essential": True, "portMappings": [{"containerPort": port}], **container}
        ],
    )
    ecs.create_service(
        cluster="green",
        serviceName=name,
        taskDefinition=name,
        desiredCount=1,
        launchType="FARGATE",
        loadBalancers=[{"targetGroupArn": group, "containerName": name, "containerPort": port}],
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": list(world.made.subnets),
                "securityGroups": [security_group(world, name, port, protocol)],
            }
        },
    )
    ecs.get_waiter("services_stable").wait(
        cluster="green", services=[name], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    elb.get_waiter("target_in_service").wait(
        TargetGroupArn=group, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return group


@pytest.fixture(scope="module")
def database(world: World) -> Iterator[Database]:
    container = {
        "image": "sealway/postgres:1",
        "environment": [{"name": "POSTGRES_PASSWORD", "value": "correct horse"}],
        "stopTimeout": 2,
    }
    group = fargate_service(world, "postgres", POSTGRES_PORT, container)
    side = Side("green", "postgres", POSTGRES_PORT, group, "FARGATE")
    yield Database(world.vips[0], world.ca(side), side.certificate_name)
    world.clients.ecs.delete_service(cluster="green", service="postgres", force=True)


def test_postgresql_with_verify_full(world: World, database: Database) -> None:
    with psycopg.connect(
        host=database.name, hostaddr=database.vip, port=POSTGRES_PORT, user="postgres",
        password="correct horse", sslmode="verify-full", sslrootcert=database.ca,
    ) as connection:  # fmt: skip
        tls = connection.execute(
            "SELECT version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
        connection.execute("CREATE TABLE t (n int)")
        with connection.cursor().copy("COPY t FROM STDIN") as copy:
            for number in range(50_000):
                copy.write_row((number,))
        total = connection.execute("SELECT sum(n) FROM t").fetchone()

    assert tls is not None
    assert tls[0] == "TLSv1.3"
    assert total == (sum(range(50_000)),)


def test_postgresql_of_another_name_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(
            host="other.demo.internal", hostaddr=database.vip, port=POSTGRES_PORT, user="postgres",
            password="correct horse", sslmode="verify-full", sslrootcert=database.ca,
        )  # fmt: skip


BEHIND_PROXY_PROTOCOL = """
pid /run/nginx.pid;
events {}
http {
    access_log off;
    server {
        listen 9543 ssl proxy_protocol;
        ssl_certificate /etc/witness/cert.pem;
        ssl_certificate_key /etc/witness/key.pem;
        set $told "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port";
        location / { return 200 "$told $remote_addr"; }
    }
}
"""
PROXY_PORT = 9543


def test_nginx_hears_of_its_client_through_proxy_protocol(world: World) -> None:
    """A hidden client's address, ahead of TLS that nobody but the container opens; health checks pass too."""
    container = {
        "image": "sealway/nginx:1",
        "entryPoint": ["/bin/sh", "-c"],
        "command": [
            'echo "$CONF" >/tmp/nginx.conf; exec /usr/sbin/nginx -c /tmp/nginx.conf -g "daemon off;"'
        ],
        "environment": [{"name": "CONF", "value": BEHIND_PROXY_PROTOCOL}],
        "stopTimeout": 2,
    }
    attributes = {"proxy_protocol_v2.enabled": "true"}
    fargate_service(world, "nginx", PROXY_PORT, container, attributes=attributes)
    try:
        own = ssl._create_unverified_context()
        vip = world.vips[0]
        made = http.client.HTTPSConnection(vip, PROXY_PORT, timeout=10, context=own)
        for _ in range(3):
            made.request("GET", "/")
            host, port = made.sock.getsockname()
            said = made.getresponse().read().decode()
            assert said == f"{host} {port} {PROXY_PORT} {vip}"
        made.close()
    finally:
        world.clients.ecs.delete_service(cluster="green", service="nginx", force=True)


ECHO = """
import socket, threading
udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.create_server(("", 5353))
udp.bind(("", 5353))
def datagrams():
    while True:
        data, peer = udp.recvfrom(65535)
        udp.sendto(peer[0].encode() + b" " + data, peer)
threading.Thread(target=datagrams, daemon=True).start()
while True:
    client, peer = tcp.accept()
    client.sendall(peer[0].encode())
    client.close()
"""
ECHO_PORT = 5353


@pytest.fixture
def echo(world: World) -> Iterator[str]:
    """A server of both protocols on one port, behind a TCP_UDP listener; a VIP of it."""
    mappings = [{"containerPort": ECHO_PORT, "protocol": protocol} for protocol in ("tcp", "udp")]
    container = {
        "image": world.made.ledger.image,
        "entryPoint": ["/usr/bin/python3", "-c", ECHO],
        "portMappings": mappings,
        "stopTimeout": 2,
    }
    fargate_service(world, "echo", ECHO_PORT, container, "TCP_UDP")
    yield world.vips[0]
    world.clients.ecs.delete_service(cluster="green", service="echo", force=True)


def test_udp_and_tcp_on_one_port(echo: str) -> None:
    """Datagrams too large for a packet as well; both see the client's own address."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((echo, ECHO_PORT))
        own = client.getsockname()[0].encode()
        for size in (1, 1400, 8000):
            client.send(b"x" * size)
            assert client.recv(65535) == own + b" " + b"x" * size
    with socket.create_connection((echo, ECHO_PORT), timeout=10) as client:
        assert client.recv(100) == own


def websocket(world: World) -> ClientConnection:
    context = ssl.create_default_context(cafile=world.ca(world.made.ledger))
    return connect(
        f"wss://{world.made.ledger.certificate_name}:{LEDGER_PORT}/ws",
        sock=socket.create_connection((world.vips[0], LEDGER_PORT)), ssl=context,
        ping_interval=None, close_timeout=2,
    )  # fmt: skip


def test_an_idle_websocket_survives_the_other_services_deployments(world: World) -> None:
    """Idle for minutes, while orders is redeployed again and again and Sealway itself is killed."""
    with websocket(world) as client:
        client.send("before")
        assert client.recv(timeout=5) == "before"
        opened = time.monotonic()

        deployments = 0
        while time.monotonic() < opened + IDLE_SECONDS - 30:
            world.redeploy(world.made.orders)
            deployments += 1
            if deployments == 1:
                world.machine.kill()
                world.machine.start()
        until("the idle time", lambda: time.monotonic() > opened + IDLE_SECONDS, seconds=60, every=1)

        client.send("after")
        assert client.recv(timeout=5) == "after"
    assert deployments >= 2
