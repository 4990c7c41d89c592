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

/* Where the entry of the other direction is just the same flow's, it is for both from now on. */
__noinline int join_flow(const struct sealway_flow *flow)
{
	const struct sealway_tuple *key = (const void *)flow;
	struct sealway_entry *entry;
	struct sealway_tuple twin;
	struct place place;
	struct home home;
	__u32 now = seconds();
	int joined = 0;
	bool answer;

	if (!flow || flow->flags & SEALWAY_FLOW_TRANSLATED)
		return 0;
	answer = flow->flags & SEALWAY_FLOW_ANSWER;
	if (!find_home(key, answer, &home) || !take(home.lock))
		return 0;
	twin = twin_key(flow, flow->protocol);
	place = at_home(&home, key, answer, now);
	if (!place.bucket)
		place = at_home(&home, &twin, !answer, now);
	if (place.bucket && place.number < 2 && !(tenant_of(place.bucket, place.way) & CHANGING)) { /* what lies in a third one, the other direction would not find */
		entry = &place.bucket->entries[place.way % WAYS];
		joined = same_key(entry, answer ? &twin : key) && comes_back(entry, answer ? key : &twin);
		if (joined) {
			entry->flags |= side_of(answer);
			write_state(&home, &place, flow, now);
		}
	}
	let_go(home.lock);
	return joined;
}

static __always_inline bool adopt_flow(const struct sealway_flow *flow)
{
	return join_flow(flow) || !insert_flow(flow);
}

static __always_inline bool remove_flow(const struct sealway_flow *flow)
{
	bool answer = flow->flags & SEALWAY_FLOW_ANSWER;

	return change_flow((const void *)flow, NULL, answer, side_of(answer));
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
			done += remove_flow(&flow);
		else if (what == SEALWAY_ADOPT_ADD && knows_flow(&flow))
			done++;
		else
			done += adopt_flow(&flow);
	}
	return done;
}
