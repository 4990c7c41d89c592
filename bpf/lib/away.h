/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Targets on other hosts: what the load balancer's programs let pass because of these comes here.
 *
 * A hidden client's flow is like any other; its packets follow this host's routes, and so do the answers. A client
 * who is seen goes through a tunnel (half.h).
 */
#pragma once

#include "carry.h"
#include "guard.h"
#include "half.h"
#include "icmp.h"

/* 0, or the (negative) drop reason. What is over the limit of flood.h is dropped. */
static __always_inline int enter_both(enum stage stage, const struct packet *p, const struct sealway_frontend *frontend,
				      const struct sealway_backend *backend, __u32 client_ifindex,
				      struct sealway_flow *flow)
{
	if (stage == STAGE_OPENS)
		return begin_flow(stage, p, frontend, backend, client_ifindex, flow);
	count_one(frontend->id, over_limit);
	return -SEALWAY_DROP_HANDSHAKE_LIMIT;
}

/* Over and over again, as if it had just come: now it is a target's of this host. */
static __always_inline int start_over(struct __sk_buff *skb, int role)
{
	return bpf_redirect(skb->ifindex, role & INGRESS ? BPF_F_INGRESS : 0);
}

static __always_inline int begin_away(struct __sk_buff *skb, struct packet *p, enum stage stage,
				      const struct sealway_frontend *frontend, const struct sealway_backend *backend,
				      struct sealway_flow *flow, int role)
{
	bool hide = hides_client(&p->tuple, backend);
	struct route route = route_away(backend);
	__u32 client = role & ANSWERS ? skb->ifindex : 0;
	int error = hide ? enter_both(stage, p, frontend, backend, client, flow) :
			   enter_half(stage, p, frontend, backend, flow);

	if (error) {
		count_refused(frontend->id, -error);
		return drop(-error);
	}
	if (!hide)
		return send_away(skb, p, flow, role);
	flow->flags |= SEALWAY_FLOW_AWAY;
	change_both(&p->tuple, flow);
	if (flow->flags & SEALWAY_FLOW_PROXY && proxy_packet(skb, p, flow, role & INGRESS))
		return drop(SEALWAY_DROP_REWRITE);
	return rewrite_and_send(skb, p, flow, &route);
}

/* anew: nobody but this program knows that the flow before is over. */
static __always_inline int open_away(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow, int role,
				     bool anew)
{
	struct opening opening = decide(p);
	struct sealway_frontend *frontend = opening.frontend;
	struct sealway_backend *backend = opening.backend;
	enum stage stage;
	int error;

	if (!frontend)
		return PASS;
	stage = stage_of(p, frontend->id);
	if (stage == STAGE_NONE)
		return PASS;
	if (!backend)
		return drop(SEALWAY_DROP_BACKEND_GONE);
	if (backend->via != SEALWAY_VIA_HOST)
		return anew ? start_over(skb, role) : PASS;
	error = guard_flow(&p->tuple, frontend, backend, role & ANSWERS ? skb->ifindex : 0);
	if (error == NOT_OURS)
		return PASS;
	if (error) {
		count_refused(frontend->id, -error);
		return drop(-error);
	}
	return begin_away(skb, p, stage, frontend, backend, flow, role);
}

/* A later fragment of such a flow. */
static __always_inline int carry_fragment_away(struct __sk_buff *skb, const struct packet *p, struct sealway_flow *to,
					       int role)
{
	struct sealway_backend *backend;
	struct route route;

	if (!find_first(p, to) || !(to->flags & SEALWAY_FLOW_AWAY))
		return PASS;
	if (is_tunnelled(to))
		return tunnel_on(skb, p, to, role);
	backend = backend_of(to->backend);
	if (!backend)
		return drop(SEALWAY_DROP_STALE_FLOW);
	route = to->flags & SEALWAY_FLOW_ANSWER ? route_answer(skb, p, to) : route_away(backend);
	if (route.way == WAY_DROP || route.way == WAY_KERNEL)
		return send(skb, &route);
	count_packet(to->frontend, p);
	if (write_addresses(skb, to->source, to->destination) || write_id(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &route);
}

/* An error about a packet of such a flow. */
static __always_inline int carry_error_away(struct __sk_buff *skb, const struct packet *p, struct sealway_flow *flow,
					    int role)
{
	struct sealway_backend *backend;
	struct sealway_tuple key;
	struct route route;
	struct quote q;

	if (!read_quote(skb, p, &q) || p->tuple.destination != q.tuple.source)
		return PASS;
	key = turned(&q.tuple);
	if (!find_in_role(&key, flow, CLIENTS | ANSWERS) || !(flow->flags & SEALWAY_FLOW_AWAY))
		return PASS;
	if (is_tunnelled(flow))
		return tunnel_on(skb, p, flow, role);
	backend = backend_of(flow->backend);
	if (!backend)
		return PASS;
	route = flow->flags & SEALWAY_FLOW_ANSWER ? route_answer(skb, p, flow) : route_away(backend);
	if (route.way == WAY_DROP || route.way == WAY_KERNEL)
		return send(skb, &route);
	return rewrite_error(skb, p, &q, flow) ? drop(SEALWAY_DROP_REWRITE) : send(skb, &route);
}

static __always_inline int handle_away(struct __sk_buff *skb, int role)
{
	struct sealway_flow flow = {};
	struct packet p;
	int verdict;

	switch (parse(skb, &p)) {
	case PARSED_FLOW:
		break;
	case PARSED_ICMP_ERROR:
		return carry_error_away(skb, &p, &flow, role);
	case PARSED_FRAGMENT:
		return carry_fragment_away(skb, &p, &flow, role);
	default:
		return PASS;
	}
	if (!may_be_vip(&p.tuple.destination))
		return PASS;
	/* A hidden client's answers come back by the way that its packets took. */
	if (!find_in_role(&p.tuple, &flow, CLIENTS | ANSWERS))
		return open_away(skb, &p, &flow, role, false);
	if (!(flow.flags & SEALWAY_FLOW_AWAY))
		return PASS;
	if (is_tunnelled(&flow))
		verdict = carry_tunnelled(skb, &p, &flow, role);
	else
		verdict = flow.flags & SEALWAY_FLOW_LINGERING ? OPEN_ANEW : carry(skb, &p, &flow, role, true);
	return verdict == OPEN_ANEW ? open_away(skb, &p, &flow, role, true) : verdict;
}
