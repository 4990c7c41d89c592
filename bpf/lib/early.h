/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What is dropped before an skb is made of it, of either width of addresses: what the program at tc would drop without an
 * answer, for the same reasons and into the same counters. Everything else passes to that one: it decides.
 *
 * What is looked at costs no established TCP connection more than finding out that it is none of this. A fragment is
 * left to the other program, even where its first one is not known: that may be in the same batch of frames, whose XDP
 * programs all run before the first of them gets there.
 */
#pragma once

#include "drop_reason.h"
#include "flood.h"
#include "frontend.h"
#include "guard.h"
#include "stats.h"
#include "vip.h"

#define NOT_FOR_US -1 /* nothing here knows a listener for it */

static __always_inline int drop_early(enum sealway_drop_reason reason)
{
	count_drop(reason);
	return XDP_DROP;
}

/* More of the frame lies where only an skb's reader gets at. */
static __always_inline bool is_whole(struct xdp_md *ctx)
{
	return frame_bytes(ctx) == ctx->data_end - ctx->data;
}

static __always_inline bool has_flow(const struct sealway_tuple *t)
{
	struct sealway_flow flow;

	return find_flow(t, false, &flow) && !(flow.flags & (SEALWAY_FLOW_ANSWER | SEALWAY_FLOW_LINGERING));
}

static __always_inline bool is_beyond_rate(const struct packet *p, const struct sealway_frontend *frontend)
{
	return p->tuple.protocol == IPPROTO_TCP && uncompleted_handshakes(frontend->id) >= handshake_limit() &&
	       !within_rate(frontend->id, false);
}

/* In the order of the program at tc; 0: it may carry the packet. */
static __always_inline int judge(const struct packet *p, const struct sealway_frontend *frontend, bool beyond_rate)
{
	struct sealway_backend *backend;
	__u32 id;
	int error;

	if (has_flow(&p->tuple) || !choose_backend(frontend->id, hash_choice(&p->tuple, frontend), &id))
		return 0;
	backend = backend_of(id);
	if (!backend)
		return 0;
	error = guard_flow(&p->tuple, frontend, backend, 0);
	if (error || !beyond_rate)
		return -error;
	count_one(frontend->id, over_limit);
	return SEALWAY_DROP_HANDSHAKE_LIMIT;
}

/* A packet of a VIP's. */
static __always_inline int look_at(const struct packet *p)
{
	struct sealway_frontend *frontend;
	bool beyond_rate;
	int reason;

	if (!opens_flow(p) || (p->tuple.protocol == IPPROTO_UDP && has_flow(&p->tuple)))
		return XDP_PASS;
	frontend = find_frontend(&p->tuple);
	if (!frontend)
		return has_flow(&p->tuple) ? XDP_PASS : NOT_FOR_US;
	beyond_rate = is_beyond_rate(p, frontend);
	if (!beyond_rate &&
	    allows(frontend->ingress, &p->tuple.source, p->tuple.protocol, p->tuple.destination_port))
		return XDP_PASS;
	reason = judge(p, frontend, beyond_rate);
	if (!reason)
		return XDP_PASS;
	count_refused(frontend->id, reason);
	return drop_early(reason);
}
