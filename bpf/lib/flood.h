/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A listener with more uncompleted handshakes than its share of the flow table: its SYNs go on, without a flow.
 *
 * They go where Maglev says, and all that is remembered is how to rewrite the answer, in a table where every such
 * handshake has one place and the next one there takes it: it must last until the target answers, not until
 * the client does. What the client then acknowledges goes to the same target, and opens the flow: at once where the place
 * still knows the answer's number, else as soon as the target, whose SYN cookie it may be, answers by anything but
 * a reset. So a flood takes no entry of the flow table, and who waits for the answer is served.
 *
 * Over a rate for each CPU, SYNs are dropped: there the flood would take the host's time, and its target's.
 */
#pragma once

#include "connect.h"
#include "handshakes.h"

#define CANDIDATES 4 /* ports that such a flow may have at its target */

enum stage {
	STAGE_NONE, /* begins nothing */
	STAGE_OPENS,
	STAGE_OVER_LIMIT, /* opens, but its listener has had its share */
	STAGE_COMPLETES, /* an acknowledgement that may be of such a SYN's answer */
};

static __always_inline enum stage stage_of(const struct packet *p, __u32 frontend)
{
	bool opens = opens_flow(p);

	if (p->tuple.protocol != IPPROTO_TCP)
		return opens ? STAGE_OPENS : STAGE_NONE;
	if (opens)
		return uncompleted_handshakes(frontend) < handshake_limit() ? STAGE_OPENS : STAGE_OVER_LIMIT;
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_ACK)
		return STAGE_NONE;
	/* Half of it: those that were sent before a flood's end are still to come. */
	return uncompleted_handshakes(frontend) < handshake_limit() / 2 ? STAGE_NONE : STAGE_COMPLETES;
}

static __always_inline struct pending *place_of(const struct sealway_tuple *key)
{
	__u32 zero = 0, place;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	if (!c)
		return NULL;
	place = (hash_key(hash_client(c->seed, key, true), key, true) >> 32) % SEALWAY_MAX_PENDING;
	return bpf_map_lookup_elem(&pending, &place);
}

/* flow: the answer's entry. */
__noinline int keep_pending(const struct sealway_flow *flow)
{
	struct pending *place = flow ? place_of((const void *)flow) : NULL;

	if (!place)
		return -1;
	bpf_spin_lock(&place->lock);
	place->flow = *flow;
	bpf_spin_unlock(&place->lock);
	return 0;
}

/* Copies what is remembered for that answer; 0: nothing. */
__noinline int find_pending(const struct sealway_tuple *key, struct sealway_flow *copy)
{
	struct pending *place = key && copy ? place_of(key) : NULL;
	int found;

	if (!place)
		return 0;
	bpf_spin_lock(&place->lock);
	found = same_key(&place->flow, key);
	if (found)
		*copy = place->flow;
	bpf_spin_unlock(&place->lock);
	return found && !timed_out(copy, seconds());
}

