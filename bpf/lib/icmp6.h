/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* ICMP and ICMPv6 errors about packets we rewrote; see icmp.h.
 *
 * The error is made anew, in the IP version of the end it goes to: its header, the quoted packet's header as that
 * end knows it, and the eight bytes after that, by which an end finds its connection. What each error is called
 * in the other version, RFC 7915 says; those that mean nothing there pass to the kernel.
 */
#pragma once

#include "reset6.h"
#include "route6.h"

#define QUOTE_OFFSET sizeof(struct icmp_header)
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_PROTOCOL_UNREACHABLE 2
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_HOST_PROHIBITED 10
#define ICMP_PROHIBITED 13
#define ICMP_HOST_UNREACHABLE 1
#define ICMP6_PORT_UNREACHABLE 4
#define ICMP6_PROHIBITED 1
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define LEAST_MTU6 1280

struct transport_start {
	struct ports ports;
	__be32 rest; /* TCP: the sequence number */
};

struct quote {
	struct sealway_tuple tuple;
	struct transport_start start;
	__u32 payload; /* after the quoted IP header, as it says */
};

struct error4 {
	struct icmp_header icmp;
	struct iphdr ip;
	struct transport_start start;
};

struct error6 {
	struct icmp_header icmp;
	struct ipv6hdr ip;
	struct transport_start start;
};

static __always_inline bool read_quote4(struct __sk_buff *skb, __u32 at, struct quote *q)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.frag_off & IP_FRAGMENT_PLACE)
		return false;
	q->tuple.source = mapped(ip.saddr);
	q->tuple.destination = mapped(ip.daddr);
	q->tuple.protocol = ip.protocol;
	q->payload = bpf_ntohs(ip.tot_len) - ip.ihl * 4;
	return !bpf_skb_load_bytes(skb, at + ip.ihl * 4, &q->start, sizeof(q->start));
}

static __always_inline bool read_quote6(struct __sk_buff *skb, __u32 at, struct quote *q)
{
	struct fragment_extension f;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	q->tuple.source = wide(&ip.saddr);
	q->tuple.destination = wide(&ip.daddr);
	q->tuple.protocol = ip.nexthdr;
	q->payload = bpf_ntohs(ip.payload_len);
	if (is_ipv4(&q->tuple.source) || is_ipv4(&q->tuple.destination))
		return false;
	at += sizeof(ip);
	if (ip.nexthdr == IPPROTO_FRAGMENT) {
		if (bpf_skb_load_bytes(skb, at, &f, sizeof(f)) || f.place & PLACE6)
			return false;
		q->tuple.protocol = f.next;
		q->payload -= sizeof(f);
		at += sizeof(f);
	}
	return !bpf_skb_load_bytes(skb, at, &q->start, sizeof(q->start));
}

static __always_inline bool read_quote(struct __sk_buff *skb, const struct packet *p, struct quote *q)
{
	__u32 at = p->l4 + QUOTE_OFFSET;

	__builtin_memset(q, 0, sizeof(*q));
	if (!(is_ipv4_packet(p) ? read_quote4(skb, at, q) : read_quote6(skb, at, q)))
		return false;
	q->tuple.source_port = q->start.ports.source;
	q->tuple.destination_port = q->start.ports.destination;
	return q->tuple.protocol == IPPROTO_TCP || q->tuple.protocol == IPPROTO_UDP;
}

/* false: it has no counterpart. A target of datagrams is told to leave room for a fragment's header. */
static __always_inline bool to_icmp4(struct icmp_header *icmp, bool datagrams)
{
	__u32 more = HEADERS_DIFFER + (datagrams ? sizeof(struct fragment_extension) : 0);
	__u32 mtu = bpf_ntohl(icmp->rest);
	__u8 type = icmp->type, code = icmp->code;

	icmp->type = ICMP_UNREACHABLE;
	icmp->rest = 0;
	if (type == ICMP6_TOO_BIG) {
		icmp->code = ICMP_FRAGMENTATION_NEEDED;
		icmp->rest = bpf_htonl((mtu < LEAST_MTU6 ? LEAST_MTU6 : mtu > 0xffff ? 0xffff : mtu) - more);
	} else if (type == ICMP6_UNREACHABLE) {
		icmp->code = code == ICMP6_PORT_UNREACHABLE ? ICMP_PORT_UNREACHABLE :
			     code == ICMP6_PROHIBITED       ? ICMP_HOST_PROHIBITED :
							      ICMP_HOST_UNREACHABLE;
	} else if (type == ICMP6_TIME_EXCEEDED) {
		icmp->type = ICMP_TIME_EXCEEDED;
	} else {
		return false;
	}
	return true;
}

