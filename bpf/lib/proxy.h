/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A Proxy Protocol v2 header before a client's first byte, with nobody in between who terminates TCP.
 *
 * The target is told a first sequence number that is lower by the header's length. So the header has numbers of its
 * own, the client's bytes keep theirs, and once the target has acknowledged the header nothing more is touched.
 * Until then the flow has SEALWAY_FLOW_PROXY, and:
 *
 *   - a SYN's number is lowered, and a reset's before the handshake is over;
 *   - the client's bare acknowledgement of the SYN-ACK carries the header, and so does each one like it;
 *   - acknowledgements of less than the header are raised to what the client expects;
 *   - the client's first bytes pass as they are, behind the header. When they come without one, or come again
 *     (the header may be what was lost), the packet is put back in line and goes as a header alone first.
 *
 * No packet with data grows, so no segment gets too large, whatever offloads are on. Later bytes may arrive
 * before a lost header: the target's TCP keeps them, as after any loss. A SYN with data is dropped: those
 * bytes would have to follow the header in a packet of their own, and clients repeat them anyway (RFC 7413).
 * Source: HAProxy's proxy-protocol.txt, 2.2.
 */
#pragma once

#include "csum.h"
#include "flow.h"

#define PROXY_VERSION_AND_COMMAND 0x21
#define PROXY_TCP4 0x11
#define PROXY_TCP6 0x21
#define PROXY_TYPE_NOOP 4
#define TCP_HEADER_MOST 60
#define TCP_HEADER_MASK 63 /* for the verifier */
#define TCP_FLAGS_OFFSET 13

struct proxy_header {
	__u8 signature[12];
	__u8 version_and_command;
	__u8 family_and_protocol;
	__be16 length; /* of what follows */
	sealway_address source;
	sealway_address destination;
	__be16 source_port;
	__be16 destination_port;
};

static __always_inline int write_bytes4(struct __sk_buff *skb, __u32 bytes)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));
	__be16 length = bpf_htons(bytes);

	if (!ip)
		return -1;
	ip->check = ~folded((__u16)~ip->check + difference(ip->tot_len, length));
	ip->tot_len = length;
	return 0;
}

static __always_inline void begin_header(struct proxy_header *h, __u8 family_and_protocol)
{
	static const __u8 signature[] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

	__builtin_memcpy(h->signature, signature, sizeof(h->signature));
	h->version_and_command = PROXY_VERSION_AND_COMMAND;
	h->family_and_protocol = family_and_protocol;
	h->length = bpf_htons(sizeof(*h) - offsetof(struct proxy_header, source));
}

static __always_inline void fill_addresses(struct proxy_header *h, const struct packet *p)
{
	h->source = p->tuple.source;
	h->destination = p->tuple.destination;
	h->source_port = p->tuple.source_port;
	h->destination_port = p->tuple.destination_port;
}

#ifdef SEALWAY_WIDE
static __always_inline int write_bytes(struct __sk_buff *skb, const struct packet *p, __u32 bytes)
{
	__be16 length = bpf_htons(bytes - sizeof(struct ipv6hdr));

	if (is_ipv4_packet(p))
		return write_bytes4(skb, bytes);
	return bpf_skb_store_bytes(skb, IP_OFFSET + offsetof(struct ipv6hdr, payload_len), &length, sizeof(length),
				   BPF_F_RECOMPUTE_CSUM);
}

/* An IPv4 client's header is as long as any here: what its addresses leave free is a TLV that says nothing. */
struct proxy_addresses4 {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 noop;
	__u8 noop_bytes[2];
	__u8 nothing[21];
};

static __always_inline void fill_header(struct proxy_header *h, const struct packet *p)
{
	struct proxy_addresses4 a = {
		.source = p->tuple.source.words[3],
		.destination = p->tuple.destination.words[3],
		.source_port = p->tuple.source_port,
		.destination_port = p->tuple.destination_port,
		.noop = PROXY_TYPE_NOOP,
		.noop_bytes = { 0, sizeof(a.nothing) },
	};
	bool ipv4 = is_ipv4_packet(p);

	begin_header(h, ipv4 ? PROXY_TCP4 : PROXY_TCP6);
	fill_addresses(h, p);
	if (ipv4)
		__builtin_memcpy(&h->source, &a, sizeof(a));
}
#else
static __always_inline int write_bytes(struct __sk_buff *skb, const struct packet *p, __u32 bytes)
{
	(void)p;
	return write_bytes4(skb, bytes);
}

static __always_inline void fill_header(struct proxy_header *h, const struct packet *p)
{
	begin_header(h, PROXY_TCP4);
	fill_addresses(h, p);
}
#endif

static __always_inline int write_both(const struct packet *p, const struct sealway_flow *flow)
{
	return change_both(&p->tuple, flow) ? 0 : -1;
}

/* A sequence or acknowledgement number. */
static __always_inline int write_number(struct __sk_buff *skb, const struct packet *p, __u32 offset, __u32 from,
					__u32 to)
{
	__be32 new = bpf_htonl(to);

	if (mend_l4(skb, p->l4 + offsetof(struct tcphdr, check), difference(bpf_htonl(from), new), 0))
		return -1;
	return bpf_skb_store_bytes(skb, p->l4 + offset, &new, sizeof(new), 0);
}

static __always_inline int lower_seq(struct __sk_buff *skb, const struct packet *p)
{
	return write_number(skb, p, offsetof(struct tcphdr, seq), p->seq, p->seq - sizeof(struct proxy_header));
}

