/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Where a rewritten packet goes: straight to the interface, past the host's stack. Decided before the
 * packet is touched, so that one which cannot go on can still be left to the kernel as it came. */
#pragma once

#include <linux/pkt_cls.h>

#include "drop_reason.h"
#include "flow.h"

#ifndef AF_INET
#define AF_INET 2
#endif

enum way {
	WAY_PEER, /* into the namespace behind a task's veth; only from an ingress hook */
	WAY_NEIGHBOUR, /* out of an interface, the kernel resolves the neighbour */
	WAY_HOST, /* up into this host, as if it came from the load balancer's namespace; its kernel forwards it */
	WAY_KERNEL, /* too big for the way: left as it came; the kernel tells the sender */
	WAY_DROP,
};

struct route {
	enum way way;
	__u32 ifindex;
	__be32 next_hop; /* 0: look the destination's up */
	enum sealway_drop_reason reason;
};

static __always_inline struct route dropping(enum sealway_drop_reason reason)
{
	struct route route = { .way = WAY_DROP, .reason = reason };

	return route;
}

static __always_inline struct route route_to_backend(const struct sealway_backend *backend, bool ingress)
{
	/* At an egress hook the packet still carries its route to the VIP, and would be sent to the VIP's
	 * neighbour once it had waited for the target's: there the kernel must look the route up anew. */
	struct route route = {
		.way = backend->via == SEALWAY_VIA_PEER && ingress ? WAY_PEER : WAY_NEIGHBOUR,
		.ifindex = backend->ifindex,
		.next_hop = ingress ? backend->address : 0,
	};

	return route;
}

static __always_inline bool too_big(struct __sk_buff *skb, const struct packet *p, __u32 ifindex, __u32 mtu)
{
	/* The lookup tells the size only of a way whose neighbour is known. */
	if (!mtu && bpf_check_mtu(skb, ifindex, &mtu, 0, 0) < 0)
		return false;
	return (skb->gso_size ? skb->gso_size + p->headers : p->bytes) > mtu;
}

static __always_inline struct route route_by_table(struct __sk_buff *skb, const struct packet *p,
						   const struct sealway_flow *to)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = p->tuple.protocol,
		.sport = to->source_port,
		.dport = to->destination_port,
		.tos = p->tos,
		.ipv4_src = to->source,
		.ipv4_dst = to->destination,
		.ifindex = skb->ifindex,
	};
	struct route route = { .way = WAY_NEIGHBOUR };
	long result = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);

	if (result == BPF_FIB_LKUP_RET_NOT_FWDED) {
		route.way = WAY_HOST;
		return route;
	}
	if (result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH) {
		route.ifindex = fib.ifindex;
		route.next_hop = fib.ipv4_dst;
		if (!too_big(skb, p, fib.ifindex, fib.mtu_result))
			return route;
		result = BPF_FIB_LKUP_RET_FRAG_NEEDED;
	}
	if (result != BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return dropping(SEALWAY_DROP_NO_ROUTE);
	if (!(p->fragment & IP_DONT_FRAGMENT)) {
		route.way = WAY_HOST; /* rewritten: the kernel fragments it on its way */
		return route;
	}
	/* As it came, a translated answer would be routed to the VIP itself, and nobody be told. */
	if (to->flags & SEALWAY_FLOW_TRANSLATED)
		return dropping(SEALWAY_DROP_TOO_BIG);
	route.way = WAY_KERNEL;
	return route;
}

static __always_inline struct route route_answer(struct __sk_buff *skb, const struct packet *p,
						 const struct sealway_flow *to)
{
	if (to->client_ifindex) {
		struct route route = { .way = WAY_PEER, .ifindex = to->client_ifindex };

		return route;
	}
	return route_by_table(skb, p, to);
}

static __always_inline int send_to_host(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	if (!c || !c->host_ifindex)
		return drop(SEALWAY_DROP_NO_HOST_INTERFACE);
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), c->host_mac, ETH_ALEN, 0))
		return drop(SEALWAY_DROP_REWRITE);
	return bpf_redirect(c->host_ifindex, BPF_F_INGRESS);
}

static __always_inline int send(struct __sk_buff *skb, const struct route *route)
{
	struct bpf_redir_neigh next = { .nh_family = AF_INET, .ipv4_nh = route->next_hop };

	switch (route->way) {
	case WAY_PEER:
		return bpf_redirect_peer(route->ifindex, 0);
	case WAY_NEIGHBOUR:
		if (!route->next_hop)
			return bpf_redirect_neigh(route->ifindex, NULL, 0, 0);
		return bpf_redirect_neigh(route->ifindex, &next, sizeof(next), 0);
	case WAY_HOST:
		return send_to_host(skb);
	case WAY_KERNEL:
		return PASS;
	default:
		return drop(route->reason);
	}
}
