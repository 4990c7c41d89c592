/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* How a flow lives and ends. Its directions share an entry of the table, or have two with the same state.
 *
 * It is established once the client has acknowledged the target's SYN-ACK, which nobody can who only
 * pretends to be the client. It is over when both FINs are acknowledged or the target resets: it goes
 * at once. A client's RST only marks it, since anybody can forge one: a marked flow goes on if more
 * packets come, and a SYN decides anew. What falls silent times out.
 */
#pragma once

#include "entries.h"
#include "event.h"
#include "handshakes.h"
#include "stats.h"

#define CLOSING (BOTH_FINS | SEALWAY_FLOW_CLIENT_RESET)
#define SLACK 32 /* a flow may live this part of its timeout longer, so that few packets write its end */
#define BOTH_ACKED (SEALWAY_FLOW_CLIENT_FIN_ACKED | SEALWAY_FLOW_TARGET_FIN_ACKED)

static __always_inline struct sealway_tuple turned(const struct sealway_tuple *tuple)
{
	struct sealway_tuple key = {
		.source = tuple->destination,
		.destination = tuple->source,
		.source_port = tuple->destination_port,
		.destination_port = tuple->source_port,
		.protocol = tuple->protocol,
	};

	return key;
}

/* Gives both directions that state (as: NULL, frees them). flow: as found by the key. Whether there was the other one. */
static __always_inline bool change_sides(const struct sealway_tuple *key, const struct sealway_flow *flow,
					 const struct sealway_flow *as)
{
	struct sealway_tuple twin = twin_key(flow, key->protocol);
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;

	return change_flow(key, as, answer, SIDES) == SIDES || change_flow(&twin, as, !answer, SIDES);
}

static __always_inline bool change_both(const struct sealway_tuple *key, const struct sealway_flow *as)
{
	return change_sides(key, as, as);
}

/* NULL when the flow's backend was removed: its slot is free, or has another tenant. */
static __always_inline struct sealway_backend *backend_of(__u32 id)
{
	__u32 slot = id & 0xffff;
	struct sealway_backend *backend = bpf_map_lookup_elem(&backends, &slot);

	if (!backend || backend->id != id || backend->state == SEALWAY_BACKEND_FREE)
		return NULL;
	return backend;
}

/* When the target closed first, its side of the pair stays: another client's SYN would meet its TIME_WAIT. */
static __always_inline void end_flow(const struct sealway_tuple *key, struct sealway_flow *flow,
				     enum sealway_event_kind how)
{
	struct sealway_tuple twin = twin_key(flow, key->protocol);
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;

	if (flow->flags & SEALWAY_FLOW_PENDING)
		return;
	if (!(flow->flags & SEALWAY_FLOW_ESTABLISHED) && key->protocol == IPPROTO_TCP)
		note_handshake(flow->frontend, -1);
	if (!(flow->flags & SEALWAY_FLOW_CLIENT_RESET))
		tell(flow, how);
	if (!(flow->flags & SEALWAY_FLOW_TARGET_FIRST)) {
		change_sides(key, flow, NULL);
		return;
	}
	flow->flags = (flow->flags & ~SEALWAY_FLOW_ESTABLISHED) | SEALWAY_FLOW_LINGERING;
	flow->expires = seconds() + timeout_of(flow);
	change_flow(answer ? &twin : key, NULL, false, SEALWAY_FLOW_FORWARD);
	change_flow(answer ? key : &twin, flow, true, SEALWAY_FLOW_ANSWER);
}

/* Without a target, or idle too long: each end is told when it next sends, so the other's entry stays a while. */
static __always_inline void cut_flow(const struct sealway_tuple *key, struct sealway_flow *flow, __u32 now)
{
	struct sealway_tuple twin = twin_key(flow, key->protocol);
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;

	change_flow(key, NULL, answer, side_of(answer));
	if (!(flow->flags & (SEALWAY_FLOW_CUT | SEALWAY_FLOW_CLIENT_RESET)))
		tell(flow, SEALWAY_EVENT_CUT);
	flow->flags &= ~SEALWAY_FLOW_ESTABLISHED;
	flow->expires = now + SEALWAY_HANDSHAKE_TIMEOUT;
	flow->flags |= SEALWAY_FLOW_CUT;
	change_flow(&twin, flow, !answer, SIDES);
}

