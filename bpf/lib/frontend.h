/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which frontend a packet is for. Searching a hash map is a call, and a twentieth of a new flow; so each CPU remembers
 * those that it found last. What it remembers of an older edition than the driver's last one is void.
 */
#pragma once

#include "address.h"
#include "maps.h"

static __always_inline __u32 edition_now(void)
{
	__u32 zero = 0;
	__u32 *edition = bpf_map_lookup_elem(&frontends_edition, &zero);

	return edition ? *(volatile __u32 *)edition : 0;
}

static __always_inline bool is_for(const struct sealway_frontend_key *key, const struct sealway_tuple *t)
{
	return same_address(&key->vip, &t->destination) && key->port == t->destination_port &&
	       key->protocol == t->protocol;
}

static __always_inline __u32 slot_of(const struct sealway_tuple *t)
{
	__u32 word = folded_address(&t->destination) ^ (__u32)t->destination_port << 16 ^ t->protocol;

	return word * 0x9e3779b1u >> 26;
}

/* NULL: it is for none. */
static __always_inline struct sealway_frontend *find_frontend(const struct sealway_tuple *t)
{
	struct sealway_frontend_key key = {
		.vip = t->destination,
		.port = t->destination_port,
		.protocol = t->protocol,
	};
	__u32 edition = edition_now(), slot = slot_of(t); /* asked before the search: what that finds is no older */
	struct recent *recent = bpf_map_lookup_elem(&recent_frontends, &slot);
	struct sealway_frontend *frontend;

	if (!recent)
		return NULL;
	if (recent->edition == edition && is_for(&recent->key, t))
		return &recent->frontend;
	frontend = bpf_map_lookup_elem(&frontends, &key);
	if (!frontend)
		return NULL;
	recent->key = key;
	recent->frontend = *frontend;
	recent->edition = edition;
	return &recent->frontend; /* not the other one: the verifier would follow each of them to the end */
}