/* A target's packet of no flow: whether it answers such a SYN. */
static __always_inline bool recall(const struct packet *p, struct sealway_flow *flow)
{
	if (p->tuple.protocol != IPPROTO_TCP)
		return false;
	if (!(p->tcp_flags & TCP_RST) && (p->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return false;
	if (!find_pending(&p->tuple, flow))
		return false;
	if (p->tcp_flags & TCP_SYN) {
		flow->flags |= SEALWAY_FLOW_ANSWERED;
		flow->target_fin = p->seq + 1;
		keep_pending(flow);
	}
	return true;
}

/* The number-th port that the flow may have at its target: the same for the SYN and for what completes it. */
static __always_inline void try_port(struct sealway_flow *flow, const struct sealway_tuple *t, __u32 number)
{
	struct port_range ports = ports_towards(flow);
	__u16 port = bpf_ntohs(t->source_port);

	flow->key_destination_port = t->source_port;
	if (!number && (!(flow->flags & SEALWAY_FLOW_TRANSLATED) || (port >= ports.first && port <= ports.last)))
		return;
	flow->flags |= SEALWAY_FLOW_TRANSLATED;
	flow->key_destination_port =
		bpf_htons(ports.first + mix(hash_tuple(t) + number) % (ports.last - ports.first + 1));
}

/* Whether the target knows that port by another flow. */
__noinline int is_taken(const struct sealway_flow *wanted)
{
	struct place place;
	struct home home;
	__u32 now = seconds();

	if (!wanted || !find_home((const void *)wanted, true, &home))
		return 1;
	place = at_home(&home, (const void *)wanted, true, now);
	return place.bucket && is_taken_at(&place, wanted, true, now);
}

static __always_inline bool find_port(struct sealway_flow *flow, const struct sealway_tuple *t)
{
	__u32 i;

	for (i = 0; i < CANDIDATES; i++) {
		try_port(flow, t, i);
		if (!is_taken(flow))
			return true;
	}
	return false;
}

/* Fills in flow, client to target, for a SYN over the limit; 0, or the (negative) drop reason. */
__noinline int pass_over_limit(const struct packet *p, const struct sealway_frontend *frontend,
			       const struct sealway_backend *backend, __u32 client_ifindex, struct sealway_flow *flow)
{
	int error;

	if (!p || !frontend || !backend || !flow)
		return -SEALWAY_DROP_HANDSHAKE_LIMIT;
	count_one(frontend->id, over_limit);
	if (!within_rate(frontend->id, true))
		return -SEALWAY_DROP_HANDSHAKE_LIMIT;
	error = describe_answer(p, frontend, backend, client_ifindex, flow);
	if (error)
		return error;
	if (!find_port(flow, &p->tuple))
		return -SEALWAY_DROP_HANDSHAKE_LIMIT;
	flow->flags |= SEALWAY_FLOW_PENDING;
	flow->expires = seconds() + SEALWAY_HANDSHAKE_TIMEOUT;
	keep_pending(flow);
	turn((void *)flow);
	return 0;
}

/* Whether the flow's handshake is remembered, and that acknowledges its answer; then flow has where its bytes begin. */
__noinline int is_completed(struct sealway_flow *flow, __u32 ack)
{
	struct pending *place = flow ? place_of((const void *)flow) : NULL;
	int completed;

	if (!place)
		return 0;
	bpf_spin_lock(&place->lock);
	completed = same_key(&place->flow, flow) && same_rewrite(&place->flow, flow) &&
		    place->flow.backend == flow->backend && place->flow.flags & SEALWAY_FLOW_ANSWERED &&
		    place->flow.target_fin == ack;
	if (completed)
		flow->start = place->flow.start;
	bpf_spin_unlock(&place->lock);
	return completed;
}

/* The same with any port; then flow has that, too. */
static __always_inline bool is_known(const struct packet *p, struct sealway_flow *flow)
{
	__u32 i;

	for (i = 0; i < CANDIDATES; i++) {
		try_port(flow, &p->tuple, i);
		if (is_completed(flow, p->ack))
			return true;
	}
	return false;
}

/* What nobody remembers: the target decides. Where a header is to come first, only of a packet that has nothing behind it
 * is known where. */
static __always_inline bool may_be_right(const struct packet *p, struct sealway_flow *flow)
{
	if (uncompleted_handshakes(flow->frontend) >= 2 * handshake_limit())
		return false;
	if (flow->flags & SEALWAY_FLOW_PROXY && p->payload)
		return false;
	flow->start = p->seq;
	return find_port(flow, &p->tuple);
}

/* As pass_over_limit, for an acknowledgement. */
__noinline int open_by_acknowledgement(const struct packet *p, const struct sealway_frontend *frontend,
				       const struct sealway_backend *backend, __u32 client_ifindex,
				       struct sealway_flow *flow)
{
	__u32 now = seconds();
	entry_number back;
	int error;

	if (!p || !frontend || !backend || !flow)
		return -SEALWAY_DROP_HANDSHAKE_LIMIT;
	describe_answer(p, frontend, backend, client_ifindex, flow);
	if (is_known(p, flow))
		flow->flags |= SEALWAY_FLOW_ANSWERED | SEALWAY_FLOW_ESTABLISHED;
	else if (may_be_right(p, flow))
		flow->flags |= SEALWAY_FLOW_UNPROVEN;
	else
		return -SEALWAY_DROP_HANDSHAKE_LIMIT;
	flow->expires = now + timeout_of(flow);
	back = reserve_entry((const void *)flow, flow, now, true);
	error = back < 0 ? back : enter_client(flow, &p->tuple, back, now);
	if (error)
		return error == -EEXIST ? -SEALWAY_DROP_HANDSHAKE_LIMIT : -SEALWAY_DROP_FLOW_TABLE;
	if (flow->flags & SEALWAY_FLOW_ESTABLISHED)
		count_one(frontend->id, established);
	else
		note_handshake(frontend->id, 1);
	return 0;
}

#ifdef SEALWAY_WIDE
/* With a stack of its own. */
__noinline int start_flow(const struct packet *p, const struct sealway_frontend *frontend,
			  const struct sealway_backend *backend, __u32 client_ifindex, struct sealway_flow *flow)
{
	if (!p || !frontend || !backend || !flow)
		return -SEALWAY_DROP_REWRITE;
	return connect_flow(p, frontend, backend, client_ifindex, flow);
}
#else
#define start_flow connect_flow
#endif

/* Fills in flow, client to target; 0, or the (negative) drop reason. */
static __always_inline int begin_flow(enum stage stage, const struct packet *p,
				      const struct sealway_frontend *frontend, const struct sealway_backend *backend,
				      __u32 client_ifindex, struct sealway_flow *flow)
{
	int error;

	if (stage == STAGE_OVER_LIMIT)
		return pass_over_limit(p, frontend, backend, client_ifindex, flow);
	if (stage == STAGE_COMPLETES)
		return open_by_acknowledgement(p, frontend, backend, client_ifindex, flow);
	error = start_flow(p, frontend, backend, client_ifindex, flow);
	if (!error && p->tuple.protocol == IPPROTO_TCP)
		note_handshake(frontend->id, 1);
	return error;
}