static __always_inline bool to_icmp6(struct icmp_header *icmp)
{
	__u32 mtu = bpf_ntohl(icmp->rest) & 0xffff;
	__u8 type = icmp->type, code = icmp->code;

	icmp->type = ICMP6_UNREACHABLE;
	icmp->rest = 0;
	if (type == ICMP_TIME_EXCEEDED) {
		icmp->type = ICMP6_TIME_EXCEEDED;
	} else if (type != ICMP_UNREACHABLE || code == ICMP_PROTOCOL_UNREACHABLE) {
		return false;
	} else if (code == ICMP_FRAGMENTATION_NEEDED) {
		icmp->type = ICMP6_TOO_BIG;
		icmp->code = 0;
		icmp->rest = bpf_htonl(mtu + HEADERS_DIFFER < LEAST_MTU6 ? LEAST_MTU6 : mtu + HEADERS_DIFFER);
	} else if (code == ICMP_PORT_UNREACHABLE) {
		icmp->code = ICMP6_PORT_UNREACHABLE;
	} else {
		icmp->code = code == ICMP_HOST_PROHIBITED || code == ICMP_PROHIBITED ? ICMP6_PROHIBITED : 0;
	}
	return true;
}

static __always_inline __u64 sum_words(const void *start, __u32 bytes)
{
	const __u32 __attribute__((may_alias)) *words = start;
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < bytes / sizeof(*words); i++)
		sum += words[i];
	return sum;
}

