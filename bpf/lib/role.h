/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What an interface's program has to do with, and so by which end it looks for a packet's flow. */
#pragma once

#include "flow.h"
#include "vip.h"

#define CLIENTS 1 /* decides packets to VIPs */
#define ANSWERS 2 /* rewrites targets' answers */
#define INGRESS 4
#define OPEN_ANEW -2 /* the flow is over: decide as if there were none */

static __always_inline bool concerns(const struct sealway_flow *flow, int role)
{
	return role & (flow->flags & SEALWAY_FLOW_ANSWER ? ANSWERS : CLIENTS) &&
	       !(flow->flags & SEALWAY_FLOW_LINGERING);
}

/* Copies the entry for a packet with this tuple; 0: there is none. Where both pass, a packet to a VIP is nearly always
 * a client's, and every other an answer. */
static __always_inline int find_in_role(const struct sealway_tuple *t, struct sealway_flow *copy, int role)
{
	if (role & CLIENTS && (!(role & ANSWERS) || may_be_vip(&t->destination)) && find_flow(t, false, copy))
		return 1;
	return role & ANSWERS && find_flow(t, true, copy);
}
