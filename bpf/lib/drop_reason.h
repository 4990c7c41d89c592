/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Every drop goes through here, so that none is without a reason and a count. */
#pragma once

#include <linux/pkt_cls.h>

#include "maps.h"

#define PASS TC_ACT_UNSPEC /* not decided here: other people's filters have their turn */

static __always_inline void count_drop(enum sealway_drop_reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&drops, &key);

	if (count)
		*count += 1;
}

static __always_inline int drop(enum sealway_drop_reason reason)
{
	count_drop(reason);
	return TC_ACT_SHOT;
}
