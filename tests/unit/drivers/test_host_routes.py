from sealway.drivers.network.host_routes import default_interfaces, host_networks, interface_towards

TABLE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
sealway0\t0A001FAC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
swt0123456789ab\t0B001FAC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
*\t00001FAC\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_the_hosts_own_networks_without_ours_or_the_default() -> None:
    assert host_networks(TABLE) == ("172.17.0.0/16", "192.0.2.0/24")


def test_the_default_route_names_the_uplinks() -> None:
    assert default_interfaces(TABLE) == ("eth0",)


def test_the_longest_route_says_which_interface_leads_to_a_host() -> None:
    assert interface_towards("192.0.2.9", TABLE) == "eth0"
    assert interface_towards("172.17.0.2", TABLE) == "docker0"
    assert interface_towards("8.8.8.8", TABLE) == "eth0"
    assert interface_towards("8.8.8.8", TABLE.splitlines()[0]) == ""


def test_this_machines_table_can_be_read() -> None:
    assert all("/" in network for network in host_networks())
