from sealway.drivers.dataplane.proxy_header import proxy_header
from tests.support.proxy_header import told


def test_either_version() -> None:
    ends = ("203.0.113.2", 40000), ("10.1.1.100", 443)
    assert proxy_header(*ends)[:16].hex() == "0d0a0d0a000d0a515549540a2111000c"
    assert told(proxy_header(*ends)) == ("203.0.113.2", 40000, "10.1.1.100", 443)
    wide = ("2001:db8::2", 1), ("fd00::100", 65535)
    assert told(proxy_header(*wide)) == ("2001:db8::2", 1, "fd00::100", 65535)
