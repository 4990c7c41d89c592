/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Packets that another host's load balancer sends to a task here: out of the tunnel, and on like any other flow's.
 *
 * The outer header tells the target (tunnel.h), so nothing need be known of the flow beforehand: one that is not
 * known any more is taken up as it stands. Security groups judge the client's own address. The answers are
 * rewritten at the task's interface and leave directly. A client's packet that does not come out of a tunnel, though its
 * flow does, is not carried by it: it is on its way to the other host.
 */
#pragma once

#include "guard.h"
#include "icmp.h"
#include "parse.h"
#include "send.h"
#include "tunnel.h"

/* Of a listener nothing is known here but that it was there. This id has no counters. */
static __always_inline struct sealway_frontend foreign_frontend(const struct packet *p)
{
	struct sealway_frontend frontend = {
		.id = SEALWAY_MAX_FRONTENDS,
		.idle_timeout = p->tuple.protocol == IPPROTO_TCP ? SEALWAY_ARRIVED_TIMEOUT : SEALWAY_ARRIVED_UDP_TIMEOUT,
		.node = p->tuple.destination,
	};

	return frontend;
}

/* Whether it still goes where the other host says. */
static __always_inline bool is_same(const struct sealway_flow *flow, const struct iphdr *outer)
{
	__be16 port = told_port(outer);

	return flow->destination == outer->daddr && (!port || flow->destination_port == port);
}

/* A flow that begins, or is no longer known: 0, or the (negative) drop reason. */
static __always_inline int settle(const struct packet *p, struct sealway_flow *flow, const struct iphdr *outer, __u32 mtu)
{
	struct sealway_frontend frontend;
	struct sealway_backend target;
	struct sealway_backend *backend;
	__be16 port = told_port(outer);
	__u32 *id;
	int error;

	if (!port)
		return -SEALWAY_DROP_TUNNELLED_PORT;
	id = bpf_map_lookup_elem(&tasks, &outer->daddr);
	backend = id ? backend_of(*id) : NULL;
	if (!backend)
		return -SEALWAY_DROP_BACKEND_GONE;
	frontend = foreign_frontend(p);
	target = *backend;
	target.port = target.guarded_port = port;
	error = guard_flow(&p->tuple, &frontend, &target, 0);
	if (!error)
		error = connect_flow(p, &frontend, &target, 0, flow);
	if (error)
		return error;
	flow->flags |= SEALWAY_FLOW_ARRIVED;
	flow->start = mtu - TUNNEL_BYTES - MSS_OVERHEAD;
	if (p->tuple.protocol == IPPROTO_TCP && !opens_flow(p))
		flow->flags |= SEALWAY_FLOW_ANSWERED | SEALWAY_FLOW_ESTABLISHED;
	change_both(&p->tuple, flow);
	return 0;
}

static __always_inline int deliver(struct __sk_buff *skb, const struct packet *p, const struct iphdr *outer, __u32 mtu)
{
	struct sealway_flow flow = {};
	struct sealway_backend *backend = NULL;
	__u32 now = seconds();
	struct route route;
	int error;

	if (find_flow(&p->tuple, false, &flow) && flow.flags & SEALWAY_FLOW_ARRIVED && !(flow.flags & SEALWAY_FLOW_ANSWER)) {
		backend = backend_of(flow.backend);
		if (!backend || flow.flags & (SEALWAY_FLOW_CUT | SEALWAY_FLOW_LINGERING) || timed_out(&flow, now) ||
		    !is_same(&flow, outer) || (opens_flow(p) && flow.flags & CLOSING)) {
			end_flow(&p->tuple, &flow, SEALWAY_EVENT_END);
			backend = NULL;
		}
	}
	if (!backend) {
		error = settle(p, &flow, outer, mtu);
		if (error)
			return drop(-error);
		backend = backend_of(flow.backend);
	}
	if (!backend)
		return drop(SEALWAY_DROP_BACKEND_GONE);
	track(p, &flow, now);
	route = route_to_backend(backend, true);
	return rewrite_and_send(skb, p, &flow, &route);
}

static __always_inline int deliver_fragment(struct __sk_buff *skb, const struct packet *p)
{
	struct sealway_backend *backend;
	struct sealway_flow to = {};
	struct route route;

	if (!find_first(p, &to) || !(to.flags & SEALWAY_FLOW_ARRIVED) || to.flags & SEALWAY_FLOW_ANSWER)
		return drop(SEALWAY_DROP_FRAGMENT);
	backend = backend_of(to.backend);
	if (!backend)
		return drop(SEALWAY_DROP_STALE_FLOW);
	route = route_to_backend(backend, true);
	if (write_addresses(skb, to.source, to.destination) || write_id(skb, p, &to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &route);
}

static __always_inline int deliver_error(struct __sk_buff *skb, const struct packet *p)
{
	struct sealway_backend *backend;
	struct sealway_tuple key;
	struct sealway_flow flow = {};
	struct route route;
	struct quote q;

	if (!read_quote(skb, p, &q) || p->tuple.destination != q.tuple.source)
		return drop(SEALWAY_DROP_MALFORMED);
	key = turned(&q.tuple);
	backend = find_flow(&key, false, &flow) ? backend_of(flow.backend) : NULL;
	if (!backend || !(flow.flags & SEALWAY_FLOW_ARRIVED) || flow.flags & SEALWAY_FLOW_ANSWER)
		return drop(SEALWAY_DROP_STALE_FLOW);
	route = route_to_backend(backend, true);
	if (rewrite_error(skb, p, &q, &flow))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &route);
}

/* IP in IP. What is not for a task of this host is the kernel's business. */
static __always_inline int arrive(struct __sk_buff *skb)
{
	struct packet p;
	struct iphdr outer;
	__u32 mtu = 0;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, IP_OFFSET, &outer, sizeof(outer)) ||
	    outer.protocol != IPPROTO_IPIP || !bpf_map_lookup_elem(&tasks, &outer.daddr))
		return PASS;
	if (!bpf_map_lookup_elem(&hosts, &outer.saddr))
		return drop(SEALWAY_DROP_NO_PEER);
	if (bpf_check_mtu(skb, 0, &mtu, 0, 0) < 0 || decapsulate(skb, &outer))
		return drop(SEALWAY_DROP_MALFORMED);
	switch (parse(skb, &p)) {
	case PARSED_FLOW:
		return deliver(skb, &p, &outer, mtu);
	case PARSED_FRAGMENT:
		return deliver_fragment(skb, &p);
	case PARSED_ICMP_ERROR:
		return deliver_error(skb, &p);
	default:
		return drop(SEALWAY_DROP_MALFORMED);
	}
}
