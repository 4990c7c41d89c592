/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Ahead of nlb.bpf.c's uplink program, where a driver has XDP (lib/early.h). An interface has one such program: what is
 * not this one's goes on to uplink6.bpf.c's, which stands ahead of nlb6.bpf.c's, or passes where there is none.
 */
#define SEALWAY_XDP
#include "lib/early.h"
#include "lib/parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp") /* the loader says whether it knows of frames in several buffers */
int sealway_early(struct xdp_md *ctx)
{
	int verdict = XDP_PASS;
	struct packet p;

	switch (parse(ctx, &p)) {
	case PARSED_FLOW:
		if (may_be_vip(&p.tuple.destination))
			verdict = look_at(&p);
		break;
	case PARSED_MALFORMED:
		if (is_vip(&p.tuple.destination))
			return is_whole(ctx) ? drop_early(SEALWAY_DROP_MALFORMED) : XDP_PASS;
		verdict = NOT_FOR_US;
		break;
	default:
		if (ether_type(ctx) == bpf_htons(ETH_P_IPV6))
			verdict = NOT_FOR_US;
	}
	if (verdict != NOT_FOR_US)
		return verdict;
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