static __always_inline bool acknowledges(const struct packet *p, __u32 sequence)
{
	return (p->tcp_flags & TCP_ACK) && (__s32)(p->ack - sequence) >= 0;
}

/* How far the handshake has come. */
static __always_inline __u32 handshake(const struct packet *p, struct sealway_flow *flow)
{
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;

	if (p->tuple.protocol == IPPROTO_UDP)
		return answer ? SEALWAY_FLOW_ESTABLISHED : 0;
	if (answer && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		flow->target_fin = p->seq + 1;
		return SEALWAY_FLOW_ANSWERED;
	}
	if (answer && flow->flags & SEALWAY_FLOW_UNPROVEN && !(p->tcp_flags & TCP_RST))
		return SEALWAY_FLOW_ESTABLISHED;
	if (!answer && (flow->flags & SEALWAY_FLOW_ANSWERED) && acknowledges(p, flow->target_fin))
		return SEALWAY_FLOW_ESTABLISHED;
	return 0;
}

/* What this TCP packet adds to the flow's end. */
static __always_inline __u32 closing(const struct packet *p, struct sealway_flow *flow)
{
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;
	__u32 flags = 0;

	if ((p->tcp_flags & TCP_RST) && !answer)
		flags |= SEALWAY_FLOW_CLIENT_RESET;
	if (answer && (flow->flags & SEALWAY_FLOW_CLIENT_FIN) && acknowledges(p, flow->client_fin))
		flags |= SEALWAY_FLOW_CLIENT_FIN_ACKED;
	if (!answer && (flow->flags & SEALWAY_FLOW_TARGET_FIN) && acknowledges(p, flow->target_fin))
		flags |= SEALWAY_FLOW_TARGET_FIN_ACKED;
	if (!(p->tcp_flags & TCP_FIN))
		return flags;
	if (answer && !(flow->flags & SEALWAY_FLOW_TARGET_FIN)) {
		flow->target_fin = p->seq + p->payload + 1;
		flags |= SEALWAY_FLOW_TARGET_FIN;
		if (!(flow->flags & SEALWAY_FLOW_CLIENT_FIN))
			flags |= SEALWAY_FLOW_TARGET_FIRST;
	}
	if (!answer && !(flow->flags & SEALWAY_FLOW_CLIENT_FIN)) {
		flow->client_fin = p->seq + p->payload + 1;
		flags |= SEALWAY_FLOW_CLIENT_FIN;
	}
	return flags;
}

/* Follows the flow's life: flow is the entry's copy, and on return its new state. */
static __always_inline void track(const struct packet *p, struct sealway_flow *flow, __u32 now)
{
	bool reset = p->tcp_flags & TCP_RST;
	__u32 added = 0, timeout, expires;

	if (reset && flow->flags & SEALWAY_FLOW_ANSWER)
		count_one(flow->frontend, target_resets);
	else if (reset)
		count_one(flow->frontend, client_resets);
	if (!(flow->flags & SEALWAY_FLOW_ESTABLISHED))
		added = handshake(p, flow);
	if (p->tuple.protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_FIN | TCP_RST) || flow->flags & CLOSING))
		added |= closing(p, flow);
	added &= ~flow->flags;
	if (!reset)
		flow->flags &= ~SEALWAY_FLOW_CLIENT_RESET;
	flow->flags |= added;
	timeout = timeout_of(flow);
	expires = now + timeout + timeout / SLACK;
	if (!added && !reset && expires - flow->expires <= timeout / SLACK)
		return;
	flow->expires = expires;
	if (added & SEALWAY_FLOW_ESTABLISHED) {
		count_one(flow->frontend, established);
		if (p->tuple.protocol == IPPROTO_TCP)
			note_handshake(flow->frontend, -1);
	}
	if (added & SEALWAY_FLOW_CLIENT_RESET)
		tell(flow, SEALWAY_EVENT_CLIENT_RESET);
	if ((reset && flow->flags & SEALWAY_FLOW_ANSWER) || (flow->flags & BOTH_ACKED) == BOTH_ACKED) {
		end_flow(&p->tuple, flow, reset ? SEALWAY_EVENT_TARGET_RESET : SEALWAY_EVENT_END);
		return;
	}
	change_both(&p->tuple, flow);
}
