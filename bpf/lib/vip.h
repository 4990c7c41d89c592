/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which packets are for us: those to a VIP. */
#pragma once

#include "maps.h"

#ifdef SEALWAY_WIDE

static __always_inline bool is_vip(const sealway_address *address)
{
	return bpf_map_lookup_elem(&vips, address) != NULL;
}

static __always_inline bool may_be_vip(const sealway_address *address)
{
	__u32 folded = address->words[0] ^ address->words[1] ^ address->words[2] ^ address->words[3];
	__u32 bit = (__u32)(folded * 0x9e3779b1u) >> 20, zero = 0;
	__u8 *bits = bpf_map_lookup_elem(&vip_filter, &zero);

	return bits && bits[bit / 8] >> (bit % 8) & 1;
}

#else

static __always_inline bool is_vip(__be32 address)
{
	return bpf_map_lookup_elem(&vips, &address) != NULL;
}

static __always_inline bool may_be_vip(__be32 address)
{
	__u32 bit = (__u32)(address * 0x9e3779b1u) >> 20, zero = 0;
	__u8 *bits = bpf_map_lookup_elem(&vip_filter, &zero);

	return bits && bits[bit / 8] >> (bit % 8) & 1;
}

#endif
