/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Turns a target's packet into the reset of its connection, in either IP version; see reset.h. */
#pragma once

#include "drop_reason.h"
#include "nat6.h"

static __always_inline __u64 pseudo_header(const sealway_address *a, const sealway_address *b, __u8 protocol, __u32 bytes)
{
	return sum_of_address(a) + sum_of_address(b) + bpf_htonl(protocol) + bpf_htonl(bytes);
}

static __always_inline int swap_macs(struct __sk_buff *skb)
{
	struct ethhdr eth;
	__u8 mac[ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, &eth, sizeof(eth)))
		return -1;
	__builtin_memcpy(mac, eth.h_dest, ETH_ALEN);
	__builtin_memcpy(eth.h_dest, eth.h_source, ETH_ALEN);
	__builtin_memcpy(eth.h_source, mac, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0);
}

static __always_inline int write_reset(struct __sk_buff *skb, const struct packet *p)
{
	const struct sealway_tuple *t = &p->tuple;
	__u32 size = ip_header_size(is_ipv4_packet(p)), i;
	struct tcphdr tcp = {
		.source = t->destination_port,
		.dest = t->source_port,
		.seq = bpf_htonl(p->ack),
		.doff = sizeof(tcp) / 4,
		.rst = 1,
	};
	const __u32 __attribute__((may_alias)) *words = (const void *)&tcp;
	__u64 sum = pseudo_header(&t->source, &t->destination, IPPROTO_TCP, sizeof(tcp));

#pragma unroll
	for (i = 0; i < sizeof(tcp) / sizeof(*words); i++)
		sum += words[i];
	tcp.check = ~folded(sum);
	size += sizeof(tcp);
	if (is_ipv4_packet(p) ? write_ipv4(skb, p, &t->destination, &t->source, IPPROTO_TCP, size) :
				write_ipv6(skb, p, &t->destination, &t->source, IPPROTO_TCP, size))
		return -1;
	return bpf_skb_store_bytes(skb, p->l4, &tcp, sizeof(tcp), BPF_F_RECOMPUTE_CSUM);
}

/* Counted as a drop for that reason, answered or not. Only what acknowledges something can be reset. */
static __always_inline int reset_target(struct __sk_buff *skb, const struct packet *p, enum sealway_drop_reason why)
{
	__u32 l4 = IP_OFFSET + ip_header_size(is_ipv4_packet(p));

	drop(why);
	if (p->tuple.protocol != IPPROTO_TCP || (p->tcp_flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return TC_ACT_SHOT;
	if (p->l4 != l4 || bpf_skb_change_tail(skb, l4 + sizeof(struct tcphdr), 0) || swap_macs(skb) ||
	    write_reset(skb, p))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}