static __always_inline int write_error4(struct __sk_buff *skb, const struct packet *p, const struct sealway_tuple *sent,
					const struct quote *q, const struct icmp_header *icmp,
					const sealway_address *source, const sealway_address *destination)
{
	struct error4 e = {
		.icmp = *icmp,
		.ip = {
			.version = 4,
			.ihl = sizeof(e.ip) / 4,
			.tot_len = bpf_htons(q->payload + sizeof(e.ip)),
			.frag_off = IP_DONT_FRAGMENT,
			.ttl = 64,
			.protocol = sent->protocol,
			.saddr = sent->source.words[3],
			.daddr = sent->destination.words[3],
		},
		.start = q->start,
	};

	e.start.ports.source = sent->source_port;
	e.start.ports.destination = sent->destination_port;
	e.ip.check = ~folded(sum_words(&e.ip, sizeof(e.ip)));
	e.icmp.checksum = ~folded(sum_words(&e, sizeof(e)));
	if (write_ipv4(skb, p, source, destination, IPPROTO_ICMP, sizeof(struct iphdr) + sizeof(e)))
		return -1;
	return bpf_skb_store_bytes(skb, IP_OFFSET + sizeof(struct iphdr), &e, sizeof(e), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int write_error6(struct __sk_buff *skb, const struct packet *p, const struct sealway_tuple *sent,
					const struct quote *q, const struct icmp_header *icmp,
					const sealway_address *source, const sealway_address *destination)
{
	struct error6 e = {
		.icmp = *icmp,
		.ip = { .version = 6, .nexthdr = sent->protocol, .hop_limit = 64 },
		.start = q->start,
	};

	e.ip.payload_len = bpf_htons(q->payload);
	__builtin_memcpy(&e.ip.saddr, &sent->source, sizeof(sent->source));
	__builtin_memcpy(&e.ip.daddr, &sent->destination, sizeof(sent->destination));
	e.start.ports.source = sent->source_port;
	e.start.ports.destination = sent->destination_port;
	e.icmp.checksum = ~folded(sum_words(&e, sizeof(e)) +
				  pseudo_header(source, destination, IPPROTO_ICMPV6, sizeof(e)));
	if (write_ipv6(skb, p, source, destination, IPPROTO_ICMPV6, sizeof(struct ipv6hdr) + sizeof(e)))
		return -1;
	return bpf_skb_store_bytes(skb, IP_OFFSET + sizeof(struct ipv6hdr), &e, sizeof(e), BPF_F_RECOMPUTE_CSUM);
}

/* An IP header of its size, and exactly the error after it; all of it is yet to be written. */
static __always_inline int make_space(struct __sk_buff *skb, const struct packet *p, bool ipv4)
{
	__s32 more = p->l4 - IP_OFFSET - ip_header_size(is_ipv4_packet(p));
	__u32 size = ipv4 ? sizeof(struct error4) : sizeof(struct error6);

	if (ipv4 != is_ipv4_packet(p)) {
		if (change_version(skb, p, ip_header_size(ipv4)))
			return -1;
	} else if (more && bpf_skb_adjust_room(skb, -more, BPF_ADJ_ROOM_NET, 0)) {
		return -1;
	}
	return bpf_skb_change_tail(skb, IP_OFFSET + ip_header_size(ipv4) + size, 0);
}

/* Not static, so that it has a stack of its own. 0; 1: the error has no counterpart; negative: not written. */
__noinline int rewrite_error(struct __sk_buff *skb, const struct packet *p, const struct quote *q,
			     const struct sealway_flow *to)
{
	struct icmp_header icmp;
	struct sealway_tuple sent;
	sealway_address source;
	bool ipv4;

	if (!p || !q || !to)
		return -1;
	ipv4 = is_ipv4(&to->destination);
	sent = twin_key(to, q->tuple.protocol);
	if (bpf_skb_load_bytes(skb, p->l4, &icmp, sizeof(icmp)))
		return -1;
	icmp.checksum = 0;
	if (ipv4 != is_ipv4_packet(p) && !(ipv4 ? to_icmp4(&icmp, sent.protocol == IPPROTO_UDP) : to_icmp6(&icmp)))
		return 1;
	/* A router's error keeps the router's address where it can; an end's own must look like its packets. */
	source = to->source;
	if (ipv4 == is_ipv4_packet(p) && !same_address(&p->tuple.source, &q->tuple.destination))
		source = p->tuple.source;
	if (make_space(skb, p, ipv4))
		return -1;
	return ipv4 ? write_error4(skb, p, &sent, q, &icmp, &source, &to->destination) :
		      write_error6(skb, p, &sent, q, &icmp, &source, &to->destination);
}

/* A packet of a flow that is too large for its way. The kernel cannot say so, who does not know the flow: its sender is
 * told as by its other end, what would fit. Counted as a drop. */
__noinline int tell_too_big(struct __sk_buff *skb, const struct packet *p, __u32 mtu, int ingress)
{
	struct icmp_header icmp = {};
	struct quote q = {};
	bool ipv4;

	if (!p)
		return TC_ACT_SHOT;
	drop(SEALWAY_DROP_TOO_BIG);
	ipv4 = is_ipv4_packet(p);
	icmp.type = ipv4 ? ICMP_UNREACHABLE : ICMP6_TOO_BIG;
	icmp.code = ipv4 ? ICMP_FRAGMENTATION_NEEDED : 0;
	icmp.rest = bpf_htonl(!ipv4 && mtu < LEAST_MTU6 ? LEAST_MTU6 : mtu);
	q.payload = p->bytes - (p->l4 - IP_OFFSET);
	if (bpf_skb_load_bytes(skb, p->l4, &q.start, sizeof(q.start)) || make_space(skb, p, ipv4) || swap_macs(skb))
		return TC_ACT_SHOT;
	if (ipv4 ? write_error4(skb, p, &p->tuple, &q, &icmp, &p->tuple.destination, &p->tuple.source) :
		   write_error6(skb, p, &p->tuple, &q, &icmp, &p->tuple.destination, &p->tuple.source))
		return TC_ACT_SHOT;
	return ingress ? bpf_redirect(skb->ifindex, 0) : send_to_host(skb);
}
