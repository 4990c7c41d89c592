/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Ahead of nlb6.bpf.c's uplink program, as uplink.bpf.c's, which calls it, is of nlb.bpf.c's (lib/early.h): IPv6 packets,
 * and IPv4 packets for listeners whose targets speak IPv6.
 */
#define SEALWAY_XDP
#define SEALWAY_WIDE
#include "lib/early.h"
#include "lib/parse6.h"

SEC("xdp") /* the loader says whether it knows of frames in several buffers */
int sealway_early6(struct xdp_md *ctx)
{
	struct packet p;

	switch (parse(ctx, &p)) {
	case PARSED_FLOW:
		return may_be_vip(&p.tuple.destination) && look_at(&p) == XDP_DROP ? XDP_DROP : XDP_PASS;
	case PARSED_MALFORMED:
		return is_vip(&p.tuple.destination) && is_whole(ctx) ? drop_early(SEALWAY_DROP_MALFORMED) : XDP_PASS;
	default:
		return XDP_PASS;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
