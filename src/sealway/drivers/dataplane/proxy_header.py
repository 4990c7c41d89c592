"""The Proxy Protocol v2 header of a TCP connection, as ``bpf/lib/proxy.h`` writes it. Pure.

Source: HAProxy's proxy-protocol.txt, 2.2.
"""

import ipaddress
import struct

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_VERSION_AND_PROXY = 0x21
_FAMILY_AND_STREAM = {4: 0x11, 6: 0x21}

End = tuple[str, int]
"""Address and port."""


def proxy_header(source: End, destination: End) -> bytes:
    """Who called, and where; both of one IP version."""
    addresses = [ipaddress.ip_address(address) for address, _ in (source, destination)]
    rest = b"".join(address.packed for address in addresses) + struct.pack("!HH", source[1], destination[1])
    kind = _FAMILY_AND_STREAM[addresses[0].version]
    return _SIGNATURE + struct.pack("!BBH", _VERSION_AND_PROXY, kind, len(rest)) + rest
