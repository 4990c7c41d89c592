"""What ``sealway flows`` and ``sealway drops`` print."""

from rich.console import Console, RenderableType

from sealway.cli.traffic import event_line, render_drops, render_flows, render_refusals


def text(rendered: RenderableType) -> list[list[str]]:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(rendered)
    return [line.split() for line in capture.get().splitlines()]


def test_flows() -> None:
    row = {"address": "10.1.1.100", "port": 443, "protocol": "tcp", "active_flows": 2, "new_flows": 9,
           "established": 8, "rejected": 1, "packets": 70, "bytes": 9000}  # fmt: skip
    heads, line = text(render_flows([row]))
    assert heads == ["listener", "active", "new", "established", "rejected", "packets", "bytes"]
    assert line == ["tcp", "10.1.1.100:443", "2", "9", "8", "1", "70", "9000"]
    wide = text(render_flows([row | {"address": "fd00::1"}]))[1]
    assert wide[:2] == ["tcp", "[fd00::1]:443"]
    assert text(render_flows([])) == [["No", "listener."]]


def test_drops() -> None:
    row = {"number": 6, "name": "flow_table", "packets": 3, "meaning": "a new flow without a place"}
    assert text(render_drops([row]))[1][:3] == ["3", "6", "flow_table"]


def test_what_security_groups_refused_and_what_would_let_it_begin() -> None:
    row = {"groups": [{"id": "sg-1", "name": "db"}, {"id": "sg-2", "name": "base"}], "direction": "ingress",
           "protocol": 6, "source": "10.0.0.5", "destination": "10.0.0.9", "port": 5432, "packets": 3,
           "ago": 12}  # fmt: skip
    out = {**row, "direction": "egress", "protocol": 1}
    _, heads, first, second, _, _, remedy = text(render_refusals([row, out]))
    assert heads == ["packets", "ago", "security", "groups", "refused"]
    assert " ".join(first) == "3 12s sg-1 (db), sg-2 (base) in: 10.0.0.5 → 10.0.0.9 tcp/5432"
    assert " ".join(second).endswith("out: 10.0.0.5 → 10.0.0.9 icmp")
    assert " ".join(remedy) == (
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions "
        "'IpProtocol=tcp,IpRanges=[{CidrIp=10.0.0.5/32}],FromPort=5432,ToPort=5432'"
    )
    assert " ".join(text(render_refusals([out]))[-1]) == (
        "aws ec2 authorize-security-group-egress --group-id sg-1 --ip-permissions "
        "'IpProtocol=icmp,IpRanges=[{CidrIp=10.0.0.9/32}],FromPort=-1,ToPort=-1'"
    )
    wide = {**row, "source": "fd00:1:2::a00:5", "destination": "fd00:1:2::a00:9"}
    assert " ".join(text(render_refusals([wide]))[-1]) == (
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions "
        "'IpProtocol=tcp,Ipv6Ranges=[{CidrIpv6=fd00:1:2::a00:5/128}],FromPort=5432,ToPort=5432'"
    )
    assert text(render_refusals([])) == [[]]


def test_a_line_for_a_flow() -> None:
    event = {
        "what": "start", "protocol": "tcp", "client": "203.0.113.2", "client_port": 40000,
        "vip": "10.1.1.100", "port": 443, "target": "10.1.1.11", "target_port": 8443,
    }  # fmt: skip
    line = "tcp  203.0.113.2:40000 → 10.1.1.100:443 → 10.1.1.11:8443"
    assert event_line(event) == f"start         {line}"
    assert event_line(event | {"what": "client reset"}) == f"client reset  {line}"
    assert "[fd00::1]:443" in event_line(event | {"vip": "fd00::1"})
