/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The maps. The loader pins each under its own name; it sets the size of flows. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "sealway_abi.h"
#include "sealway_events.h"
#include "sealway_tunnels.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sealway_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SEALWAY_MAX_VIPS);
	__type(key, sealway_address);
	__type(value, __u32);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS);
	__type(key, struct sealway_frontend_key);
	__type(value, struct sealway_frontend);
} frontends SEC(".maps");

/* Counts up when they have changed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} frontends_edition SEC(".maps");

struct recent {
	struct sealway_frontend_key key;
	struct sealway_frontend frontend;
	__u32 edition;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct recent);
} recent_frontends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct sealway_backend);
} backends SEC(".maps");

/* A frontend's Maglev tables. It has two, and `maglev_heads` says of which size they are and which one counts: the other
 * one is written first, and then that number. So the content changes in one store, and no pointer of the outer map, whose
 * every update waits for an RCU grace period. They lie in as many inner maps as they need, all of one size: the kernel
 * calls a function to look into those that may have any. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS);
	__type(key, __u32);
	__type(value, __u32);
} maglev_heads SEC(".maps");

struct maglev_line {
	__u32 backends[SEALWAY_MAGLEV_LINE]; /* ids */
};

struct maglev_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * SEALWAY_MAGLEV_CHUNK / SEALWAY_MAGLEV_LINE);
	__type(key, __u32);
	__uint(value_size, sizeof(struct maglev_line)); /* clang describes no struct that is named only here */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS * SEALWAY_MAGLEV_CHUNKS);
	__type(key, __u32);
	__array(values, struct maglev_chunk);
} maglev SEC(".maps");

struct bucket {
	struct sealway_bucket_head head;
	struct sealway_entry entries[SEALWAY_FLOWS_PER_BUCKET];
};

/* Mappable, because those begin at a page: so a bucket's head is one cache line. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_DEFAULT_FLOWS / SEALWAY_FLOWS_PER_BUCKET);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bucket);
} flows SEC(".maps");

struct lock {
	__u64 taken; /* see lib/lock.h */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_MAX_LOCKS);
	__type(key, __u32);
	__type(value, struct lock);
} locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SEALWAY_MAX_FRAGMENTED);
	__type(key, struct sealway_fragment_key);
	__type(value, struct sealway_fragment);
} fragments SEC(".maps");

/* By frontend: each CPU's own, and what they add up to. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS);
	__type(key, __u32);
	__type(value, struct sealway_handshakes);
} handshakes SEC(".maps");

struct half_open {
	struct bpf_spin_lock lock;
	__s32 count;
	__u32 seconds;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS);
	__type(key, __u32);
	__type(value, struct half_open);
} half_open SEC(".maps");

struct pending {
	struct bpf_spin_lock lock;
	struct sealway_flow flow; /* the answer's entry */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_MAX_PENDING);
	__type(key, __u32);
	__type(value, struct pending);
} pending SEC(".maps");

/* A bit for each address that may be a VIP, so that everybody else's packets cost no search. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[SEALWAY_VIP_FILTER_BITS / 8]);
} vip_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SEALWAY_MAX_FRONTENDS);
	__type(key, __u32);
	__type(value, struct sealway_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SEALWAY_DROP_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

/* What security groups allow: table and address -> the number of port ranges. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SEALWAY_MAX_PEERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sealway_peer_key);
	__type(value, __u32);
} peers SEC(".maps");

/* Ranges' number, protocol and port: there is an entry, or it is not allowed. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SEALWAY_MAX_PORT_RANGES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sealway_port_key);
	__type(value, __u32);
} port_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SEALWAY_MAX_INTERFACES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sealway_interface);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEALWAY_REFUSALS);
	__type(key, __u32);
	__type(value, struct sealway_refusal);
} refusals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SEALWAY_EVENT_BYTES);
} events SEC(".maps");

#ifndef SEALWAY_WIDE

/* The longest prefix counts. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SEALWAY_MAX_TUNNELS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sealway_tunnel_key);
	__type(value, struct sealway_tunnel);
} tunnels SEC(".maps");

/* The hosts from which packets for tasks here are taken. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SEALWAY_MAX_TUNNELS);
	__type(key, __be32);
	__type(value, __u32);
} hosts SEC(".maps");

/* By a task's address: the id of its backend for such packets, whose port is not known beforehand. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SEALWAY_MAX_INTERFACES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32);
	__type(value, __u32);
} tasks SEC(".maps");

#endif
