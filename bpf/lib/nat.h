/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A packet takes the tuple its flow entry gives. */
#pragma once

#include "csum.h"

#define L4_OFFSET_MASK 127 /* for the verifier: Ethernet's header and at most 60 bytes */

static __always_inline __u32 l4_csum_offset(const struct packet *p)
{
	if (p->tuple.protocol == IPPROTO_TCP)
		return p->l4 + offsetof(struct tcphdr, check);
	return p->l4 + offsetof(struct udphdr, check);
}

/* In place, with the IP header's checksum. 0, or negative when the packet is not that long. */
static __always_inline int write_addresses(struct __sk_buff *skb, __be32 source, __be32 destination)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));

	if (!ip)
		return -1;
	ip->check = ~folded((__u16)~ip->check + difference(ip->saddr, source) + difference(ip->daddr, destination));
	ip->saddr = source;
	ip->daddr = destination;
	return 0;
}

/* TCP, with one call of a helper: what that made of the addresses shows whether ports count too. Where it does not show,
 * a second one decides. */
static __always_inline int rewrite_tcp(struct __sk_buff *skb, const struct packet *p, struct ports old,
				       struct ports new, __u64 addresses)
{
	__u64 ports = difference(as_word(old), as_word(new));
	struct tcphdr *tcp = header(skb, p->l4 & L4_OFFSET_MASK, sizeof(*tcp));
	__u16 whole, partial;

	if (!tcp)
		return -1;
	whole = ~folded((__u16)~tcp->check + (__u64)folded_once(addresses));
	partial = folded(tcp->check + (__u64)folded_once(addresses));
	tcp->source = new.source;
	tcp->dest = new.destination;
	if (mend_l4(skb, l4_csum_offset(p), addresses, BPF_F_PSEUDO_HDR))
		return -1;
	tcp = header(skb, p->l4 & L4_OFFSET_MASK, sizeof(*tcp));
	if (!tcp)
		return -1;
	if (tcp->check == partial && tcp->check != whole)
		return 0;
	if (tcp->check == partial || tcp->check != whole)
		return mend_l4(skb, l4_csum_offset(p), ports, 0);
	tcp->check = ~folded((__u16)~whole + (__u64)folded_once(ports));
	return 0;
}

/* 0, or negative when the packet could not be written. */
static __always_inline int rewrite(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	struct ports old = { p->tuple.source_port, p->tuple.destination_port };
	struct ports new = { to->source_port, to->destination_port };
	__u64 flags = p->tuple.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 csum = l4_csum_offset(p);
	__u64 addresses = difference(p->tuple.source, to->source) + difference(p->tuple.destination, to->destination);
	struct ports *ports;

	if (write_addresses(skb, to->source, to->destination))
		return -1;
	if (p->tuple.protocol == IPPROTO_TCP)
		return rewrite_tcp(skb, p, old, new, addresses);
	ports = header(skb, p->l4 & L4_OFFSET_MASK, sizeof(*ports));
	if (!ports)
		return -1;
	*ports = new;
	if (mend_l4(skb, csum, addresses, flags | BPF_F_PSEUDO_HDR))
		return -1;
	if (as_word(old) == as_word(new))
		return 0;
	return mend_l4(skb, csum, difference(as_word(old), as_word(new)), flags);
}
