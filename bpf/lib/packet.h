/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What is known of a packet, and the transport headers, which are the same over IPv4 and IPv6. Headers are read in
 * place; one that is not in the linear area is pulled there first. */
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

#include "address.h"
#include "context.h"

#define IP_OFFSET ETH_HLEN
#define IP_CSUM_OFFSET (IP_OFFSET + offsetof(struct iphdr, check))
#define IP_ADDRESSES_OFFSET (IP_OFFSET + offsetof(struct iphdr, saddr))
#define IP_DONT_FRAGMENT bpf_htons(0x4000)
#define IP_MORE_FRAGMENTS bpf_htons(0x2000)
#define IP_FRAGMENT_PLACE bpf_htons(0x1fff) /* in units of eight bytes */
#define IP_FRAGMENT_MASK (IP_MORE_FRAGMENTS | IP_FRAGMENT_PLACE)

/* <linux/icmp.h> drags the C library in. RFC 792, RFC 4443. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

typedef __u64 __attribute__((may_alias)) whole_word;

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
	__be16 fragment; /* flags and place, as in IPv4's header */
	sealway_fragment_id id;
	__u32 fragment_at; /* IPv6: offset of that header, or 0 */
	__u8 tos;
	__u8 ttl;
	__u8 tcp_flags;
};

/* The header of that size at that offset, or NULL: the packet is shorter. */
static __always_inline void *header(context *skb, __u32 offset, __u32 size)
{
	void *start;

	barrier_var(skb); /* or its fields' addresses are kept, which the verifier refuses */
	start = (void *)(long)skb->data + offset;
	barrier_var(start); /* or it is computed again, and the verifier does not know that one */
	if (start + size <= (void *)(long)skb->data_end)
		return start;
	if (pull(skb, offset + size))
		return NULL;
	barrier_var(skb);
	start = (void *)(long)skb->data + offset;
	barrier_var(start);
	return start + size <= (void *)(long)skb->data_end ? start : NULL;
}

/* With the protocol, which is known by then: as one word, for as one it is compared. What reads a word whose parts were
 * written one by one waits until all stores before have reached the cache. */
static __always_inline void set_ports(struct sealway_tuple *t, __be16 source, __be16 destination)
{
	*(whole_word *)&t->source_port = source | (__u64)destination << 16 | (__u64)t->protocol << 32;
}

static __always_inline enum parsed parse_tcp(context *skb, struct packet *p)
{
	struct tcphdr *tcp = header(skb, p->l4, sizeof(*tcp));

	if (!tcp || tcp->doff < 5)
		return PARSED_MALFORMED;
	set_ports(&p->tuple, tcp->source, tcp->dest);
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

static __always_inline enum parsed parse_udp(context *skb, struct packet *p)
{
	struct udphdr *udp = header(skb, p->l4, sizeof(*udp));

	if (!udp)
		return PARSED_MALFORMED;
	set_ports(&p->tuple, udp->source, udp->dest);
	p->headers += sizeof(*udp);
	return PARSED_FLOW;
}

static __always_inline bool opens_flow(const struct packet *p)
{
	if (p->tuple.protocol == IPPROTO_UDP)
		return true;
	return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}
