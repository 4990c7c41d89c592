/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* As sealway_abi.h, for the maps that know of other hosts. They speak IPv4 with each other. */
#pragma once

#include <linux/types.h>

/* A network whose targets are another host's. */
struct sealway_tunnel_key {
	__u32 prefix;
	__be32 network;
};

/* Its way there, and this host's address on it. */
struct sealway_tunnel {
	__be32 source;
	__u32 ifindex;
};
