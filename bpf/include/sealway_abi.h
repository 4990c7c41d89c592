/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the kernel's half and the Python half both know: map keys and values, flags, drop reasons.
 *
 * tools/gen_abi.py makes drivers/dataplane/abi.py of the object's BTF, so nothing here is repeated by hand. Addresses
 * and ports are in network byte order. Any change of a layout raises SEALWAY_LAYOUT: such maps are never adopted.
 */
#pragma once

#include <linux/types.h>

#include "sealway_counters.h"

/* nlb6.bpf.c defines SEALWAY_WIDE: the same structs with addresses of 128 bits, for maps of its own (abi6.py). */
#ifdef SEALWAY_WIDE
typedef struct {
	__be32 words[4];
} sealway_address;
typedef __be32 sealway_fragment_id;
#else
typedef __be32 sealway_address;
typedef __be16 sealway_fragment_id;
#endif

enum sealway_limit {
	SEALWAY_LAYOUT = 13,
	SEALWAY_MAX_VIPS = 4096,
	SEALWAY_MAX_FRONTENDS = 4096,
	SEALWAY_MAX_BACKENDS = 16384,
	SEALWAY_MAX_INTERFACES = 16384,
	SEALWAY_MAX_PEERS = 1048576,
	SEALWAY_MAX_PORT_RANGES = 262144,
	SEALWAY_REFUSALS = 256,
	SEALWAY_EVENT_BYTES = 1048576,
	SEALWAY_DEFAULT_FLOWS = 262144, /* entries: one a flow, two where the client is hidden */
	SEALWAY_FLOWS_PER_BUCKET = 8,
	SEALWAY_BUCKETS_PER_LOCK = 64,
	SEALWAY_MAX_LOCKS = 16384,
	SEALWAY_VIP_FILTER_BITS = 4096,
	SEALWAY_MAX_FRAGMENTED = 16384, /* datagrams whose fragments are on their way */
	SEALWAY_MAX_PENDING = 16384, /* places for handshakes over their listener's limit: see lib/flood.h */
	SEALWAY_HANDSHAKES_PER_WINDOW = 1024, /* of those, on one CPU in 17 milliseconds: 61,000 a second */
	SEALWAY_MAX_TUNNELS = 1024,
	SEALWAY_HANDSHAKE_TIMEOUT = 60, /* seconds, all of them */
	SEALWAY_CLOSING_TIMEOUT = 60, /* as long as Linux keeps TIME_WAIT */
	SEALWAY_ARRIVED_TIMEOUT = 6000, /* of a flow from another host, which keeps the listener's own */
	SEALWAY_ARRIVED_UDP_TIMEOUT = 120,
	SEALWAY_SPILL_GRACE = 3600, /* that long after its time an entry in a second bucket is still found */
	SEALWAY_RESET_TIMEOUT = 5, /* another packet until then proves that the client's RST was forged */
	/* 61000-65535 belong to health probes, which leave from the same addresses. */
	SEALWAY_FIRST_PORT = 1024,
	SEALWAY_LAST_PORT = 56319,
	SEALWAY_LAST_WIDE_PORT = 60999, /* those above the last are for flows from one IP version to the other */
};

/* Why a packet was dropped. docs/dataplane.md explains each; numbers never change their meaning. */
enum sealway_drop_reason {
	SEALWAY_DROP_UNUSED = 0,
	SEALWAY_DROP_MALFORMED = 1,
	SEALWAY_DROP_FRAGMENT = 2,
	SEALWAY_DROP_BACKEND_GONE = 3,
	SEALWAY_DROP_STALE_FLOW = 4,
	SEALWAY_DROP_PORTS_EXHAUSTED = 5,
	SEALWAY_DROP_FLOW_TABLE = 6,
	SEALWAY_DROP_NO_ROUTE = 7,
	SEALWAY_DROP_TOO_BIG = 8,
	SEALWAY_DROP_REWRITE = 9,
	SEALWAY_DROP_NO_HOST_INTERFACE = 10,
	SEALWAY_DROP_UNTRANSLATABLE = 11,
	SEALWAY_DROP_SECURITY_GROUP = 12,
	SEALWAY_DROP_SPOOFED_SOURCE = 13,
	SEALWAY_DROP_FAST_OPEN = 14,
	SEALWAY_DROP_HANDSHAKE_LIMIT = 15,
	SEALWAY_DROP_NO_PEER = 16,
	SEALWAY_DROP_NO_TUNNEL = 17,
	SEALWAY_DROP_TUNNELLED_PORT = 18,
	SEALWAY_DROP_REASONS = 19,
};

#include "sealway_flow.h"

/* Which datagram a fragment is part of. */
struct sealway_fragment_key {
	sealway_address source;
	sealway_address destination;
	sealway_fragment_id id;
	__u8 protocol;
	__u8 pad[sizeof(sealway_fragment_id) - 1];
};

