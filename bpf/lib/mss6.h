/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which packets' MSS is lowered where IPv6 is on either side. */
#pragma once

#include "mss.h"
#include "nat6.h"

/* The other end's segments come by this interface in this packet's IP version, and go there in the other. */
static __always_inline int clamp(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	bool first = (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

	if (p->tuple.protocol != IPPROTO_TCP || !(p->tcp_flags & TCP_SYN) || (!first && !is_across_versions(p, to)))
		return 0;
	return clamp_mss(skb, p, ip_header_size(is_ipv4_packet(p)) + sizeof(struct tcphdr));
}
