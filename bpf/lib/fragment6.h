/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Fragments of IPv6: a header of their own holds the identification, and a later one does not know the protocol. */
#pragma once

#include "maglev.h"
#include "nat6.h"

#define FRAGMENT_PROTOCOL(p) 0

#include "fragment.h"

/* 0, or negative when the packet could not be written. */
static __always_inline int write_id(struct __sk_buff *skb, const struct packet *p)
{
	__be32 id = p->id + (__u32)mix(address_words(&p->tuple.source, &p->tuple.destination));

	return bpf_skb_store_bytes(skb, p->fragment_at + offsetof(struct fragment_extension, id), &id, sizeof(id),
				   BPF_F_RECOMPUTE_CSUM);
}
