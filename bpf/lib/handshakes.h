/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* How many handshakes of a listener are not completed: an estimate, which costs new flows little and established ones
 * nothing.
 *
 * Each CPU counts for itself, up for a new flow of TCP, down when its client completes it or its target refuses it,
 * and settles with the others after some changes or a second. What never completes is forgotten at the pace at
 * which it leaves the flow table: a part of what stands goes every second.
 */
#pragma once

#include "maps.h"
#include "table.h"

#define SETTLED_AFTER 16 /* changes on one CPU: so much it may be wrong, times the CPUs */
#define FORGOTTEN_AFTER 64 /* seconds, on average; a handshake's timeout, as a power of two */
#define SHARE_OF_BUCKETS 4 /* a bucket holds eight entries: a sixteenth of the table where clients are hidden, else half of that */
#define NO_LIMIT (1 << 29)
#define WINDOW_BITS 24 /* of nanoseconds: 17 milliseconds, so that no retry meets the same part of it again */

/* Of one listener; beyond it, see lib/flood.h. */
static __always_inline int handshake_limit(void)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	return c ? (c->bucket_mask + 1) / SHARE_OF_BUCKETS : NO_LIMIT;
}

/* Not static, so that the verifier goes through it once. */
__noinline int settle_handshakes(__u32 frontend)
{
	struct sealway_handshakes *here = bpf_map_lookup_elem(&handshakes, &frontend);
	struct half_open *all = bpf_map_lookup_elem(&half_open, &frontend);
	__s32 count, elapsed;
	__u32 now = seconds();

	if (!here || !all)
		return 0;
	bpf_spin_lock(&all->lock);
	count = all->count;
	elapsed = now - all->seconds;
	if (elapsed > FORGOTTEN_AFTER)
		elapsed = FORGOTTEN_AFTER;
	if (elapsed > 0) {
		count -= ((__u32)count * (__u32)elapsed + FORGOTTEN_AFTER - 1) / FORGOTTEN_AFTER;
		all->seconds = now;
	}
	count += here->change;
	if (count < 0)
		count = 0;
	all->count = count;
	bpf_spin_unlock(&all->lock);
	here->change = 0;
	here->total = count;
	here->seconds = now;
	return 0;
}

/* One more (1), or one less (-1). */
static __always_inline void note_handshake(__u32 frontend, int by)
{
	struct sealway_handshakes *here = bpf_map_lookup_elem(&handshakes, &frontend);

	if (!here)
		return;
	here->change += by;
	if ((__u32)(here->change + SETTLED_AFTER) >= 2 * SETTLED_AFTER)
		settle_handshakes(frontend);
}

static __always_inline __s32 uncompleted_handshakes(__u32 frontend)
{
	struct sealway_handshakes *here = bpf_map_lookup_elem(&handshakes, &frontend);
	__s32 count;

	if (!here)
		return 0;
	if (here->seconds != seconds())
		settle_handshakes(frontend);
	count = here->total + here->change;
	return count > 0 ? count : 0;
}

/* Whether one more SYN over the limit is let on to its target; takes: and counts it. */
static __always_inline bool within_rate(__u32 frontend, bool takes)
{
	struct sealway_handshakes *here = bpf_map_lookup_elem(&handshakes, &frontend);
	__u32 window = bpf_ktime_get_coarse_ns() >> WINDOW_BITS;
	__u32 passed;

	if (!here)
		return false;
	passed = here->window == window ? here->passed : 0;
	if (passed >= SEALWAY_HANDSHAKES_PER_WINDOW)
		return false;
	if (takes) {
		here->window = window;
		here->passed = passed + 1;
	}
	return true;
}
