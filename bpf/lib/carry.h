/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Who takes a new flow, and how a known one's packets go on: for targets of this host (nlb.bpf.c) and of others
 * (away.h). */
#pragma once

#include "flood.h"
#include "frontend.h"
#include "proxy.h"
#include "reset.h"
#include "send.h"

/* Who takes a new flow. frontend NULL: nobody, the namespace refuses it; backend NULL: who is gone. */
struct opening {
	struct sealway_frontend *frontend;
	struct sealway_backend *backend;
};

static __always_inline struct opening decide(const struct packet *p)
{
	struct sealway_frontend *frontend = find_frontend(&p->tuple);
	struct opening opening = {};
	__u32 id;

	if (!frontend || !choose_backend(frontend->id, hash_choice(&p->tuple, frontend), &id))
		return opening;
	opening.frontend = frontend;
	opening.backend = backend_of(id);
	return opening;
}

/* To another host by this one's routes: on an uplink the neighbour is not the target. */
static __always_inline struct route route_away(const struct sealway_backend *backend)
{
	struct route route = { .way = WAY_NEIGHBOUR, .ifindex = backend->ifindex };

	return route;
}

/* A flow both of whose halves pass here. away: its target is on another host. */
static __always_inline int carry(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow, int role, bool away)
{
	struct sealway_backend *backend = backend_of(flow->backend);
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;
	__u32 now = seconds();
	struct route route;

	if (!backend || flow->flags & SEALWAY_FLOW_CUT || timed_out(flow, now)) {
		cut_flow(&p->tuple, flow, now);
		if (answer)
			count_one(flow->frontend, resets);
		return answer ? reset_target(skb, p, SEALWAY_DROP_STALE_FLOW) : OPEN_ANEW;
	}
	if (!answer && p->tuple.protocol == IPPROTO_TCP && opens_flow(p) &&
	    ((flow->flags & CLOSING) || backend->state != SEALWAY_BACKEND_ACTIVE)) {
		end_flow(&p->tuple, flow, SEALWAY_EVENT_END);
		return OPEN_ANEW;
	}
	if (answer)
		route = route_answer(skb, p, flow);
	else
		route = away ? route_away(backend) : route_to_backend(backend, role & INGRESS);
	if (route.way != WAY_DROP && route.way != WAY_KERNEL) {
		if (flow->flags & SEALWAY_FLOW_PROXY && proxy_packet(skb, p, flow, role & INGRESS))
			return drop(SEALWAY_DROP_REWRITE);
		track(p, flow, now);
	}
	return rewrite_and_send(skb, p, flow, &route);
}
