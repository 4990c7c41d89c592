/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The two directions of a flow in one entry. It stands as the client's packets need it: the key is theirs, and the rest is
 * what they become. An answer comes from where those go to, and gets the key's addresses, turned around; so the same entry
 * serves it, where its flags say so.
 */
#pragma once

#include "packet.h"

#define KEY_WORDS (sizeof(struct sealway_tuple) / sizeof(__u64))
#define SIDES (SEALWAY_FLOW_FORWARD | SEALWAY_FLOW_ANSWER)

static __always_inline __u32 side_of(bool answer)
{
	return answer ? SEALWAY_FLOW_ANSWER : SEALWAY_FLOW_FORWARD;
}

static __always_inline bool same_key(const void *a, const void *b)
{
	const whole_word *x = a, *y = b;

	__u64 differences = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < KEY_WORDS; i++)
		differences |= x[i] ^ y[i];
	return !differences;
}

/* Whether it is for packets with that tuple. */
static __always_inline bool leads(const struct sealway_entry *entry, const struct sealway_tuple *t, bool answer)
{
	return (answer ? comes_back(entry, t) : same_key(entry, t)) && entry->flags & side_of(answer);
}

/* What the other direction's packets look like. */
static __always_inline struct sealway_tuple twin_key(const struct sealway_flow *flow, __u8 protocol)
{
	struct sealway_tuple key = {
		.source = flow->destination,
		.destination = flow->source,
		.source_port = flow->destination_port,
		.destination_port = flow->source_port,
		.protocol = protocol,
	};

	return key;
}

/* The other direction. */
static __always_inline void turn(struct sealway_entry *flow)
{
	sealway_address source = flow->source, destination = flow->destination;
	__be16 source_port = flow->source_port, destination_port = flow->destination_port;

	flow->source = flow->key_destination;
	flow->destination = flow->key_source;
	flow->source_port = flow->key_destination_port;
	flow->destination_port = flow->key_source_port;
	flow->key_source = destination;
	flow->key_destination = source;
	flow->key_source_port = destination_port;
	flow->key_destination_port = source_port;
	flow->flags ^= SEALWAY_FLOW_ANSWER;
}
