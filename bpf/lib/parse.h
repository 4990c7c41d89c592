/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* From bytes to a struct packet; nothing is written here. IPv4 on Ethernet; other packets are none of our
 * business. */
#pragma once

#include "packet.h"

#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

static __always_inline enum parsed parse_icmp(context *skb, struct packet *p)
{
	struct icmp_header *icmp = header(skb, p->l4, sizeof(*icmp));

	if (!icmp)
		return PARSED_OTHER;
	switch (icmp->type) {
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return PARSED_ICMP_ERROR;
	default:
		return PARSED_OTHER;
	}
}

static __always_inline enum parsed parse_fragment(const struct iphdr *ip)
{
	__be16 place = ip->frag_off & IP_FRAGMENT_PLACE;

	if (ip->protocol == IPPROTO_ICMP)
		return PARSED_OTHER;
	if (!place)
		return PARSED_FLOW;
	/* It would lie over the first one's TCP header (RFC 3128). */
	if (ip->protocol == IPPROTO_TCP && place == bpf_htons(1))
		return PARSED_MALFORMED;
	return PARSED_FRAGMENT;
}

/* Which header follows the network's, or that none of interest does. */
static __always_inline enum parsed parse_ip(context *skb, struct packet *p)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));

	if (!ip || ip->version != 4)
		return PARSED_OTHER;
	*(whole_word *)&p->tuple.source = ip->saddr | (__u64)ip->daddr << 32;
	p->tuple.protocol = ip->protocol;
	p->tos = ip->tos;
	p->fragment = ip->frag_off;
	p->id = ip->id;
	p->headers = ip->ihl * 4;
	p->l4 = IP_OFFSET + p->headers;
	/* Frames may be padded, so the header's length counts; beyond 64 KiB (BIG TCP) it is zero. */
	p->bytes = ip->tot_len ? bpf_ntohs(ip->tot_len) : frame_bytes(skb) - IP_OFFSET;
	p->segments = segments_of(skb);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ICMP)
		return PARSED_OTHER;
	if (ip->ihl < 5)
		return PARSED_MALFORMED;
	return ip->frag_off & IP_FRAGMENT_MASK ? parse_fragment(ip) : PARSED_FLOW;
}

static __always_inline enum parsed parse(context *skb, struct packet *p)
{
	enum parsed parsed;

	if (ether_type(skb) != bpf_htons(ETH_P_IP))
		return PARSED_OTHER;
	__builtin_memset(p, 0, sizeof(*p));
	parsed = parse_ip(skb, p);
	if (parsed != PARSED_FLOW)
		return parsed;
	switch (p->tuple.protocol) {
	case IPPROTO_TCP:
		return parse_tcp(skb, p);
	case IPPROTO_UDP:
		return parse_udp(skb, p);
	default:
		return parse_icmp(skb, p);
	}
}
