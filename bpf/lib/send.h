/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A packet's last steps: counted, rewritten, sent. */
#pragma once

#include "fragment4.h"
#include "mss.h"
#include "nat.h"
#include "role.h"
#include "route.h"
#include "stats.h"

#define MSS_OVERHEAD (sizeof(struct iphdr) + sizeof(struct tcphdr))

/* The client's SYN by the way back; the answer to one that came from another host by the way there. */
static __always_inline int clamp(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	if (!(p->tcp_flags & TCP_SYN))
		return 0;
	if (opens_flow(p))
		return clamp_mss(skb, p, MSS_OVERHEAD);
	return to->flags & SEALWAY_FLOW_ARRIVED ? limit_mss(skb, p, to->start) : 0;
}

static __always_inline int rewrite_and_send(struct __sk_buff *skb, const struct packet *p,
					    const struct sealway_flow *to, const struct route *route)
{
	if (route->way == WAY_DROP || route->way == WAY_KERNEL)
		return send(skb, route);
	count_packet(to->frontend, p);
	if (clamp(skb, p, to) || rewrite(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	if (is_first_fragment(p) && lead_fragments(skb, p, to))
		return drop(SEALWAY_DROP_REWRITE);
	return send(skb, route);
}
