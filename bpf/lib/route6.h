/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Where a rewritten packet goes, in either IP version; see route.h. Decided before the packet is touched. */
#pragma once

#include <linux/pkt_cls.h>

#include "drop_reason.h"
#include "flow.h"
#include "nat6.h"
#include "role.h"

#define HEADERS_DIFFER (sizeof(struct ipv6hdr) - sizeof(struct iphdr))
#define AF_INET 2
#define AF_INET6 10

#define TARGETS 8 /* they stand behind it; without, there are other hosts' */

enum way {
	WAY_PEER,
	WAY_NEIGHBOUR,
	WAY_HOST,
	WAY_KERNEL,
	WAY_DROP,
};

struct route {
	enum way way;
	__u32 ifindex;
	bool by_table; /* no next hop: the kernel looks the destination up */
	sealway_address next_hop;
	enum sealway_drop_reason reason;
	__u32 mtu; /* refused for its size: what its sender may send; 0: nobody tells it */
};

/* An uplink carries the answers of other hosts' targets only. */
static __always_inline bool speaks_falsely(const struct sealway_flow *flow, const struct sealway_backend *backend,
					   int role)
{
	return flow->flags & SEALWAY_FLOW_ANSWER && !(role & TARGETS) && backend->via != SEALWAY_VIA_HOST;
}

static __always_inline void route_to_backend(const struct sealway_backend *backend, bool ingress, struct route *route)
{
	route->way = backend->via == SEALWAY_VIA_PEER && ingress ? WAY_PEER : WAY_NEIGHBOUR;
	route->ifindex = backend->ifindex;
	route->by_table = !ingress || backend->via == SEALWAY_VIA_HOST;
	route->next_hop = backend->address;
}

/* On the network layer, as it will leave: one segment of many. */
static __always_inline __u32 size_of(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	__u32 size = skb->gso_size ? skb->gso_size + p->headers : p->bytes;

	if (!is_across_versions(p, to))
		return size;
	return size - (p->l4 - IP_OFFSET) + headers_across(p);
}

/* 0: not known. */
static __always_inline __u32 mtu_of(struct __sk_buff *skb, __u32 ifindex, __u32 mtu)
{
	if (!mtu && bpf_check_mtu(skb, ifindex, &mtu, 0, 0) < 0)
		return 0;
	return mtu;
}

static __always_inline void ask_for(struct bpf_fib_lookup *fib, const struct packet *p, const struct sealway_flow *to)
{
	if (is_ipv4(&to->destination)) {
		fib->family = AF_INET;
		fib->tos = p->tos;
		fib->ipv4_src = to->source.words[3];
		fib->ipv4_dst = to->destination.words[3];
		return;
	}
	fib->family = AF_INET6;
	__builtin_memcpy(fib->ipv6_src, &to->source, sizeof(to->source));
	__builtin_memcpy(fib->ipv6_dst, &to->destination, sizeof(to->destination));
}

/* What is too big for its way, where only its sender can mend that. */
static __always_inline void refuse_size(const struct packet *p, const struct sealway_flow *to, __u32 mtu,
					struct route *route)
{
	route->way = WAY_DROP;
	route->reason = SEALWAY_DROP_TOO_BIG;
	route->mtu = mtu;
	if (is_across_versions(p, to)) {
		/* An IPv4 target may send fragments then, which take the longest headers. */
		route->mtu = is_ipv4_packet(p) ? mtu - sizeof(struct fragment_extension) - HEADERS_DIFFER :
						 mtu + HEADERS_DIFFER;
		return;
	}
	if (is_ipv4_packet(p) && !(p->fragment & IP_DONT_FRAGMENT))
		route->way = WAY_HOST;
	else if (!(to->flags & SEALWAY_FLOW_TRANSLATED))
		route->way = WAY_KERNEL;
}

/* A client of IPv4: its packets grow on their way to an IPv6 target. */
static __always_inline void fit_to_target(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to,
					  struct route *route)
{
	__u32 mtu;

	if (!is_ipv4_packet(p) || !is_across_versions(p, to))
		return;
	mtu = mtu_of(skb, route->ifindex, 0);
	if (mtu && size_of(skb, p, to) > mtu)
		refuse_size(p, to, mtu, route);
}

static __always_inline void route_by_table(struct __sk_buff *skb, const struct packet *p,
					   const struct sealway_flow *to, struct route *route)
{
	struct bpf_fib_lookup fib = {
		.l4_protocol = p->tuple.protocol,
		.sport = to->source_port,
		.dport = to->destination_port,
		.ifindex = skb->ifindex,
	};
	long result;
	__u32 mtu;

	ask_for(&fib, p, to);
	result = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	route->way = result == BPF_FIB_LKUP_RET_NOT_FWDED ? WAY_HOST : WAY_NEIGHBOUR;
	if (result == BPF_FIB_LKUP_RET_NOT_FWDED)
		return;
	route->ifindex = fib.ifindex;
	if (fib.family == AF_INET)
		route->next_hop = mapped(fib.ipv4_dst);
	else
		__builtin_memcpy(&route->next_hop, fib.ipv6_dst, sizeof(route->next_hop));
	if (result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH) {
		mtu = mtu_of(skb, fib.ifindex, fib.mtu_result);
		if (mtu && size_of(skb, p, to) > mtu)
			refuse_size(p, to, mtu, route);
		return;
	}
	route->way = WAY_DROP;
	route->reason = SEALWAY_DROP_NO_ROUTE;
	if (result == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		refuse_size(p, to, fib.mtu_result, route);
}

/* Not static, so that it has a stack of its own. */
__noinline int route_by_host(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to,
			     struct route *route)
{
	if (!p || !to || !route)
		return -1;
	route_by_table(skb, p, to, route);
	return 0;
}

static __always_inline void route_answer(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to,
					 struct route *route)
{
	if (!to->client_ifindex) {
		route_by_host(skb, p, to, route);
		return;
	}
	route->way = WAY_PEER;
	route->ifindex = to->client_ifindex;
}

static __always_inline void choose_route(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *flow,
					 const struct sealway_backend *backend, bool ingress, struct route *route)
{
	__builtin_memset(route, 0, sizeof(*route));
	if (flow->flags & SEALWAY_FLOW_ANSWER) {
		route_answer(skb, p, flow, route);
		return;
	}
	route_to_backend(backend, ingress, route);
	fit_to_target(skb, p, flow, route);
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

static __always_inline int send_to_neighbour(const struct route *route)
{
	struct bpf_redir_neigh next = {};

	if (route->by_table)
		return bpf_redirect_neigh(route->ifindex, NULL, 0, 0);
	if (is_ipv4(&route->next_hop)) {
		next.nh_family = AF_INET;
		next.ipv4_nh = route->next_hop.words[3];
	} else {
		next.nh_family = AF_INET6;
		__builtin_memcpy(next.ipv6_nh, &route->next_hop, sizeof(route->next_hop));
	}
	return bpf_redirect_neigh(route->ifindex, &next, sizeof(next), 0);
}

static __always_inline bool is_refused(const struct route *route)
{
	return route->way == WAY_DROP || route->way == WAY_KERNEL;
}

static __always_inline int send(struct __sk_buff *skb, const struct route *route)
{
	switch (route->way) {
	case WAY_PEER:
		return bpf_redirect_peer(route->ifindex, 0);
	case WAY_NEIGHBOUR:
		return send_to_neighbour(route);
	case WAY_HOST:
		return send_to_host(skb);
	case WAY_KERNEL:
		return PASS;
	default:
		return drop(route->reason);
	}
}