/* The packet carries nothing yet. Not inline, as the next: the stack is small. */
__noinline int append_header(struct __sk_buff *skb, struct packet *p)
{
	struct proxy_header h;
	__u32 csum, segment, end;

	if (!p)
		return -1;
	csum = p->l4 + offsetof(struct tcphdr, check);
	segment = p->bytes - (p->l4 - IP_OFFSET);
	end = IP_OFFSET + p->bytes; /* there may be padding behind */
	if (bpf_skb_change_tail(skb, end + sizeof(h), 0))
		return -1;
	fill_header(&h, p);
	if (bpf_skb_store_bytes(skb, end, &h, sizeof(h), 0) || write_bytes(skb, p, p->bytes + sizeof(h)))
		return -1;
	if (mend_l4(skb, csum, difference(bpf_htons(segment), bpf_htons(segment + sizeof(h))), BPF_F_PSEUDO_HDR) ||
	    mend_l4(skb, csum, sum_of(&h, sizeof(h)), 0))
		return -1;
	p->bytes += sizeof(h);
	return lower_seq(skb, p);
}

/* The packet loses what it carries to a header. Its checksum is computed anew. */
__noinline int become_header(struct __sk_buff *skb, struct packet *p)
{
	struct {
		struct tcphdr tcp;
		__u8 options[TCP_HEADER_MOST - sizeof(struct tcphdr)];
		struct proxy_header proxy;
	} whole = {};
	__u32 tcp_bytes, bytes;
	__u64 pseudo;
	int partial;

	if (!p)
		return -1;
	tcp_bytes = p->headers - (p->l4 - IP_OFFSET);
	bytes = p->headers + sizeof(whole.proxy);
	partial = is_partial(skb, p->l4 + offsetof(struct tcphdr, check));
	if (partial < 0 || bpf_skb_change_tail(skb, IP_OFFSET + bytes, 0) || write_bytes(skb, p, bytes))
		return -1;
	barrier_var(tcp_bytes);
	tcp_bytes &= TCP_HEADER_MASK;
	if (tcp_bytes < sizeof(whole.tcp) || bpf_skb_load_bytes(skb, p->l4, &whole, tcp_bytes))
		return -1;
	fill_header(&whole.proxy, p);
	whole.tcp.seq = bpf_htonl(p->seq - sizeof(whole.proxy));
	((__u8 *)&whole.tcp)[TCP_FLAGS_OFFSET] = TCP_ACK;
	whole.tcp.check = 0;
	pseudo = sum_of(&p->tuple.source, sizeof(p->tuple.source)) +
		 sum_of(&p->tuple.destination, sizeof(p->tuple.destination)) + bpf_htons(IPPROTO_TCP) +
		 bpf_htons(tcp_bytes + sizeof(whole.proxy));
	whole.tcp.check = partial ? folded(pseudo) : (__u16)~folded(pseudo + sum_of(&whole, sizeof(whole)));
	if (bpf_skb_store_bytes(skb, p->l4, &whole.tcp, sizeof(whole.tcp), BPF_F_RECOMPUTE_CSUM))
		return -1;
	p->tcp_flags = TCP_ACK;
	p->payload = 0;
	p->bytes = bytes;
	return bpf_skb_store_bytes(skb, IP_OFFSET + p->headers, &whole.proxy, sizeof(whole.proxy), BPF_F_RECOMPUTE_CSUM);
}

/* Once more through this program, behind the header that it now becomes. At an egress hook it goes first. */
static __always_inline int put_back(struct __sk_buff *skb, struct sealway_flow *flow, int ingress)
{
	if (bpf_clone_redirect(skb, skb->ifindex, ingress ? BPF_F_INGRESS : 0))
		return -1;
	if (!ingress)
		flow->flags &= ~SEALWAY_FLOW_PROXY_SENT;
	return 0;
}

static __always_inline int to_target(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow, int ingress)
{
	if (opens_flow(p)) {
		flow->start = p->seq + 1;
		flow->flags &= ~SEALWAY_FLOW_PROXY_SENT;
		if (!(flow->flags & SEALWAY_FLOW_PENDING) && write_both(p, flow))
			return -1;
		return lower_seq(skb, p);
	}
	if (p->seq != flow->start)
		return 0;
	if (p->tcp_flags & TCP_RST)
		return flow->flags & SEALWAY_FLOW_ESTABLISHED ? 0 : lower_seq(skb, p);
	if (p->payload && flow->flags & SEALWAY_FLOW_PROXY_SENT) {
		flow->flags &= ~SEALWAY_FLOW_PROXY_SENT;
		return write_both(p, flow);
	}
	flow->flags |= SEALWAY_FLOW_PROXY_SENT;
	if (write_both(p, flow))
		return -1;
	if (!p->payload)
		return append_header(skb, p);
	return put_back(skb, flow, ingress) || become_header(skb, p) ? -1 : 0;
}

static __always_inline int from_target(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow)
{
	__u32 ack = p->ack;

	if (!(p->tcp_flags & TCP_ACK))
		return 0;
	if ((__s32)(ack - flow->start) >= 0) {
		flow->flags &= ~(SEALWAY_FLOW_PROXY | SEALWAY_FLOW_PROXY_SENT);
		return write_both(p, flow);
	}
	p->ack = flow->start;
	return write_number(skb, p, offsetof(struct tcphdr, ack_seq), ack, p->ack);
}

/* Before the packet is rewritten: a packet of a flow that has SEALWAY_FLOW_PROXY. 0, or negative when it could not
 * be written. */
__noinline int proxy_packet(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow, int ingress)
{
	if (!p || !flow || p->fragment & IP_FRAGMENT_MASK)
		return 0;
	if (flow->flags & SEALWAY_FLOW_ANSWER)
		return from_target(skb, p, flow);
	return to_target(skb, p, flow, ingress);
}
