/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* From bytes to a struct packet of wide addresses: IPv6 with its extension headers, and IPv4.
 *
 * A packet whose way is not at its end (a routing header with segments left) is for whoever it goes to next; one
 * that claims an address of our own notation for IPv4 is nobody's. Both pass.
 */
#pragma once

#include <linux/ipv6.h>

#include "packet.h"

#define MAX_EXTENSIONS 8
#define MAX_EXTENSION_BYTES 1024
#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMP6_UNREACHABLE 1
#define ICMP6_PARAMETER_PROBLEM 4

struct extension {
	__u8 next;
	__u8 length; /* in units of eight bytes, less one */
	__u8 type;
	__u8 segments_left;
};

struct fragment_extension {
	__u8 next;
	__u8 reserved;
	__be16 place; /* thirteen bits of it, and the lowest: more fragments */
	__be32 id;
};

#define PLACE6 bpf_htons(0xfff8)
#define MORE6 bpf_htons(1)

static __always_inline sealway_address wide(const struct in6_addr *a)
{
	sealway_address address;

	__builtin_memcpy(&address, a, sizeof(address));
	return address;
}

static __always_inline bool is_ipv4_packet(const struct packet *p)
{
	return is_ipv4(&p->tuple.source);
}

static __always_inline bool is_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER_PROBLEM;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

static __always_inline enum parsed parse_fragment6(context *skb, struct packet *p, __u32 at, __u8 *next)
{
	struct fragment_extension f;

	if (load_bytes(skb, at, &f, sizeof(f)))
		return PARSED_MALFORMED;
	*next = f.next;
	p->id = f.id;
	p->fragment_at = at;
	p->fragment = (f.place & MORE6 ? IP_MORE_FRAGMENTS : 0) | bpf_htons(bpf_ntohs(f.place) >> 3);
	return f.place & PLACE6 ? PARSED_FRAGMENT : PARSED_FLOW;
}

/* Past the extension headers; p->l4 is where the transport begins, or a later fragment's part of it. */
static __always_inline enum parsed walk(context *skb, struct packet *p, __u8 next)
{
	__u32 at = IP_OFFSET + sizeof(struct ipv6hdr);
	enum parsed parsed;
	struct extension e;
	int i;

	for (i = 0; i <= MAX_EXTENSIONS; i++) {
		switch (next) {
		case IPPROTO_TCP:
		case IPPROTO_UDP:
		case IPPROTO_ICMPV6:
			p->tuple.protocol = next;
			p->l4 = at;
			return PARSED_FLOW;
		case IPPROTO_FRAGMENT:
			if (p->fragment_at)
				return PARSED_MALFORMED;
			parsed = parse_fragment6(skb, p, at, &next);
			at += sizeof(struct fragment_extension);
			if (parsed != PARSED_FLOW) {
				p->tuple.protocol = next;
				p->l4 = at;
				return parsed;
			}
			break;
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			if (load_bytes(skb, at, &e, sizeof(e)))
				return PARSED_MALFORMED;
			if (next == IPPROTO_ROUTING && e.segments_left)
				return PARSED_OTHER;
			next = e.next;
			at += (e.length + 1) * 8;
			break;
		default:
			return PARSED_OTHER;
		}
		if (at > IP_OFFSET + sizeof(struct ipv6hdr) + MAX_EXTENSION_BYTES)
			return PARSED_MALFORMED;
	}
	return PARSED_MALFORMED;
}

static __always_inline enum parsed parse_ipv6(context *skb, struct packet *p)
{
	struct ipv6hdr *ip = header(skb, IP_OFFSET, sizeof(*ip));
	enum parsed parsed;
	__be32 first;

	if (!ip || ip->version != 6)
		return PARSED_OTHER;
	p->tuple.source = wide(&ip->saddr);
	p->tuple.destination = wide(&ip->daddr);
	if (is_ipv4(&p->tuple.source) || is_ipv4(&p->tuple.destination))
		return PARSED_OTHER;
	__builtin_memcpy(&first, ip, sizeof(first));
	p->tos = bpf_ntohl(first) >> 20;
	p->ttl = ip->hop_limit;
	/* Beyond 64 KiB (BIG TCP) it is zero. */
	p->bytes = ip->payload_len ? bpf_ntohs(ip->payload_len) + sizeof(*ip) : frame_bytes(skb) - IP_OFFSET;
	parsed = walk(skb, p, ip->nexthdr);
	p->headers = p->l4 - IP_OFFSET;
	return parsed;
}

static __always_inline enum parsed parse_ipv4(context *skb, struct packet *p)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));

	if (!ip || ip->version != 4)
		return PARSED_OTHER;
	p->tuple.source = mapped(ip->saddr);
	p->tuple.destination = mapped(ip->daddr);
	p->tuple.protocol = ip->protocol;
	p->tos = ip->tos;
	p->ttl = ip->ttl;
	p->fragment = ip->frag_off;
	p->id = ip->id;
	p->headers = ip->ihl * 4;
	p->l4 = IP_OFFSET + p->headers;
	p->bytes = ip->tot_len ? bpf_ntohs(ip->tot_len) : frame_bytes(skb) - IP_OFFSET;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ICMP)
		return PARSED_OTHER;
	if (ip->ihl < 5)
		return PARSED_MALFORMED;
	return ip->frag_off & IP_FRAGMENT_PLACE ? PARSED_FRAGMENT : PARSED_FLOW;
}

static __always_inline enum parsed parse_transport(context *skb, struct packet *p)
{
	struct icmp_header icmp;

	if (p->tuple.protocol == IPPROTO_TCP)
		return parse_tcp(skb, p);
	if (p->tuple.protocol == IPPROTO_UDP)
		return parse_udp(skb, p);
	if (p->fragment_at || p->fragment & IP_MORE_FRAGMENTS || load_bytes(skb, p->l4, &icmp, sizeof(icmp)))
		return PARSED_OTHER;
	return is_error(p->tuple.protocol, icmp.type) ? PARSED_ICMP_ERROR : PARSED_OTHER;
}

static __always_inline enum parsed parse(context *skb, struct packet *p)
{
	enum parsed parsed = PARSED_OTHER;

	__builtin_memset(p, 0, sizeof(*p));
	p->segments = segments_of(skb);
	if (ether_type(skb) == bpf_htons(ETH_P_IPV6))
		parsed = parse_ipv6(skb, p);
	else if (ether_type(skb) == bpf_htons(ETH_P_IP))
		parsed = parse_ipv4(skb, p);
	return parsed == PARSED_FLOW ? parse_transport(skb, p) : parsed;
}
