"""Why a packet was dropped, in words. The numbers are the kernel's (``enum sealway_drop_reason``)."""

from .abi import DropReason

EXPLANATIONS: dict[DropReason, str] = {
    DropReason.MALFORMED: "a TCP or UDP packet for a load balancer address whose headers make no sense",
    DropReason.FRAGMENT: "a fragment for a load balancer address without its first one, which names the port",
    DropReason.BACKEND_GONE: "the chosen target was removed in this very moment; a retry finds another",
    DropReason.STALE_FLOW: "an answer of a target whose flow was cut or idle too long; TCP is reset",
    DropReason.PORTS_EXHAUSTED: "no free source port towards the target for a translated flow",
    DropReason.FLOW_TABLE: "a new flow, where every place in the table is an established one's",
    DropReason.NO_ROUTE: "the host's routes refuse the way to the client (unreachable, prohibit, blackhole)",
    DropReason.TOO_BIG: "a packet of a translated flow is larger than its way carries",
    DropReason.REWRITE: "the packet could not be written to",
    DropReason.NO_HOST_INTERFACE: "an answer to a process of this host while sealway0 is not known",
    DropReason.UNTRANSLATABLE: "between IPv4 and IPv6: UDP without a checksum, or headers inside a fragment",
    DropReason.SECURITY_GROUP: "no rule of a security group lets the flow begin; below stands whose",
    DropReason.FAST_OPEN: "a SYN with data for a target of Proxy Protocol; the client repeats it without",
    DropReason.HANDSHAKE_LIMIT: "a SYN, or an ACK without a flow, beyond its listener's handshake limit",
    DropReason.SPOOFED_SOURCE: "a task opened a flow to a load balancer from an address that is not its own",
    DropReason.NO_PEER: "a tunnelled packet for a task here from a host that is no peer",
    DropReason.NO_TUNNEL: "a packet for a target on another host to which no tunnel leads any more",
    DropReason.TUNNELLED_PORT: "part of a tunnelled packet beyond 64 KiB, of an unknown flow: it is repeated",
}
DROP_REASONS: dict[str, DropReason] = {reason.name.lower(): reason for reason in EXPLANATIONS}
