/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Per-CPU counters of each frontend; no atomics, since tc programs do not migrate. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline void count_packet(__u32 frontend, const struct packet *p)
{
	struct sealway_counters *c = bpf_map_lookup_elem(&counters, &frontend);

	if (!c)
		return;
	c->packets += p->segments;
	c->octets += p->bytes;
}

#define count_one(frontend, what)                                                      \
	do {                                                                           \
		__u32 key_ = (frontend);                                               \
		struct sealway_counters *c_ = bpf_map_lookup_elem(&counters, &key_);   \
		if (c_)                                                                \
			c_->what += 1;                                                 \
	} while (0)

/* A new flow that was not to be, and why. */
static __always_inline void count_refused(__u32 frontend, int reason)
{
	if (reason == SEALWAY_DROP_SECURITY_GROUP)
		count_one(frontend, blocked);
	else if (reason == SEALWAY_DROP_PORTS_EXHAUSTED)
		count_one(frontend, ports_exhausted);
	else if (reason == SEALWAY_DROP_FLOW_TABLE || reason == SEALWAY_DROP_HANDSHAKE_LIMIT)
		count_one(frontend, rejected);
}
