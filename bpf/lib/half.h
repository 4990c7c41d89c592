/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* One half of a connection: the client's packets pass here, into a tunnel, and the target's host answers directly.
 *
 * The flow has one entry, is established at the first acknowledgement, and gives its place up once the client has
 * finished, though it still goes on if nobody takes it.
 */
#pragma once

#include "flood.h"
#include "send.h"
#include "too_big.h"
#include "tunnel.h"

static __always_inline bool is_tunnelled(const struct sealway_flow *flow)
{
	return !(flow->flags & SEALWAY_FLOW_TRANSLATED);
}

static __always_inline int tunnel_on(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *flow,
				     int role)
{
	__u32 room;
	int verdict;

	verdict = encapsulate(skb, p, flow->destination, flow->destination_port, &room);
	return verdict == TOO_LARGE ? answer_too_big(skb, p, room, role & INGRESS) : verdict;
}

static __always_inline int send_away(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *flow,
				     int role)
{
	count_packet(flow->frontend, p);
	if (is_first_fragment(p))
		remember_first(p, flow);
	if (opens_flow(p) && clamp_mss(skb, p, MSS_OVERHEAD))
		return drop(SEALWAY_DROP_REWRITE);
	return tunnel_on(skb, p, flow, role);
}

/* What the client's half tells of a flow's life. Anybody can forge an acknowledgement; nobody here sees whether. */
static __always_inline void track_half(const struct packet *p, struct sealway_flow *flow, __u32 now)
{
	__u32 before = flow->flags, timeout, expires;

	if (p->tuple.protocol == IPPROTO_TCP) {
		if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK && !(before & SEALWAY_FLOW_ANSWERED)) {
			flow->flags |= SEALWAY_FLOW_ANSWERED | SEALWAY_FLOW_ESTABLISHED;
			count_one(flow->frontend, established);
			note_handshake(flow->frontend, -1);
		}
		if (p->tcp_flags & TCP_RST)
			flow->flags |= SEALWAY_FLOW_CLIENT_RESET;
		else
			flow->flags &= ~SEALWAY_FLOW_CLIENT_RESET;
		if (p->tcp_flags & TCP_FIN)
			flow->flags = (flow->flags | SEALWAY_FLOW_CLIENT_FIN) & ~SEALWAY_FLOW_ESTABLISHED;
	}
	timeout = timeout_of(flow);
	expires = now + timeout + timeout / SLACK;
	if (before == flow->flags && expires - flow->expires <= timeout / SLACK)
		return;
	flow->expires = expires;
	change_flow(&p->tuple, flow, false, SIDES);
	before = flow->flags & ~before;
	if (before & SEALWAY_FLOW_CLIENT_RESET) {
		count_one(flow->frontend, client_resets);
		tell(flow, SEALWAY_EVENT_CLIENT_RESET);
	} else if (before & SEALWAY_FLOW_CLIENT_FIN) {
		tell(flow, SEALWAY_EVENT_END);
	}
}

static __always_inline void end_half(const struct sealway_tuple *key, const struct sealway_flow *flow)
{
	if (!(flow->flags & SEALWAY_FLOW_ANSWERED) && key->protocol == IPPROTO_TCP)
		note_handshake(flow->frontend, -1);
	if (!(flow->flags & (SEALWAY_FLOW_CUT | CLOSING)))
		tell(flow, SEALWAY_EVENT_END);
	change_flow(key, NULL, false, SIDES);
}

/* Who has finished sending may still be answered for as long as a silent flow lives, if the place is still its own. */
static __always_inline bool is_over(const struct sealway_flow *flow, __u32 now)
{
	return now > flow->expires + (flow->flags & SEALWAY_FLOW_CLIENT_FIN ? flow->idle_timeout : 0);
}

/* The target is told with the client's own packet, made a reset. A copy of it goes around once more, finds the flow
 * over, and is answered with a reset by the load balancer's namespace. */
static __always_inline int cut_both(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow, __u32 now,
				    int role)
{
	bool reset = p->tcp_flags & TCP_RST;

	if (!(flow->flags & CLOSING))
		tell(flow, SEALWAY_EVENT_CUT);
	if (!(flow->flags & SEALWAY_FLOW_ANSWERED))
		note_handshake(flow->frontend, -1);
	flow->flags = (flow->flags & ~SEALWAY_FLOW_ESTABLISHED) | SEALWAY_FLOW_CUT | SEALWAY_FLOW_LINGERING;
	flow->expires = now + SEALWAY_HANDSHAKE_TIMEOUT;
	change_flow(&p->tuple, flow, false, SIDES);
	if (!reset && (bpf_clone_redirect(skb, skb->ifindex, role & INGRESS ? BPF_F_INGRESS : 0) || become_reset(skb, p)))
		return drop(SEALWAY_DROP_STALE_FLOW);
	if (!reset)
		count_one(flow->frontend, resets);
	return send_away(skb, p, flow, role);
}

static __always_inline int carry_tunnelled(struct __sk_buff *skb, struct packet *p, struct sealway_flow *flow,
					   int role)
{
	struct sealway_backend *backend = backend_of(flow->backend);
	__u32 now = seconds();
	bool over = !backend || flow->flags & SEALWAY_FLOW_CUT || is_over(flow, now);

	if (p->tuple.protocol != IPPROTO_TCP ? over : opens_flow(p) && (over || flow->flags & CLOSING ||
									backend->state != SEALWAY_BACKEND_ACTIVE)) {
		end_half(&p->tuple, flow);
		return OPEN_ANEW;
	}
	if (!over) {
		track_half(p, flow, now);
		return send_away(skb, p, flow, role);
	}
	if (!(flow->flags & SEALWAY_FLOW_LINGERING))
		return cut_both(skb, p, flow, now, role);
	/* Both ends were told. A target that did not believe it asks the client, whose reset it will believe. */
	return p->tcp_flags & TCP_RST ? send_away(skb, p, flow, role) : PASS;
}

/* One entry: the answers do not pass here. */
static __always_inline void describe_half(const struct packet *p, const struct sealway_frontend *frontend,
					  const struct sealway_backend *backend, struct sealway_flow *flow)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->key_source = flow->source = p->tuple.source;
	flow->key_destination = p->tuple.destination;
	flow->destination = backend->address;
	flow->key_source_port = flow->source_port = p->tuple.source_port;
	flow->key_destination_port = p->tuple.destination_port;
	flow->destination_port = backend->port;
	flow->protocol = p->tuple.protocol;
	flow->backend = backend->id;
	flow->frontend = frontend->id;
	flow->idle_timeout = frontend->idle_timeout;
	flow->flags = SEALWAY_FLOW_AWAY;
	flow->expires = seconds() + timeout_of(flow);
}

/* 0, or the (negative) drop reason. Over the limit of flood.h a SYN needs no entry at all. */
static __always_inline int enter_half(enum stage stage, const struct packet *p, const struct sealway_frontend *frontend,
				      const struct sealway_backend *backend, struct sealway_flow *flow)
{
	describe_half(p, frontend, backend, flow);
	if (stage == STAGE_OVER_LIMIT) {
		count_one(frontend->id, over_limit);
		return within_rate(frontend->id, true) ? 0 : -SEALWAY_DROP_HANDSHAKE_LIMIT;
	}
	if (insert_flow(flow))
		return -SEALWAY_DROP_FLOW_TABLE;
	if (p->tuple.protocol == IPPROTO_TCP)
		note_handshake(frontend->id, 1);
	count_one(frontend->id, new_flows);
	tell(flow, SEALWAY_EVENT_START);
	return 0;
}
