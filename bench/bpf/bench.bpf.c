/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the load balancer's programs are measured against, and what feeds them.
 *
 *   least     XDP: the least that a load balancer can do: one hash lookup of the flow's key, addresses and
 *             ports rewritten with their checksums, XDP_TX
 *   idle_*    nothing: what the harness itself costs, for either kind of program
 *   next_syn  tc: makes the packet the SYN of a flow never seen, then goes on to next[0], so that a repeated
 *             run opens a flow each time; next[0] is idle_tc (its own cost) or the program measured
 *   next_early  XDP: the same, for next_xdp[0]
 *   insert_*  tc: the same key made, and a bare insert of an entry as large as the load balancer's
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "sealway_abi.h"

struct ends {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, struct sealway_tuple);
	__type(value, struct ends);
} floor_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, struct sealway_tuple);
	__type(value, struct sealway_flow);
} bare_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SEALWAY_DEFAULT_FLOWS);
	__type(key, struct sealway_tuple);
	__type(value, struct sealway_flow);
} bare_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_xdp SEC(".maps");

/* [0]: how many flows next_syn and insert_* have made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} made SEC(".maps");

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static __always_inline __u32 folded(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

SEC("xdp")
int least(struct xdp_md *ctx)
{
	struct headers *h = (void *)(long)ctx->data;
	struct sealway_tuple key = {};
	struct ends *to;
	__u64 addresses;
	__u64 all;

	if ((void *)(h + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (h->eth.h_proto != bpf_htons(ETH_P_IP) || h->ip.protocol != IPPROTO_TCP || h->ip.ihl != 5)
		return XDP_PASS;
	key.source = h->ip.saddr;
	key.destination = h->ip.daddr;
	key.source_port = h->tcp.source;
	key.destination_port = h->tcp.dest;
	key.protocol = IPPROTO_TCP;
	to = bpf_map_lookup_elem(&floor_flows, &key);
	if (!to)
		return XDP_PASS;
	/* RFC 1624, equation 3: ~(~check + ~old + new) */
	addresses = (__u64)(__u32)~key.source + (__u32)~key.destination + to->source + to->destination;
	all = addresses + (__u16)~key.source_port + (__u16)~key.destination_port + to->source_port +
	      to->destination_port;
	h->ip.check = ~folded(addresses + (__u16)~h->ip.check);
	h->tcp.check = ~folded(all + (__u16)~h->tcp.check);
	h->ip.saddr = to->source;
	h->ip.daddr = to->destination;
	h->tcp.source = to->source_port;
	h->tcp.dest = to->destination_port;
	return XDP_TX;
}

SEC("xdp")
int idle_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int idle_tc(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

/* The n-th flow's client: 198.18.0.0/15 and 1024-65023, none twice in 8e9. Scattered over the table by its hash. */
static __always_inline bool next_client(__be32 *address, __be16 *port)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&made, &zero);
	__u64 n;

	if (!count)
		return false;
	n = (*count)++;
	*address = bpf_htonl(0xc6120000 + (__u32)(n / 64000));
	*port = bpf_htons(1024 + n % 64000);
	return true;
}

static __always_inline bool make_syn(struct headers *h, void *end)
{
	if ((void *)(h + 1) > end || !next_client(&h->ip.saddr, &h->tcp.source))
		return false;
	h->ip.daddr = bpf_htonl(0x0a010164); /* 10.1.1.100 */
	h->tcp.dest = bpf_htons(443);
	return true;
}

SEC("tc")
int next_syn(struct __sk_buff *skb)
{
	if (make_syn((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &next, 0);
	return TC_ACT_SHOT;
}

SEC("xdp.frags")
int next_early(struct xdp_md *ctx)
{
	if (make_syn((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		bpf_tail_call(ctx, &next_xdp, 0);
	return XDP_DROP;
}

SEC("xdp.frags")
int idle_early(struct xdp_md *ctx)
{
	return XDP_DROP;
}

static __always_inline int insert(void *map)
{
	struct sealway_tuple key = { .protocol = IPPROTO_TCP };
	struct sealway_flow value = {};

	if (!next_client(&key.source, &key.source_port))
		return TC_ACT_SHOT;
	value.source = key.source;
	value.expires = bpf_ktime_get_coarse_ns() / 1000000000;
	return bpf_map_update_elem(map, &key, &value, BPF_ANY) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int insert_hash(struct __sk_buff *skb)
{
	return insert(&bare_hash);
}

SEC("tc")
int insert_lru(struct __sk_buff *skb)
{
	return insert(&bare_lru);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
