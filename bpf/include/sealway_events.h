/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* As sealway_abi.h, for what is told of flows. */
#pragma once

#include "sealway_abi.h"

enum sealway_event_kind {
	SEALWAY_EVENT_START = 1,
	SEALWAY_EVENT_END = 2, /* both ends have finished */
	SEALWAY_EVENT_CLIENT_RESET = 3,
	SEALWAY_EVENT_TARGET_RESET = 4,
	SEALWAY_EVENT_CUT = 5, /* the target was removed, or nothing came for too long */
};

/* As the flow's entry of either direction stands: see struct sealway_flow. */
struct sealway_event {
	sealway_address key_source;
	sealway_address key_destination;
	sealway_address source;
	sealway_address destination;
	__be16 key_source_port;
	__be16 key_destination_port;
	__be16 source_port;
	__be16 destination_port;
	__u32 flags;
	__u8 protocol;
	__u8 kind;
	__u8 pad[2];
};

/* What to do with flows of another table: see lib/adopt.h. */
enum sealway_adopt {
	SEALWAY_ADOPT_PUT = 1, /* in the place of what is known of them */
	SEALWAY_ADOPT_ADD = 2, /* what the table knows already stays */
	SEALWAY_ADOPT_REMOVE = 3,
	SEALWAY_ADOPT_HEADER = 14, /* bytes before the first */
	SEALWAY_ADOPT_MOST = 24, /* at a time */
};
