/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Fragments: only a datagram's first one names ports, the others follow it.
 *
 * The first is carried as any packet is, and leaves behind what became of its addresses. A later one finds that by
 * addresses, protocol and identification, for as long as an end would wait for it. One that comes without its first is
 * dropped: nothing is held back here. The table is bounded and nobody else's, so that a flood of fragments
 * only takes turns with itself.
 *
 * A fragment's identification is unique for its two addresses; once these are others (two clients hidden
 * behind one VIP), two datagrams could be mixed up. So a number made of the old addresses is added: what was apart
 * of one sender's stays apart, and of two senders' meets as rarely as random numbers do.
 */
#pragma once

#include "flow.h"

/* Who includes this says how an identification is written, and whether it is the protocol's own. */
static __always_inline int write_id(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to);

#define FRAGMENT_TIMEOUT 30 /* seconds; as long as Linux waits for the rest */

static __always_inline bool is_first_fragment(const struct packet *p)
{
	return p->fragment & IP_MORE_FRAGMENTS;
}

static __always_inline struct sealway_fragment_key fragment_key(const struct packet *p)
{
	struct sealway_fragment_key key = {
		.source = p->tuple.source,
		.destination = p->tuple.destination,
		.id = p->id,
		.protocol = FRAGMENT_PROTOCOL(p),
	};

	return key;
}

/* The first fragment: the others shall follow it. */
static __always_inline void remember_first(const struct packet *p, const struct sealway_flow *to)
{
	struct sealway_fragment_key key = fragment_key(p);
	struct sealway_fragment value = {};

	value.source = to->source;
	value.destination = to->destination;
	value.backend = to->backend;
	value.client_ifindex = to->client_ifindex;
	value.flags = to->flags;
	value.frontend = to->frontend;
	value.expires = seconds() + FRAGMENT_TIMEOUT;
	bpf_map_update_elem(&fragments, &key, &value, BPF_ANY);
}

/* The first fragment, rewritten. Not static, so that it has a stack of its own. */
__noinline int lead_fragments(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	if (!p || !to)
		return -1;
	remember_first(p, to);
	return write_id(skb, p, to);
}

/* What its first fragment left behind, as far as a flow has it; false: nothing, or it is too old. */
static __always_inline bool find_first(const struct packet *p, struct sealway_flow *to)
{
	struct sealway_fragment_key key = fragment_key(p);
	struct sealway_fragment *found = bpf_map_lookup_elem(&fragments, &key);

	if (!found || seconds() > found->expires)
		return false;
	to->protocol = p->tuple.protocol;
	to->source = found->source;
	to->destination = found->destination;
	to->backend = found->backend;
	to->client_ifindex = found->client_ifindex;
	to->flags = found->flags;
	to->frontend = found->frontend;
	return true;
}
