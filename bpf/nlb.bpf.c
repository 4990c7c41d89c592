/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The load balancer: one tc program for each role an interface can have.
 *
 *   uplink  ingress   packets of outside clients to a VIP
 *   host    egress    packets of this host's processes to a VIP (and what was routed to one)
 *   task    ingress   a task's answers as a target, and its packets to a VIP as a client
 *   bridge  ingress   answers of the containers behind it
 *
 * A packet that is not ours to decide passes: the kernel routes it, to the VIP's namespace if it is for a VIP.
 * What other hosts have a part in passes, too: programs that stand behind these see to it, so that nobody else's
 * packets pay for it (lib/away.h, lib/arrival.h).
 */
#include "lib/adopt.h"
#include "lib/arrival.h"
#include "lib/away.h"
#include "lib/carry.h"
#include "lib/flood.h"
#include "lib/guard.h"
#include "lib/icmp.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/reset.h"
#include "lib/route.h"
#include "lib/send.h"
#include "lib/vip.h"

static __always_inline bool is_elsewhere(const struct sealway_flow *flow)
{
	return flow->flags & (SEALWAY_FLOW_AWAY | SEALWAY_FLOW_ARRIVED) &&
	       (flow->flags & (SEALWAY_FLOW_ARRIVED | SEALWAY_FLOW_ANSWER)) !=
		       (SEALWAY_FLOW_ARRIVED | SEALWAY_FLOW_ANSWER);
}

/* A TCP SYN is nearly always a new flow's. Its entries' places are cold memory, each a wait as long as all the rest:
 * asked for together with the search for its own, they are one wait. With registers of its own, which others need. */
static __noinline int anticipate(const struct packet *p, struct opening *opening)
{
	struct sealway_tuple answer = {};

	*opening = decide(p);
	if (!opening->frontend || !opening->backend)
		return 0;
	expect_flow(&p->tuple, false);
	if (!hides_client(&p->tuple, opening->backend))
		return 0;
	name_answer(&answer, &p->tuple, opening->frontend, opening->backend);
	expect_flow(&answer, true);
	return 0;
}

/* flow: room for what is decided. */
static __always_inline int open_flow(struct __sk_buff *skb, struct packet *p, const struct opening *opening,
				     struct sealway_flow *flow, int role)
{
	struct sealway_frontend *frontend = opening->frontend;
	struct sealway_backend *backend = opening->backend;
	struct route route;
	enum stage stage;
	int error;

	if (!frontend)
		return PASS;
	stage = stage_of(p, frontend->id);
	if (stage == STAGE_NONE)
		return PASS;
	if (!backend)
		return drop(SEALWAY_DROP_BACKEND_GONE);
	if (backend->via == SEALWAY_VIA_HOST)
		return PASS;
	error = guard_flow(&p->tuple, frontend, backend, role & ANSWERS ? skb->ifindex : 0);
	if (error == NOT_OURS)
		return PASS;
	if (!error)
		error = begin_flow(stage, p, frontend, backend, role & ANSWERS ? skb->ifindex : 0, flow);
	if (error) {
		count_refused(frontend->id, -error);
		return drop(-error);
	}
	route = route_to_backend(backend, role & INGRESS);
	if (flow->flags & SEALWAY_FLOW_PROXY && proxy_packet(skb, p, flow, role & INGRESS))
		return drop(SEALWAY_DROP_REWRITE);
	return rewrite_and_send(skb, p, flow, &route);
}

static __always_inline int pass_error_on(struct __sk_buff *skb, const struct packet *p, int role)
{
	struct sealway_backend *backend;
	struct sealway_tuple key;
	struct sealway_flow flow = {};
	struct route route;
	struct quote q;

	if (!read_quote(skb, p, &q) || p->tuple.destination != q.tuple.source)
		return PASS;
	key = turned(&q.tuple);
	if (!find_in_role(&key, &flow, role) || !concerns(&flow, role) || is_elsewhere(&flow))
		return PASS;
	backend = backend_of(flow.backend);
	if (!backend)
		return PASS;
	route = flow.flags & SEALWAY_FLOW_ANSWER ? route_answer(skb, p, &flow) :
						   route_to_backend(backend, role & INGRESS);
	if (route.way == WAY_DROP || route.way == WAY_KERNEL)
		return send(skb, &route);
	if (rewrite_error(skb, p, &q, &flow))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &route);
}

