/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* IP in IP (RFC 2003) between the host that answers at a VIP and the one where the target is.
 *
 * The inner packet is the client's, as it came. The outer header says which target was chosen: its destination is
 * the target's address, its identification the target's port. An identification of a datagram that may not be
 * fragmented means nothing (RFC 6864). Where the packet is cut into segments on its way, each may get the next
 * number: then the time to live has the port's lowest bits, which tell how far the numbers have come.
 */
#pragma once

#include "csum.h"
#include "drop_reason.h"

#define TUNNEL_BYTES sizeof(struct iphdr)
#define TUNNEL_TTL 64
#define TUNNEL_PARTS_TTL 128 /* and the port's lowest bits */
#define MOST_PARTS 128 /* of more, those bits do not tell the port */

static __always_inline struct sealway_tunnel *tunnel_to(__be32 target)
{
	struct sealway_tunnel_key key = { .prefix = 32, .network = target };

	return bpf_map_lookup_elem(&tunnels, &key);
}

static __always_inline __u32 largest_segment(struct __sk_buff *skb, const struct packet *p)
{
	return skb->gso_size ? skb->gso_size + p->headers : p->bytes;
}

/* Of something larger: how many packets will be made of it, at most. */
static __always_inline __u32 parts_of(struct __sk_buff *skb, const struct packet *p)
{
	__u32 size = skb->gso_size;

	return size > TUNNEL_BYTES ? (p->bytes - p->headers) / (size - TUNNEL_BYTES) + 1 : MOST_PARTS + 1;
}

static __always_inline __u8 time_to_live(struct __sk_buff *skb, const struct packet *p, __be16 port)
{
	if (!skb->gso_size)
		return TUNNEL_TTL;
	if (parts_of(skb, p) > MOST_PARTS)
		return TUNNEL_PARTS_TTL - 1;
	return TUNNEL_PARTS_TTL + (bpf_ntohs(port) & (MOST_PARTS - 1));
}

/* The target's port; 0: it is not told. */
static __always_inline __be16 told_port(const struct iphdr *outer)
{
	__u16 id = bpf_ntohs(outer->id);

	if (outer->ttl <= TUNNEL_TTL)
		return outer->id;
	if (outer->ttl < TUNNEL_PARTS_TTL)
		return 0;
	return bpf_htons(id - ((id - outer->ttl) & (MOST_PARTS - 1)));
}

static __always_inline int write_outer(struct __sk_buff *skb, const struct packet *p, __be32 source, __be32 target,
				       __be16 port, __u8 ttl)
{
	__u32 bytes = p->bytes + TUNNEL_BYTES;
	struct iphdr outer = {
		.version = 4,
		.ihl = 5,
		.tos = p->tos,
		.tot_len = bytes > 0xffff ? 0 : bpf_htons(bytes),
		.id = port,
		/* Always: segments of a client that numbers none of its packets keep one number, which the kernel's
		 * segmentation may refuse to give to what may be fragmented. */
		.frag_off = IP_DONT_FRAGMENT,
		.ttl = ttl,
		.protocol = IPPROTO_IPIP,
		.saddr = source,
		.daddr = target,
	};

	outer.check = ~folded(sum_of(&outer, sizeof(outer)));
	return bpf_skb_store_bytes(skb, IP_OFFSET, &outer, sizeof(outer), 0);
}

/* Sent on, or dropped; TOO_LARGE: left as it came, and `room` is what would have fitted. */
#define TOO_LARGE -4

static __always_inline int encapsulate(struct __sk_buff *skb, const struct packet *p, __be32 target, __be16 port,
				       __u32 *room)
{
	struct sealway_tunnel *tunnel = tunnel_to(target);
	__u64 flags = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_FIXED_GSO;
	__u32 ifindex, mtu = 0, size = largest_segment(skb, p);
	__u8 ttl = time_to_live(skb, p, port);
	__be32 source;

	if (!tunnel || bpf_check_mtu(skb, tunnel->ifindex, &mtu, 0, 0) < 0 || mtu <= TUNNEL_BYTES)
		return drop(SEALWAY_DROP_NO_TUNNEL);
	source = tunnel->source;
	ifindex = tunnel->ifindex;
	*room = mtu - TUNNEL_BYTES;
	if (size > *room) {
		/* What is cut into segments later may be cut smaller. */
		if (!skb->gso_size || size > mtu || p->tuple.protocol != IPPROTO_TCP)
			return TOO_LARGE;
		flags = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	}
	if (bpf_skb_adjust_room(skb, TUNNEL_BYTES, BPF_ADJ_ROOM_MAC, flags) || write_outer(skb, p, source, target, port, ttl))
		return drop(SEALWAY_DROP_REWRITE);
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

/* The inner packet alone; 0, or negative when there is none. */
static __always_inline int decapsulate(struct __sk_buff *skb, const struct iphdr *outer)
{
	if (outer->ihl != 5 || outer->frag_off & IP_FRAGMENT_MASK)
		return -1;
	return bpf_skb_adjust_room(skb, -(int)TUNNEL_BYTES, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
}
