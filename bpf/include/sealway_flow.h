/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The flow table: a part of sealway_abi.h. */
#pragma once

/* A packet's 5-tuple as it stands in the packet. */
struct sealway_tuple {
	sealway_address source;
	sealway_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 pad[3];
} __attribute__((aligned(8)));

enum sealway_flow_flag {
	SEALWAY_FLOW_ANSWER = 1 << 0, /* target to client; without it, client to target */
	SEALWAY_FLOW_TRANSLATED = 1 << 1, /* the target sees an address or port that is not the client's */
	SEALWAY_FLOW_CLIENT_FIN = 1 << 2,
	SEALWAY_FLOW_TARGET_FIN = 1 << 3,
	SEALWAY_FLOW_CLIENT_FIN_ACKED = 1 << 4,
	SEALWAY_FLOW_TARGET_FIN_ACKED = 1 << 5,
	SEALWAY_FLOW_CLIENT_RESET = 1 << 6,
	SEALWAY_FLOW_TARGET_FIRST = 1 << 7, /* the target sent the first FIN: TIME_WAIT is on its side */
	SEALWAY_FLOW_ANSWERED = 1 << 8, /* TCP: the target's SYN-ACK passed; target_fin is what acknowledges it */
	SEALWAY_FLOW_ESTABLISHED = 1 << 9, /* the client acknowledged that (UDP: the target answered) */
	SEALWAY_FLOW_LINGERING = 1 << 10, /* over, but the target holds the pair in TIME_WAIT: carries nothing */
	SEALWAY_FLOW_CUT = 1 << 11, /* over for the other end, which was told */
	SEALWAY_FLOW_PROXY = 1 << 12, /* the target has not yet acknowledged the proxy header: see lib/proxy.h */
	SEALWAY_FLOW_PROXY_SENT = 1 << 13, /* it was sent since the client's first bytes last came */
	SEALWAY_FLOW_PENDING = 1 << 14, /* over its listener's limit: stands in no table but the pending */
	SEALWAY_FLOW_UNPROVEN = 1 << 15, /* an acknowledgement opened it: the target's next word establishes it */
	SEALWAY_FLOW_AWAY = 1 << 16, /* the target is on another host: see lib/away.h */
	SEALWAY_FLOW_ARRIVED = 1 << 17, /* the client's packets come from another host: see lib/arrival.h */
	SEALWAY_FLOW_FORWARD = 1 << 18, /* in the table: an entry for what the client sends; with ANSWER, for both */
};

/* One direction of a flow: the packet with the key's tuple becomes one with the other. The key of the other direction is
 * the result turned around. In the table an entry stands as the client's packets need it, for one direction or for both:
 * its flags tell (lib/table.h). The key comes first (struct sealway_tuple, flat for the generator); protocol 0: the entry
 * is free. backend: slot | generation << 16. client_ifindex: the client is a
 * task, its interface on the host; 0: ask the routes. client_fin: the sequence number that acknowledges the
 * client's FIN. start: with SEALWAY_FLOW_PROXY, the sequence number of the client's first byte; ARRIVED: its
 * largest MSS. */
#define SEALWAY_ENTRY                                                                                        \
	sealway_address key_source;                                                                          \
	sealway_address key_destination;                                                                     \
	__be16 key_source_port;                                                                              \
	__be16 key_destination_port;                                                                         \
	__u8 protocol;                                                                                       \
	__u8 pad[3];                                                                                         \
	sealway_address source;                                                                              \
	sealway_address destination;                                                                         \
	__be16 source_port;                                                                                  \
	__be16 destination_port;                                                                             \
	__u32 backend;                                                                                       \
	__u32 client_ifindex;                                                                                \
	__u32 client_fin;                                                                                    \
	__u32 target_fin;                                                                                    \
	__u32 start;                                                                                         \
	__u16 frontend;                                                                                      \
	__u16 idle_timeout; /* seconds */                                                                    \
	__u32 flags;

/* As it lies in the table. */
struct sealway_entry {
	SEALWAY_ENTRY
} __attribute__((aligned(8)));

/* As a packet finds it. */
struct sealway_flow {
	SEALWAY_ENTRY
	__u32 expires; /* CLOCK_MONOTONIC, seconds: over when nothing comes until then */
} __attribute__((aligned(8)));

/* What a bucket knows of its entries, in one cache line: nearly all that a search for what is not there reads, and
 * all that finding a place does. */
struct sealway_bucket_head {
	__u32 expires[SEALWAY_FLOWS_PER_BUCKET];
	__u16 tags[SEALWAY_FLOWS_PER_BUCKET]; /* of the keys' hashes, never 0; 0: the entry is free */
	__u8 tenants[SEALWAY_FLOWS_PER_BUCKET]; /* counts when the entry changes hands: odd while it does */
	__u32 spilled_until; /* seconds: until then keys of this bucket may lie in their second one */
	__u8 established; /* a bit for each entry */
	__u8 overflowed; /* until then in their third one, too */
	__u8 pad[2];
} __attribute__((aligned(8)));
