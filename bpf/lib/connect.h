/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A new flow: both its entries, and the address and port the target shall see.
 *
 * The target knows a connection by (its own address, the peer's), so that pair must be unique: the answer's
 * entry is inserted first and must not be another flow's, living or in the target's TIME_WAIT. Where it is,
 * the peer's port is translated; the address stays as decided.
 */
#pragma once

#include "flow.h"
#include "maglev.h"
#include "stats.h"

#define PORT_TRIES 32
#define PORT_COUNT (SEALWAY_LAST_PORT - SEALWAY_FIRST_PORT + 1)

/* Inserts the answer's entry, translating its key's destination port if need be. */
static __always_inline int insert_answer(struct sealway_flow *answer, __u32 hash)
{
	__u16 port = bpf_ntohs(answer->key_destination_port);
	__u32 flags = answer->flags;
	int error = -EEXIST;
	int i;

	if (!(flags & SEALWAY_FLOW_TRANSLATED) || (port >= SEALWAY_FIRST_PORT && port <= SEALWAY_LAST_PORT))
		error = insert_flow(answer);
	if (error != -EEXIST)
		return error;
	answer->flags |= SEALWAY_FLOW_TRANSLATED;
	for (i = 0; i < PORT_TRIES && error == -EEXIST; i++) {
		hash = mix(hash + i + 1);
		answer->key_destination_port = bpf_htons(SEALWAY_FIRST_PORT + hash % PORT_COUNT);
		error = insert_flow(answer);
	}
	return error;
}

/* Fills in flow, client to target; 0, or the (negative) drop reason. */
static __always_inline int connect_flow(const struct packet *p, const struct sealway_frontend *frontend,
					const struct sealway_backend *backend, __u32 client_ifindex,
					struct sealway_flow *flow)
{
	const struct sealway_tuple *t = &p->tuple;
	bool hide = (frontend->flags & SEALWAY_FRONTEND_HIDE_CLIENT) || t->source == backend->address;
	struct sealway_flow answer = {
		.key_source = backend->address,
		.key_destination = hide ? t->destination : t->source,
		.key_source_port = backend->port,
		.key_destination_port = t->source_port,
		.protocol = t->protocol,
		.source = t->destination,
		.destination = t->source,
		.source_port = t->destination_port,
		.destination_port = t->source_port,
		.backend = backend->id,
		.frontend = frontend->id,
		.idle_timeout = frontend->idle_timeout,
		.client_ifindex = client_ifindex,
		.flags = SEALWAY_FLOW_ANSWER | (hide ? SEALWAY_FLOW_TRANSLATED : 0),
	};
	int error;

	answer.expires = seconds() + timeout_of(&answer);
	error = insert_answer(&answer, hash_tuple(t));
	if (error)
		return error == -EEXIST ? -SEALWAY_DROP_PORTS_EXHAUSTED : -SEALWAY_DROP_FLOW_TABLE;
	*flow = answer;
	flow->key_source = t->source;
	flow->key_destination = t->destination;
	flow->key_source_port = t->source_port;
	flow->key_destination_port = t->destination_port;
	flow->source = answer.key_destination;
	flow->destination = answer.key_source;
	flow->source_port = answer.key_destination_port;
	flow->destination_port = answer.key_source_port;
	flow->flags = answer.flags & ~SEALWAY_FLOW_ANSWER;
	if (insert_flow(flow)) {
		change_flow((const void *)&answer, NULL);
		return -SEALWAY_DROP_FLOW_TABLE;
	}
	count_new_flow(frontend->id);
	return 0;
}
