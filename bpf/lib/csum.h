/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What replacing addresses and ports does to checksums (RFC 1624). The IP header's is always whole and mended
 * in place. Only the kernel knows whether the transport's is whole, partial (an offload completes it: only
 * addresses count, through the pseudo header) or verified by the device; that is why it takes helpers, and
 * addresses and ports separate calls. */
#pragma once

#include "packet.h"

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline __u32 as_word(struct ports ports)
{
	__u32 word;

	__builtin_memcpy(&word, &ports, sizeof(word));
	return word;
}

/* Sums of 32-bit words, folded as late as possible. */
static __always_inline __u64 difference(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

static __always_inline __u32 folded_once(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

static __always_inline __u16 folded(__u64 sum)
{
	__u32 word = folded_once(sum);

	word = (word & 0xffff) + (word >> 16);
	return (word & 0xffff) + (word >> 16);
}

static __always_inline __u64 sum_of(const void *words, __u32 bytes)
{
	const __u32 __attribute__((may_alias)) *word = words;
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < bytes / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

/* 0, or negative when the packet could not be written. */
static __always_inline int mend_l4(struct __sk_buff *skb, __u32 offset, __u64 difference, __u64 flags)
{
	return bpf_l4_csum_replace(skb, offset, 0, folded_once(difference), flags);
}

/* Whether a device is to complete the TCP checksum, which until then is the pseudo header's sum. No field says so, but
 * the kernel changes such a one only for the pseudo header. 1, 0, or negative when it could not be read. */
static __always_inline int is_partial(struct __sk_buff *skb, __u32 offset)
{
	__u16 before, after;

	if (bpf_skb_load_bytes(skb, offset, &before, sizeof(before)) || mend_l4(skb, offset, difference(0, 1), 0) ||
	    bpf_skb_load_bytes(skb, offset, &after, sizeof(after)) || mend_l4(skb, offset, difference(1, 0), 0))
		return -1;
	return before == after;
}
