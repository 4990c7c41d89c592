/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Tells a client which size fits, where its packet must grow on the way (RFC 1191). Also who allows fragments is told:
 * nobody on the way makes them, and who hears it sends smaller ones. */
#pragma once

#include "csum.h"
#include "drop_reason.h"
#include "parse.h"
#include "reset.h"
#include "route.h"

#define ICMP_FRAGMENTATION_NEEDED 4
#define QUOTED_TRANSPORT 8

struct too_big_error {
	struct ethhdr eth;
	struct iphdr ip;
	struct icmp_header icmp;
	struct iphdr quoted;
	__u8 transport[QUOTED_TRANSPORT];
} __attribute__((packed));

static __always_inline void fill_error(struct too_big_error *e, const struct packet *p, __u32 room)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, e->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(e->eth.h_dest, e->eth.h_source, ETH_ALEN);
	__builtin_memcpy(e->eth.h_source, mac, ETH_ALEN);
	__builtin_memset(&e->ip, 0, sizeof(e->ip));
	e->ip.version = 4;
	e->ip.ihl = 5;
	e->ip.tot_len = bpf_htons(sizeof(*e) - sizeof(e->eth));
	e->ip.ttl = 64;
	e->ip.protocol = IPPROTO_ICMP;
	e->ip.saddr = p->tuple.destination;
	e->ip.daddr = p->tuple.source;
	e->ip.check = ~folded(sum_of(&e->ip, sizeof(e->ip)));
	e->icmp.type = ICMP_UNREACHABLE;
	e->icmp.code = ICMP_FRAGMENTATION_NEEDED;
	e->icmp.checksum = 0;
	e->icmp.rest = bpf_htonl(room);
	e->icmp.checksum = ~folded(sum_of(&e->icmp, sizeof(*e) - offsetof(struct too_big_error, icmp)));
}

/* Counted as a drop, told or not. */
static __always_inline int answer_too_big(struct __sk_buff *skb, const struct packet *p, __u32 room, int ingress)
{
	__u8 quote[sizeof(struct iphdr) + QUOTED_TRANSPORT];
	struct too_big_error *e;

	drop(SEALWAY_DROP_TOO_BIG);
	if (p->l4 != IP_OFFSET + sizeof(struct iphdr) || p->tuple.protocol == IPPROTO_ICMP ||
	    bpf_skb_load_bytes(skb, IP_OFFSET, quote, sizeof(quote)) || bpf_skb_change_tail(skb, sizeof(*e), 0))
		return TC_ACT_SHOT;
	e = header(skb, 0, sizeof(*e));
	if (!e)
		return TC_ACT_SHOT;
	__builtin_memcpy(&e->quoted, quote, sizeof(quote));
	fill_error(e, p, room);
	return ingress ? bpf_redirect(skb->ifindex, 0) : send_to_host(skb);
}

/* A client's packet becomes the reset of its connection, on its way to the target. */
static __always_inline int become_reset(struct __sk_buff *skb, struct packet *p)
{
	int partial = is_partial(skb, l4_csum_offset(p));
	struct bare_packet *b;
	__u64 pseudo;

	if (partial < 0 || p->l4 != IP_OFFSET + sizeof(struct iphdr) || bpf_skb_change_tail(skb, sizeof(*b), 0))
		return -1;
	b = header(skb, 0, sizeof(*b));
	if (!b)
		return -1;
	b->ip.tot_len = bpf_htons(RESET_BYTES);
	b->ip.frag_off = IP_DONT_FRAGMENT;
	b->ip.check = 0;
	b->ip.check = ~folded(sum_of(&b->ip, sizeof(b->ip)));
	__builtin_memset(&b->tcp, 0, sizeof(b->tcp));
	b->tcp.source = p->tuple.source_port;
	b->tcp.dest = p->tuple.destination_port;
	b->tcp.seq = bpf_htonl(p->seq);
	b->tcp.doff = sizeof(b->tcp) / 4;
	b->tcp.rst = 1;
	pseudo = (__u64)b->ip.saddr + b->ip.daddr + bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(b->tcp));
	b->tcp.check = partial ? folded(pseudo) : (__u16)~folded(pseudo + sum_of(&b->tcp, sizeof(b->tcp)));
	p->bytes = p->headers = RESET_BYTES;
	p->payload = 0;
	p->tcp_flags = TCP_RST;
	return 0;
}
