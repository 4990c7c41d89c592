/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* ICMP errors about packets we rewrote (fragmentation needed, unreachable, time exceeded).
 *
 * The error quotes the packet as it left us. Turned around, its tuple is the key of the entry for the
 * direction the error travels; that entry's result, turned around, is the packet as its sender knows it.
 * A quoted IP header sums to the same with its own checksum mended, so the ICMP checksum only sees ports.
 */
#pragma once

#include "nat.h"
#include "route.h"

#define QUOTE_OFFSET sizeof(struct icmp_header)

struct quote {
	struct sealway_tuple tuple;
	__u32 ip; /* offset of the quoted IP header */
	__u32 l4;
};

static __always_inline bool read_quote(struct __sk_buff *skb, const struct packet *p, struct quote *q)
{
	struct ports ports;
	struct iphdr ip;

	__builtin_memset(q, 0, sizeof(*q));
	q->ip = p->l4 + QUOTE_OFFSET;
	if (bpf_skb_load_bytes(skb, q->ip, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	if (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP)
		return false;
	if (ip.frag_off & IP_FRAGMENT_PLACE)
		return false; /* what follows are no ports */
	q->l4 = q->ip + ip.ihl * 4;
	if (bpf_skb_load_bytes(skb, q->l4, &ports, sizeof(ports)))
		return false;
	q->tuple.source = ip.saddr;
	q->tuple.destination = ip.daddr;
	q->tuple.source_port = ports.source;
	q->tuple.destination_port = ports.destination;
	q->tuple.protocol = ip.protocol;
	return true;
}

static __always_inline int store_addresses(struct __sk_buff *skb, __u32 offset, __be32 source,
					   __be32 destination)
{
	__be32 addresses[2] = { source, destination };

	return bpf_skb_store_bytes(skb, offset, addresses, sizeof(addresses), 0);
}

static __always_inline int rewrite_quote(struct __sk_buff *skb, const struct packet *p, const struct quote *q,
					 const struct sealway_tuple *to)
{
	struct ports old = { q->tuple.source_port, q->tuple.destination_port };
	struct ports new = { to->source_port, to->destination_port };
	__u32 ip_csum = q->ip + offsetof(struct iphdr, check);
	__u32 icmp_csum = p->l4 + offsetof(struct icmp_header, checksum);

	if (bpf_l3_csum_replace(skb, ip_csum, q->tuple.source, to->source, 4) ||
	    bpf_l3_csum_replace(skb, ip_csum, q->tuple.destination, to->destination, 4) ||
	    store_addresses(skb, q->ip + offsetof(struct iphdr, saddr), to->source, to->destination) ||
	    bpf_l4_csum_replace(skb, icmp_csum, as_word(old), as_word(new), sizeof(new)))
		return -1;
	return bpf_skb_store_bytes(skb, q->l4, &new, sizeof(new), 0);
}

static __always_inline int rewrite_error(struct __sk_buff *skb, const struct packet *p, const struct quote *q,
					 const struct sealway_flow *to)
{
	struct sealway_tuple sent = twin_key(to, q->tuple.protocol);
	/* A router's error keeps the router's address; an end's own error must look like its packets. */
	__be32 source = p->tuple.source == q->tuple.destination ? to->source : p->tuple.source;

	if (rewrite_quote(skb, p, q, &sent))
		return -1;
	return write_addresses(skb, source, to->destination);
}
