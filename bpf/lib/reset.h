/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Turns a target's packet into the reset of its connection, sent back where it came from.
 *
 * Only for targets: they stand on interfaces of this machine, where a checksum is either left alone or looked
 * at as it is, so that writing the whole of it is right whatever the packet's offload state. */
#pragma once

#include "csum.h"
#include "drop_reason.h"

#define RESET_BYTES (sizeof(struct iphdr) + sizeof(struct tcphdr))

struct bare_packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static __always_inline void turn_around(struct bare_packet *b, const struct packet *p)
{
	__u8 mac[ETH_ALEN];
	__u64 pseudo;

	__builtin_memcpy(mac, b->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(b->eth.h_dest, b->eth.h_source, ETH_ALEN);
	__builtin_memcpy(b->eth.h_source, mac, ETH_ALEN);
	b->ip.tos = 0;
	b->ip.tot_len = bpf_htons(RESET_BYTES);
	b->ip.frag_off = 0;
	b->ip.ttl = 64;
	b->ip.check = 0;
	b->ip.saddr = p->tuple.destination;
	b->ip.daddr = p->tuple.source;
	b->ip.check = ~folded(sum_of(&b->ip, sizeof(b->ip)));
	__builtin_memset(&b->tcp, 0, sizeof(b->tcp));
	b->tcp.source = p->tuple.destination_port;
	b->tcp.dest = p->tuple.source_port;
	b->tcp.seq = bpf_htonl(p->ack);
	b->tcp.doff = sizeof(b->tcp) / 4;
	b->tcp.rst = 1;
	pseudo = (__u64)b->ip.saddr + b->ip.daddr + bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(b->tcp));
	b->tcp.check = ~folded(pseudo + sum_of(&b->tcp, sizeof(b->tcp)));
}

/* Counted as a drop for that reason, answered or not. Only what acknowledges something can be reset. */
static __always_inline int reset_target(struct __sk_buff *skb, const struct packet *p, enum sealway_drop_reason why)
{
	struct bare_packet *b;

	drop(why);
	if (p->tuple.protocol != IPPROTO_TCP || (p->tcp_flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return TC_ACT_SHOT;
	if (p->l4 != IP_OFFSET + sizeof(struct iphdr) || bpf_skb_change_tail(skb, sizeof(*b), 0))
		return TC_ACT_SHOT;
	b = header(skb, 0, sizeof(*b));
	if (!b)
		return TC_ACT_SHOT;
	turn_around(b, p);
	return bpf_redirect(skb->ifindex, 0);
}
