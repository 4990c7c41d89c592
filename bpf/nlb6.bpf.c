/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The load balancer where IPv6 is on either side of it: one tc program for each role an interface can have.
 *
 * They stand behind nlb.bpf.c's at the same hooks and see what those let pass: IPv6 packets, and IPv4 packets of
 * flows whose other end speaks IPv6. So an IPv4 flow never pays for them. The maps are their own (the loader
 * pins them with a 6), but for the drops' counts. See nlb.bpf.c for the roles.
 */
#define SEALWAY_WIDE
#include "lib/adopt.h"
#include "lib/flood.h"
#include "lib/frontend.h"
#include "lib/fragment6.h"
#include "lib/guard.h"
#include "lib/icmp6.h"
#include "lib/mss6.h"
#include "lib/proxy.h"
#include "lib/reset6.h"
#include "lib/route6.h"

/* Too large for the stack. One packet's at a time: tc programs do not interrupt one another. */
struct scratch {
	struct packet packet;
	struct sealway_flow flow;
	struct quote quote;
	struct route route;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline int drop_if_for_vip(const struct packet *p, int role, enum sealway_drop_reason reason)
{
	return role & CLIENTS && is_vip(&p->tuple.destination) ? drop(reason) : PASS;
}

/* Not static, as some of the others: each has a stack of its own, and the verifier goes through it once. */
__noinline int write_packet(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	if (!p || !to)
		return -1;
	return clamp(skb, p, to) || rewrite(skb, p, to) ? -1 : 0;
}

static __always_inline int rewrite_and_send(struct __sk_buff *skb, const struct packet *p,
					    const struct sealway_flow *to, const struct route *route, int ingress)
{
	if (route->way == WAY_DROP && route->mtu)
		return tell_too_big(skb, p, route->mtu, ingress);
	if (is_refused(route))
		return send(skb, route);
	if (is_across_versions(p, to) ? !translatable(skb, p) : is_ipv4_packet(p) && is_first_fragment(p))
		return drop(SEALWAY_DROP_UNTRANSLATABLE);
	count_packet(to->frontend, p);
	if (write_packet(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	if (is_first_fragment(p) && lead_fragments(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, route);
}

__noinline int read_packet(struct __sk_buff *skb, struct packet *to)
{
	struct packet p;
	int parsed;

	if (!to)
		return PARSED_OTHER;
	parsed = parse(skb, &p);
	*to = p;
	return parsed;
}

__noinline int follow_flow(const struct packet *p, struct sealway_flow *flow, __u32 now)
{
	if (!p || !flow)
		return 0;
	track(p, flow, now);
	return 0;
}

__noinline int admit_flow(const struct sealway_tuple *t, const struct sealway_frontend *frontend,
			  const struct sealway_backend *backend, __u32 client_ifindex)
{
	if (!t || !frontend || !backend)
		return -SEALWAY_DROP_REWRITE;
	return guard_flow(t, frontend, backend, client_ifindex);
}

static __always_inline int open_flow(struct __sk_buff *skb, struct packet *p, struct scratch *s, int role)
{
	struct sealway_frontend *frontend = find_frontend(&p->tuple);
	struct sealway_backend *backend;
	enum stage stage;
	__u32 id;
	int error;

	if (!frontend)
		return PASS;
	stage = stage_of(p, frontend->id);
	if (stage == STAGE_NONE)
		return PASS;
	if (!choose_backend(frontend->id, hash_choice(&p->tuple, frontend), &id))
		return PASS; /* the namespace refuses it */
	backend = backend_of(id);
	if (!backend)
		return drop(SEALWAY_DROP_BACKEND_GONE);
	error = admit_flow(&p->tuple, frontend, backend, role & TARGETS ? skb->ifindex : 0);
	if (error == NOT_OURS)
		return PASS;
	if (!error)
		error = begin_flow(stage, p, frontend, backend, role & TARGETS ? skb->ifindex : 0, &s->flow);
	if (error) {
		count_refused(frontend->id, -error);
		return drop(-error);
	}
	choose_route(skb, p, &s->flow, backend, role & INGRESS, &s->route);
	if (s->flow.flags & SEALWAY_FLOW_PROXY && proxy_packet(skb, p, &s->flow, role & INGRESS))
		return drop(SEALWAY_DROP_REWRITE);
	return rewrite_and_send(skb, p, &s->flow, &s->route, role & INGRESS);
}

static __always_inline int carry(struct __sk_buff *skb, struct packet *p, struct scratch *s, int role)
{
	struct sealway_flow *flow = &s->flow;
	struct sealway_backend *backend = backend_of(flow->backend);
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;
	__u32 now = seconds();

	if (backend && speaks_falsely(flow, backend, role))
		return PASS;
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
	choose_route(skb, p, flow, backend, role & INGRESS, &s->route);
	if (!is_refused(&s->route)) {
		if (flow->flags & SEALWAY_FLOW_PROXY && proxy_packet(skb, p, flow, role & INGRESS))
			return drop(SEALWAY_DROP_REWRITE);
		follow_flow(p, flow, now);
	}
	return rewrite_and_send(skb, p, flow, &s->route, role & INGRESS);
}

static __always_inline int pass_error_on(struct __sk_buff *skb, const struct packet *p, struct scratch *s, int role)
{
	struct sealway_backend *backend;
	struct sealway_tuple key;
	int result;

	if (!read_quote(skb, p, &s->quote) || !same_address(&p->tuple.destination, &s->quote.tuple.source))
		return PASS;
	key = turned(&s->quote.tuple);
	if (!find_in_role(&key, &s->flow, role) || !concerns(&s->flow, role))
		return PASS;
	backend = backend_of(s->flow.backend);
	if (!backend || speaks_falsely(&s->flow, backend, role))
		return PASS;
	choose_route(skb, p, &s->flow, backend, role & INGRESS, &s->route);
	if (is_refused(&s->route))
		return send(skb, &s->route);
	result = rewrite_error(skb, p, &s->quote, &s->flow);
	if (result)
		return result > 0 ? PASS : drop(SEALWAY_DROP_REWRITE);
	return send(skb, &s->route);
}

__noinline int write_later(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	if (!p || !to)
		return -1;
	if (is_across_versions(p, to))
		return translate(skb, p, to);
	return write_addresses(skb, p, to) || write_id(skb, p, to) ? -1 : 0;
}

/* A later fragment: as its first one went. */
static __always_inline int carry_fragment(struct __sk_buff *skb, const struct packet *p, struct scratch *s, int role)
{
	struct sealway_flow *to = &s->flow;
	struct sealway_backend *backend;

	if (!(role & TARGETS) && !may_be_vip(&p->tuple.destination))
		return PASS;
	if (!find_first(p, to) || !concerns(to, role))
		return drop_if_for_vip(p, role, SEALWAY_DROP_FRAGMENT);
	backend = backend_of(to->backend);
	if (!backend)
		return drop(SEALWAY_DROP_STALE_FLOW);
	if (speaks_falsely(to, backend, role))
		return PASS;
	choose_route(skb, p, to, backend, role & INGRESS, &s->route);
	if (is_refused(&s->route))
		return send(skb, &s->route);
	if (is_across_versions(p, to) && !translatable(skb, p))
		return drop(SEALWAY_DROP_UNTRANSLATABLE);
	count_packet(to->frontend, p);
	if (write_later(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, &s->route);
}

static __always_inline int handle(struct __sk_buff *skb, int role)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct packet *p;
	int verdict;

	if (!s)
		return PASS;
	p = &s->packet;
	switch (read_packet(skb, p)) {
	case PARSED_FLOW:
		break;
	case PARSED_ICMP_ERROR:
		return pass_error_on(skb, p, s, role);
	case PARSED_FRAGMENT:
		return carry_fragment(skb, p, s, role);
	case PARSED_MALFORMED:
		return drop_if_for_vip(p, role, SEALWAY_DROP_MALFORMED);
	default:
		return PASS;
	}
	if (!(role & TARGETS) && !may_be_vip(&p->tuple.destination))
		return PASS;
	if ((find_in_role(&p->tuple, &s->flow, role) || (role & ANSWERS && recall(p, &s->flow))) && concerns(&s->flow, role)) {
		verdict = carry(skb, p, s, role);
		if (verdict != OPEN_ANEW)
			return verdict;
		if (!opens_flow(p))
			return PASS; /* the namespace resets it */
	}
	return role & CLIENTS ? open_flow(skb, p, s, role) : PASS;
}

SEC("tc")
int sealway_uplink6(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS | ANSWERS | INGRESS);
}

SEC("tc")
int sealway_host6(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS);
}

SEC("tc")
int sealway_task6(struct __sk_buff *skb)
{
	return handle(skb, CLIENTS | ANSWERS | INGRESS | TARGETS);
}

SEC("tc")
int sealway_bridge6(struct __sk_buff *skb)
{
	return handle(skb, ANSWERS | INGRESS | TARGETS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