/* A later fragment: as its first one went. */
static __always_inline int carry_fragment(struct __sk_buff *skb, const struct packet *p, int role)
{
	struct sealway_backend *backend;
	struct sealway_flow to = {};
	struct route route;

	if (!(role & ANSWERS) && !may_be_vip(&p->tuple.destination))
		return PASS;
	if (find_first(p, &to) && is_elsewhere(&to))
		return PASS;
	/* A target's may follow one that nlb6.bpf.c carried. What neither knows is routed to sealway0, and ends there. */
	if (!to.protocol || !concerns(&to, role))
		return !(role & ANSWERS) && is_vip(&p->tuple.destination) ? drop(SEALWAY_DROP_FRAGMENT) : PASS;
	backend = backend_of(to.backend);
	if (!backend)
		return drop(SEALWAY_DROP_STALE_FLOW);
	route = to.flags & SEALWAY_FLOW_ANSWER ? route_answer(skb, p, &to) :
						 route_to_backend(backend, role & INGRESS);
	if (route.way == WAY_DROP || route.way == WAY_KERNEL)
		return send(skb, &route);
	count_packet(to.frontend, p);
	if (write_addresses(skb, to.source, to.destination) || write_id(skb, p, &to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &route);
}

static __always_inline int handle(struct __sk_buff *skb, int role)
{
	struct sealway_flow flow;
	struct opening opening = {};
	struct packet p;
	int verdict;

	switch (parse(skb, &p)) {
	case PARSED_FLOW:
		break;
	case PARSED_ICMP_ERROR:
		return pass_error_on(skb, &p, role);
	case PARSED_FRAGMENT:
		return carry_fragment(skb, &p, role);
	case PARSED_MALFORMED:
		return role & CLIENTS && is_vip(&p.tuple.destination) ? drop(SEALWAY_DROP_MALFORMED) : PASS;
	default:
		return PASS;
	}
	if (!(role & ANSWERS) && !may_be_vip(&p.tuple.destination))
		return PASS;
	if (role & CLIENTS && p.tuple.protocol == IPPROTO_TCP && opens_flow(&p))
		anticipate(&p, &opening);
	if ((find_in_role(&p.tuple, &flow, role) || (role & ANSWERS && recall(&p, &flow))) && concerns(&flow, role)) {
		if (is_elsewhere(&flow))
			return PASS;
		verdict = carry(skb, &p, &flow, role, false);
		if (verdict != OPEN_ANEW)
			return verdict;
		if (!opens_flow(&p))
			return PASS; /* the namespace resets it */
	}
	if (!(role & CLIENTS))
		return PASS;
	if (!opening.frontend)
		opening = decide(&p);
	return open_flow(skb, &p, &opening, &flow, role);
}

SEC("tc")
int sealway_uplink(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS | INGRESS);
}

SEC("tc")
int sealway_host(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS);
}

SEC("tc")
int sealway_task(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS | ANSWERS | INGRESS);
}

SEC("tc")
int sealway_bridge(struct __sk_buff *skb)
{
	return handle(skb, ANSWERS | INGRESS);
}

SEC("tc")
int sealway_uplink_away(struct __sk_buff *skb)
{
	return handle_away(skb, CLIENTS | INGRESS);
}

SEC("tc")
int sealway_host_away(struct __sk_buff *skb)
{
	return handle_away(skb, CLIENTS);
}

SEC("tc")
int sealway_task_away(struct __sk_buff *skb)
{
	return handle_away(skb, CLIENTS | ANSWERS | INGRESS);
}

SEC("tc")
int sealway_uplink_arrival(struct __sk_buff *skb)
{
	return arrive(skb);
}

/* The ABI's enumerations, for the generator: clang describes only types that a signature reaches. Never called. */
struct enumerations {
	enum sealway_limit limit;
	enum sealway_drop_reason drop_reason;
	enum sealway_flow_flag flow_flag;
	enum sealway_frontend_flag frontend_flag;
	enum sealway_backend_state backend_state;
	enum sealway_backend_flag backend_flag;
	enum sealway_via via;
	enum sealway_event_kind event_kind;
	enum sealway_table table;
	enum sealway_maglev maglev;
	enum sealway_adopt adopt;
};

__attribute__((used, noinline)) static int describe(const struct enumerations *e)
{
	return e->limit;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
