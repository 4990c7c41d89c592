/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Fragments where IPv6 is on either side. Those of IPv6 have the identification in a header of their own, and a later
 * one need not know the protocol. */
#pragma once

#include "maglev.h"
#include "nat6.h"

#define FRAGMENT_PROTOCOL(p) (is_ipv4_packet(p) ? (p)->tuple.protocol : 0)

#include "fragment.h"

/* 0, or negative when the packet could not be written. Where the version changes, the new header has it already. */
static __always_inline int write_id(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	__be32 id = fragment_id(p);

	if (is_across_versions(p, to))
		return 0;
	return bpf_skb_store_bytes(skb, p->fragment_at + offsetof(struct fragment_extension, id), &id, sizeof(id),
				   BPF_F_RECOMPUTE_CSUM);
}
