/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a program is given: an skb at tc, or, before there is one, the bare frame at XDP (SEALWAY_XDP). Parsing is
 * the same for both. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#ifdef SEALWAY_XDP

typedef struct xdp_md context;

/* Only the first buffer of a frame can be read in place. */
static __always_inline int pull(context *ctx, __u32 bytes)
{
	(void)ctx, (void)bytes;
	return -1;
}

static __always_inline long load_bytes(context *ctx, __u32 offset, void *to, __u32 bytes)
{
	return bpf_xdp_load_bytes(ctx, offset, to, bytes);
}

static __always_inline __u32 frame_bytes(context *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

static __always_inline __u32 segments_of(context *ctx)
{
	(void)ctx;
	return 1;
}

static __always_inline __be16 ether_type(context *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return (void *)(eth + 1) <= (void *)(long)ctx->data_end ? eth->h_proto : 0;
}

#else

typedef struct __sk_buff context;

static __always_inline int pull(context *skb, __u32 bytes)
{
	return bpf_skb_pull_data(skb, bytes);
}

static __always_inline long load_bytes(context *skb, __u32 offset, void *to, __u32 bytes)
{
	return bpf_skb_load_bytes(skb, offset, to, bytes);
}

static __always_inline __u32 frame_bytes(context *skb)
{
	return skb->len;
}

static __always_inline __u32 segments_of(context *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

static __always_inline __be16 ether_type(context *skb)
{
	return skb->protocol;
}

#endif