/* What its first fragment became. */
struct sealway_fragment {
	sealway_address source;
	sealway_address destination;
	__u32 backend;
	__u32 client_ifindex;
	__u32 flags; /* the flow's */
	__u32 frontend;
	__u32 expires; /* as a flow's */
};

struct sealway_frontend_key {
	sealway_address vip;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

enum sealway_frontend_flag {
	SEALWAY_FRONTEND_STICKY = 1 << 0, /* the client's address alone chooses the target */
};

struct sealway_frontend {
	__u32 id;
	__u32 flags;
	__u32 idle_timeout; /* seconds */
	__u32 ingress; /* tables: see enum sealway_table */
	__u32 egress;
	sealway_address node; /* what the rules call it: the load balancer's own address, wherever it is answered */
#ifdef SEALWAY_WIDE
	sealway_address counterpart; /* the load balancer's address of the other IP version; zeros: none */
#endif
};

/* How a frontend's Maglev tables lie: see maps.h. */
enum sealway_maglev {
	SEALWAY_MAGLEV_LINE = 16, /* entries side by side */
	SEALWAY_MAGLEV_CHUNK = 1024, /* entries of one table in one inner map, which holds the other one's behind them */
	SEALWAY_MAGLEV_CHUNKS = 64, /* the most of one table */
	SEALWAY_MAGLEV_SECOND = 1 << 30, /* beside the size: the second of its two tables counts */
};

enum sealway_backend_state {
	SEALWAY_BACKEND_FREE = 0,
	SEALWAY_BACKEND_ACTIVE = 1,
	SEALWAY_BACKEND_DRAINING = 2,
};

enum sealway_backend_flag {
	SEALWAY_BACKEND_HIDE_CLIENT = 1 << 0, /* of new flows */
	SEALWAY_BACKEND_PROXY = 1 << 1, /* new flows begin with a Proxy Protocol header */
};

enum sealway_via {
	SEALWAY_VIA_NEIGHBOUR = 0, /* a bridge: resolve the address there */
	SEALWAY_VIA_PEER = 1, /* a task's veth: straight into its namespace */
	SEALWAY_VIA_HOST = 2, /* another host has it */
};

/* A slot of the backend array. A flow whose backend value is not this id belongs to an earlier tenant. */
struct sealway_backend {
	sealway_address address;
	__be16 port;
	__u8 state;
	__u8 via;
	__u32 id; /* slot | generation << 16 */
	__u32 ifindex;
	__u32 ingress; /* tables: see enum sealway_table */
	__u32 through;
	sealway_address guarded_address; /* what the rules call it: of a bridge container, its instance's, and port */
	__be16 guarded_port;
	__u16 flags;
};

/* Two tables of every interface, one a direction, hold what its security groups allow; a third, `through`, what
 * they allow a load balancer's clients. Any other number: a table of peers. */
enum sealway_table {
	SEALWAY_EVERYTHING = 0, /* also of the port ranges */
	SEALWAY_NOTHING = 0x3fffffff,
	SEALWAY_IPV6 = 0x40000000, /* added to a table's number: its IPv6 half */
};

/* The longest prefix counts, and its port ranges hold all that shorter ones allow. IPv4: the first four bytes. */
struct sealway_peer_key {
	__u32 prefix; /* 32 and the network's bits */
	__u32 table;
	__u8 address[16];
};

/* A power of two of ports; shorter prefixes: a whole protocol. Port: of ICMP, type and code. */
struct sealway_port_key {
	__u32 prefix; /* 32 for the ranges' number, 8 for the protocol, and the port's bits */
	__u32 ranges;
	__u8 protocol;
	__u8 port[2];
	__u8 pad;
};

/* By ifindex: a task's own. Address zero: anybody's. */
struct sealway_interface {
	sealway_address address;
	__u32 egress;
#ifdef SEALWAY_WIDE
	sealway_address address6; /* its IPv6 address; zeros: it has none */
#endif
};

/* The last refused packet of its kind, and how many came. */
struct sealway_refusal {
	sealway_address source;
	sealway_address destination;
	__u32 table;
	__be16 port;
	__u8 protocol;
	__u8 pad;
	__u32 seconds; /* CLOCK_MONOTONIC */
	__u32 reserved;
	__u64 packets;
};

/* Index 0 of the config map. */
struct sealway_config {
	__u32 layout;
	__u32 host_ifindex;
	__u8 host_mac[6];
	__u8 pad[2];
	__u32 watched_until; /* CLOCK_MONOTONIC, seconds: events are told until then */
	__u32 tick_ns; /* the kernel's tick: see lib/clock.h */
	__u64 first_tick; /* the number of ticks when CLOCK_MONOTONIC was 0 */
	__u64 tick_fraction; /* of a second, times 2^32 */
	__u64 seed; /* secret: nobody outside can aim at a bucket */
	__u32 bucket_mask;
	__u32 lock_mask;
	__u8 object_sha256[32];
};
