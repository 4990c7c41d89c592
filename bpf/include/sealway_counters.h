/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the programs count for each listener: a part of sealway_abi.h. */
#pragma once

#include <linux/types.h>

struct sealway_counters {
	__u64 new_flows;
	__u64 packets;
	__u64 octets;
	__u64 established; /* handshakes that the client completed */
	__u64 rejected; /* new flows for which there was no room */
	__u64 ports_exhausted; /* new flows for which there was no port */
	__u64 blocked; /* new flows that a security group refused */
	__u64 client_resets; /* carried to the other end */
	__u64 target_resets;
	__u64 resets; /* of our own, to targets: those to clients are the namespace's */
	__u64 over_limit; /* SYNs beyond the listener's limit of uncompleted handshakes */
};

/* A CPU's part in the count of a listener's uncompleted handshakes: see lib/handshakes.h. */
struct sealway_handshakes {
	__s32 change; /* since the CPU last settled with the others */
	__u32 total; /* of all, then */
	__u32 seconds; /* and when that was */
	__u32 window; /* when SYNs over the limit last passed */
	__u32 passed; /* and how many did in that window */
	__u32 pad;
};
