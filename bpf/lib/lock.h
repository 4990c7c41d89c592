/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Who writes to a head of the flow table. A word and one atomic exchange: taking bpf_spin_lock and letting it go is two
 * calls that turn interrupts off and on, a tenth of a new flow.
 *
 * No holder waits for anything, and none is preempted by another one on its own CPU: packets are handled with softirqs off.
 * An interrupt may still hold one up, and a hypervisor for longer than anybody should wait; so waiting has an end, and
 * who did not get the lock changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "maps.h"

#define LOCK_TRIES 64 /* of a lock that is held for a tenth of a microsecond; the verifier follows each */

static __always_inline bool try_lock(struct lock *lock)
{
	return !__sync_lock_test_and_set(&lock->taken, 1);
}

/* Inline: a call's frame, however small, would be too much of the stack that the deepest chain may have. */
static __always_inline bool take(struct lock *lock)
{
	int i;

	for (i = 0; i < LOCK_TRIES; i++)
		if (try_lock(lock))
			return true;
	return false;
}

/* What was written before must be seen before. Where stores keep their order, one is enough. */
static __always_inline void let_go(struct lock *lock)
{
#ifdef SEALWAY_ORDERED_STORES
	barrier();
	*(volatile __u64 *)&lock->taken = 0;
#else
	__sync_lock_test_and_set(&lock->taken, 0);
#endif
}
