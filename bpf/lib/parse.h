/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* From bytes to a struct packet; nothing is written here. IPv4 on Ethernet; other packets are none of our
 * business. Headers are read in place; one that is not in the linear area is pulled there first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "sealway_abi.h"

#define IP_OFFSET ETH_HLEN
#define IP_CSUM_OFFSET (IP_OFFSET + offsetof(struct iphdr, check))
#define IP_ADDRESSES_OFFSET (IP_OFFSET + offsetof(struct iphdr, saddr))
#define IP_DONT_FRAGMENT bpf_htons(0x4000)
#define IP_MORE_FRAGMENTS bpf_htons(0x2000)
#define IP_FRAGMENT_PLACE bpf_htons(0x1fff) /* in units of eight bytes */
#define IP_FRAGMENT_MASK (IP_MORE_FRAGMENTS | IP_FRAGMENT_PLACE)

/* <linux/icmp.h> drags the C library in. RFC 792. */
#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

enum parsed {
	PARSED_OTHER, /* not for us: let it pass */
	PARSED_FLOW, /* TCP or UDP with ports, perhaps the first fragment */
	PARSED_FRAGMENT, /* a later one of TCP or UDP, addresses only */
	PARSED_ICMP_ERROR,
	PARSED_MALFORMED, /* addresses only */
};

struct packet {
	struct sealway_tuple tuple;
	__u32 l4; /* offset of the transport header */
	__u32 bytes; /* on the network layer, all segments */
	__u32 segments;
	__u32 headers; /* network and transport header together */
	__u32 seq;
	__u32 ack;
	__u32 payload;
	__be16 fragment; /* as in the IP header: flags and place */
	__be16 id;
	__u8 tos;
	__u8 tcp_flags;
};

/* The header of that size at that offset, or NULL: the packet is shorter. */
static __always_inline void *header(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *start;

	barrier_var(skb); /* or its fields' addresses are kept, which the verifier refuses */
	start = (void *)(long)skb->data + offset;
	barrier_var(start); /* or it is computed again, and the verifier does not know that one */
	if (start + size <= (void *)(long)skb->data_end)
		return start;
	if (bpf_skb_pull_data(skb, offset + size))
		return NULL;
	barrier_var(skb);
	start = (void *)(long)skb->data + offset;
	barrier_var(start);
	return start + size <= (void *)(long)skb->data_end ? start : NULL;
}

static __always_inline enum parsed parse_tcp(struct __sk_buff *skb, struct packet *p)
{
	struct tcphdr *tcp = header(skb, p->l4, sizeof(*tcp));

	if (!tcp || tcp->doff < 5)
		return PARSED_MALFORMED;
	p->tuple.source_port = tcp->source;
	p->tuple.destination_port = tcp->dest;
	p->tcp_flags = ((__u8 *)tcp)[13];
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->headers += tcp->doff * 4;
	if (p->bytes < p->headers)
		return PARSED_MALFORMED;
	p->payload = p->bytes - p->headers;
	if (p->fragment & IP_MORE_FRAGMENTS)
		p->tcp_flags &= ~TCP_FIN; /* nobody knows yet which number it has: the flow ends by time */
	return PARSED_FLOW;
}

static __always_inline enum parsed parse_udp(struct __sk_buff *skb, struct packet *p)
{
	struct udphdr *udp = header(skb, p->l4, sizeof(*udp));

	if (!udp)
		return PARSED_MALFORMED;
	p->tuple.source_port = udp->source;
	p->tuple.destination_port = udp->dest;
	p->headers += sizeof(*udp);
	return PARSED_FLOW;
}

static __always_inline enum parsed parse_icmp(struct __sk_buff *skb, struct packet *p)
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
static __always_inline enum parsed parse_ip(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));

	if (!ip || ip->version != 4)
		return PARSED_OTHER;
	p->tuple.source = ip->saddr;
	p->tuple.destination = ip->daddr;
	p->tuple.protocol = ip->protocol;
	p->tos = ip->tos;
	p->fragment = ip->frag_off;
	p->id = ip->id;
	p->headers = ip->ihl * 4;
	p->l4 = IP_OFFSET + p->headers;
	/* Frames may be padded, so the header's length counts; beyond 64 KiB (BIG TCP) it is zero. */
	p->bytes = ip->tot_len ? bpf_ntohs(ip->tot_len) : skb->len - IP_OFFSET;
	p->segments = skb->gso_segs ? skb->gso_segs : 1;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ICMP)
		return PARSED_OTHER;
	if (ip->ihl < 5)
		return PARSED_MALFORMED;
	return ip->frag_off & IP_FRAGMENT_MASK ? parse_fragment(ip) : PARSED_FLOW;
}

static __always_inline enum parsed parse(struct __sk_buff *skb, struct packet *p)
{
	enum parsed parsed;

	if (skb->protocol != bpf_htons(ETH_P_IP))
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

static __always_inline bool opens_flow(const struct packet *p)
{
	if (p->tuple.protocol == IPPROTO_UDP)
		return true;
	return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}
