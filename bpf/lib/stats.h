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

static __always_inline void count_new_flow(__u32 frontend)
{
	struct sealway_counters *c = bpf_map_lookup_elem(&counters, &frontend);

	if (c)
		c->new_flows += 1;
}

static __always_inline void count_established(__u32 frontend)
{
	struct sealway_counters *c = bpf_map_lookup_elem(&counters, &frontend);

	if (c)
		c->established += 1;
}

static __always_inline void count_rejected(__u32 frontend)
{
	struct sealway_counters *c = bpf_map_lookup_elem(&counters, &frontend);

	if (c)
		c->rejected += 1;
}
