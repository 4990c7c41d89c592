/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A flow's begin and end, for who watches. Nobody does for long: the process that reads says until when. */
#pragma once

#include "maps.h"
#include "table.h"

__noinline int write_event(struct sealway_event *event, const struct sealway_flow *flow, __u32 kind)
{
	if (!event || !flow)
		return -1;
	event->key_source = flow->key_source;
	event->key_destination = flow->key_destination;
	event->key_source_port = flow->key_source_port;
	event->key_destination_port = flow->key_destination_port;
	event->source = flow->source;
	event->destination = flow->destination;
	event->source_port = flow->source_port;
	event->destination_port = flow->destination_port;
	event->flags = flow->flags;
	event->protocol = flow->protocol;
	event->kind = kind;
	return 0;
}

static __always_inline void tell(const struct sealway_flow *flow, enum sealway_event_kind kind)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	struct sealway_event *event;

	if (!c || !c->watched_until || c->watched_until < seconds())
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return; /* the reader is slower than the flows */
	__builtin_memset(event, 0, sizeof(*event));
	write_event(event, flow, kind);
	bpf_ringbuf_submit(event, 0);
}
