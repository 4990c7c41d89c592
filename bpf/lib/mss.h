/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A client's SYN never announces segments larger than the interface it came by carries back.
 *
 * Targets stand on interfaces of 1,500 bytes; where the uplink is smaller (cloud networks, tunnels), full
 * segments of an answer would not pass, and a redirect has no kernel in between to say so in time. */
#pragma once

#include "csum.h"

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define MSS_OPTIONS 6 /* Linux and Windows put it first */

struct mss_option {
	__u8 kind;
	__u8 length;
	__be16 value;
};

static __always_inline int lower_mss(struct __sk_buff *skb, const struct packet *p, __u32 at, __be16 old,
				     __u32 limit)
{
	__be16 new = bpf_htons(limit);

	if (bpf_ntohs(old) <= limit)
		return 0;
	if (bpf_l4_csum_replace(skb, p->l4 + offsetof(struct tcphdr, check), old, new, sizeof(new)))
		return -1;
	return bpf_skb_store_bytes(skb, at + offsetof(struct mss_option, value), &new, sizeof(new), 0);
}

/* 0, or negative when the packet could not be written. */
static __always_inline int limit_mss(struct __sk_buff *skb, const struct packet *p, __u32 limit)
{
	__u32 end = IP_OFFSET + p->headers;
	__u32 at = p->l4 + sizeof(struct tcphdr);
	struct mss_option option;
	int i;

	for (i = 0; i < MSS_OPTIONS; i++) {
		if (at + sizeof(option) > end || bpf_skb_load_bytes(skb, at, &option, sizeof(option)))
			return 0;
		if (option.kind == TCP_OPTION_END)
			return 0;
		/* At an odd place its bytes would lie across two words of the checksum. */
		if (option.kind == TCP_OPTION_MSS)
			return at & 1 ? 0 : lower_mss(skb, p, at, option.value, limit);
		at += option.kind == TCP_OPTION_NOP ? 1 : option.length;
	}
	return 0;
}

/* overhead: of the answer's IP and TCP header. */
static __always_inline int clamp_mss(struct __sk_buff *skb, const struct packet *p, __u32 overhead)
{
	__u32 mtu = 0;

	if (p->tuple.protocol != IPPROTO_TCP || bpf_check_mtu(skb, 0, &mtu, 0, 0) < 0 || mtu <= overhead)
		return 0;
	return limit_mss(skb, p, mtu - overhead);
}
