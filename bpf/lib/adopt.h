/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Takes flows over from a table of another layout. No interface runs this: the loader does (BPF_PROG_TEST_RUN), on a
 * packet whose content is an array of struct sealway_flow. Its first byte says what to do with them.
 */
#pragma once

#include "entries.h"

/* Whether the table knows this one, and as well as whoever asks. */
__noinline int knows_flow(const struct sealway_flow *flow)
{
	struct sealway_flow known = {};

	if (!flow || !find_flow((const void *)flow, flow->flags & SEALWAY_FLOW_ANSWER, &known) || timed_out(&known, seconds()))
		return 0;
	return known.flags & SEALWAY_FLOW_ESTABLISHED || !(flow->flags & SEALWAY_FLOW_ESTABLISHED);
}

#ifdef SEALWAY_WIDE
#define sealway_adopt sealway_adopt6
#endif

/* How many were put into the table, were there, or were taken out. */
SEC("tc")
int sealway_adopt(struct __sk_buff *skb)
{
	struct sealway_flow flow;
	__u32 i, done = 0;
	__u8 what;

	if (bpf_skb_load_bytes(skb, 0, &what, sizeof(what)))
		return 0;
	for (i = 0; i < SEALWAY_ADOPT_MOST; i++) {
		if (bpf_skb_load_bytes(skb, SEALWAY_ADOPT_HEADER + i * sizeof(flow), &flow, sizeof(flow)))
			break;
		if (what == SEALWAY_ADOPT_REMOVE)
			done += change_flow((const void *)&flow, NULL, flow.flags & SEALWAY_FLOW_ANSWER);
		else if (what == SEALWAY_ADOPT_ADD && knows_flow(&flow))
			done++;
		else
			done += !insert_flow(&flow);
	}
	return done;
}
