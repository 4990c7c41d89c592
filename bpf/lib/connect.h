/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A new flow: both its entries, and the address and port the target shall see.
 *
 * The target knows a connection by (its own address, the peer's), so that pair must be unique: the answer's
 * entry gets its place first, and its key must not be another flow's, living or in the target's TIME_WAIT. Where
 * it is, the peer's port is translated; the address stays as decided.
 */
#pragma once

#include "flow.h"
#include "maglev.h"
#include "stats.h"

#define PORT_TRIES 32

/* A place for the answer's entry, its key's destination port translated if need be. */
static __always_inline entry_number place_answer(struct sealway_flow *answer, __u32 hash, __u32 now)
{
	struct port_range ports = ports_towards(answer);
	__u16 port = bpf_ntohs(answer->key_destination_port);
	__u32 flags = answer->flags;
	entry_number place = -EEXIST;
	int i;

	if (!(flags & SEALWAY_FLOW_TRANSLATED) || (port >= ports.first && port <= ports.last))
		place = reserve_entry((const void *)answer, answer, now, true);
	if (place != -EEXIST)
		return place;
	answer->flags |= SEALWAY_FLOW_TRANSLATED;
	for (i = 0; i < PORT_TRIES && place == -EEXIST; i++) {
		hash = mix(hash + i + 1);
		answer->key_destination_port = bpf_htons(ports.first + hash % (ports.last - ports.first + 1));
		place = reserve_entry((const void *)answer, answer, now, true);
	}
	return place;
}

/* Whether the target sees the load balancer's address in place of the client's. */
static __always_inline bool hides_client(const struct sealway_tuple *t, const struct sealway_backend *backend)
{
	return (backend->flags & SEALWAY_BACKEND_HIDE_CLIENT) || is_across(t, backend) ||
	       same_address(&t->source, &backend->address);
}

static __always_inline bool wants_header(const struct packet *p, const struct sealway_backend *backend)
{
	return backend->flags & SEALWAY_BACKEND_PROXY && p->tuple.protocol == IPPROTO_TCP;
}

/* What the target's packets will look like, if no port needs translation. */
static __always_inline void name_answer(struct sealway_tuple *answer, const struct sealway_tuple *t,
					const struct sealway_frontend *frontend,
					const struct sealway_backend *backend)
{
	answer->source = backend->address;
	answer->destination = hides_client(t, backend) ? hidden_behind(t, frontend, backend) : t->source;
	answer->source_port = backend->port;
	answer->destination_port = t->source_port;
	answer->protocol = t->protocol;
}

/* Fills in flow, client to target, as long as no port is translated, but for how long it lives; 0, or the (negative) drop
 * reason. */
static __always_inline int describe_flow(const struct packet *p, const struct sealway_frontend *frontend,
					 const struct sealway_backend *backend, __u32 client_ifindex,
					 struct sealway_flow *flow)
{
	const struct sealway_tuple *t = &p->tuple;
	bool hide = hides_client(t, backend);

	if (wants_header(p, backend) && p->payload && opens_flow(p))
		return -SEALWAY_DROP_FAST_OPEN;
	__builtin_memset(flow, 0, sizeof(*flow));
	*(struct sealway_tuple *)flow = *t;
	flow->source = hide ? hidden_behind(t, frontend, backend) : t->source;
	flow->destination = backend->address;
	flow->source_port = t->source_port;
	flow->destination_port = backend->port;
	flow->backend = backend->id;
	flow->frontend = frontend->id;
	flow->idle_timeout = frontend->idle_timeout;
	flow->client_ifindex = client_ifindex;
	flow->flags = hide ? SEALWAY_FLOW_TRANSLATED : 0;
	if (wants_header(p, backend)) {
		flow->flags |= SEALWAY_FLOW_PROXY;
		flow->start = p->seq + 1;
	}
	return 0;
}

/* The same as the answer's. */
static __always_inline int describe_answer(const struct packet *p, const struct sealway_frontend *frontend,
					   const struct sealway_backend *backend, __u32 client_ifindex,
					   struct sealway_flow *flow)
{
	int error = describe_flow(p, frontend, backend, client_ifindex, flow);

	if (!error)
		turn((void *)flow);
	return error;
}

static __always_inline void note_begin(const struct sealway_flow *flow)
{
	count_one(flow->frontend, new_flows);
	tell(flow, SEALWAY_EVENT_START);
}

/* The answer has its place: fills both, and makes flow the client's; 0, or the (negative) error. */
static __always_inline int enter_client(struct sealway_flow *flow, const struct sealway_tuple *t,
					entry_number back, __u32 now)
{
	entry_number there = reserve_entry(t, flow, now, false);

	if (there < 0) {
		give_back(back);
		return there;
	}
	write_entry(back, flow, true, SEALWAY_FLOW_ANSWER);
	turn((void *)flow);
	write_entry(there, flow, false, SEALWAY_FLOW_FORWARD);
	note_begin(flow);
	return 0;
}

/* Fills in flow, client to target; 0, or the (negative) drop reason. */
static __always_inline int connect_flow(const struct packet *p, const struct sealway_frontend *frontend,
					const struct sealway_backend *backend, __u32 client_ifindex,
					struct sealway_flow *flow)
{
	int error = describe_flow(p, frontend, backend, client_ifindex, flow);
	__u32 now = seconds();
	entry_number place;

	if (error)
		return error;
	flow->expires = now + timeout_of(flow);
	place = flow->flags & SEALWAY_FLOW_TRANSLATED ? -ENOSPC : reserve_both(flow, now);
	if (place >= 0) {
		write_entry(place, flow, false, SIDES);
		note_begin(flow);
		return 0;
	}
	turn((void *)flow);
	place = place_answer(flow, hash_tuple(&p->tuple), now);
	if (place < 0)
		return place == -EEXIST ? -SEALWAY_DROP_PORTS_EXHAUSTED : -SEALWAY_DROP_FLOW_TABLE;
	return enter_client(flow, &p->tuple, place, now) ? -SEALWAY_DROP_FLOW_TABLE : 0;
}
