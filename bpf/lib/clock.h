/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Seconds of CLOCK_MONOTONIC, as user space knows them, by the kernel's count of its ticks: reading that takes no call,
 * and the call that tells the time would be a sixth of what an established flow's packet costs.
 *
 * The kernel adds to the count by the same clock, one for each so many nanoseconds. At what number it was zero is
 * found out by a program that no interface runs: the loader does (BPF_PROG_TEST_RUN), at every start. */
#pragma once

#include "maps.h"

static __always_inline __u32 seconds(void)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	return c ? (bpf_jiffies64() - c->first_tick) * c->tick_fraction >> 32 : 0;
}

#ifndef SEALWAY_XDP

#ifdef SEALWAY_WIDE
#define sealway_clock sealway_clock6
#endif

/* 1: it is set. */
SEC("tc")
int sealway_clock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	(void)skb;
	if (!c || !c->tick_ns)
		return 0;
	c->first_tick = bpf_jiffies64() - bpf_ktime_get_ns() / c->tick_ns;
	return 1;
}

#endif
