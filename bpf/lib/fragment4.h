/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Fragments of IPv4: named by the protocol, too. */
#pragma once

#include "maglev.h"
#include "nat.h"

#define FRAGMENT_PROTOCOL(p) ((p)->tuple.protocol)

#include "fragment.h"

/* 0, or negative when the packet is not that long. */
static __always_inline int write_id(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	struct iphdr *ip = header(skb, IP_OFFSET, sizeof(*ip));
	__be16 id = p->id + mix(((__u64)p->tuple.source << 32) | p->tuple.destination);

	(void)to;
	if (!ip)
		return -1;
	ip->check = ~folded((__u16)~ip->check + (__u64)(__u16)~ip->id + id);
	ip->id = id;
	return 0;
}
