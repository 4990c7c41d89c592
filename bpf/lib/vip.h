/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which packets are for us: those to a VIP. */
#pragma once

#include "address.h"
#include "maps.h"

static __always_inline bool is_vip(const sealway_address *address)
{
	return bpf_map_lookup_elem(&vips, address) != NULL;
}

static __always_inline bool may_be_vip(const sealway_address *address)
{
	__u32 bit = (__u32)(folded_address(address) * 0x9e3779b1u) >> 20, zero = 0;
	__u8 *bits = bpf_map_lookup_elem(&vip_filter, &zero);

	return bits && bits[bit / 8] >> (bit % 8) & 1;
}
