/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which backend a new flow goes to: a hash of the 5-tuple picks an entry of the frontend's table. */
#pragma once

#include "address.h"
#include "maps.h"

static __always_inline __u64 mix(__u64 value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdULL;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ULL;
	return value ^ (value >> 33);
}

static __always_inline __u32 hash_tuple(const struct sealway_tuple *t)
{
	__u64 ports = ((__u64)t->source_port << 32) | ((__u64)t->destination_port << 16) | t->protocol;

	return mix(mix(address_words(&t->source, &t->destination)) ^ ports);
}

/* What chooses the target: the whole tuple, or for a sticky frontend the client's address alone. */
static __always_inline __u32 hash_choice(const struct sealway_tuple *t, const struct sealway_frontend *frontend)
{
	if (frontend->flags & SEALWAY_FRONTEND_STICKY)
		return mix(address_words(&t->source, &t->source));
	return hash_tuple(t);
}

/* false: the frontend has nobody to take a new flow. */
static __always_inline bool choose_backend(__u32 frontend, __u32 hash, __u32 *id)
{
	void *table = bpf_map_lookup_elem(&maglev, &frontend);
	__u32 index = 0, head, size;
	__u32 *value;

	if (!table)
		return false;
	value = bpf_map_lookup_elem(table, &index);
	if (!value)
		return false;
	head = *(volatile __u32 *)value; /* read once: it says both which half counts and how large it is */
	size = head & ~SEALWAY_MAGLEV_SECOND;
	if (!size)
		return false;
	index = 1 + hash % size + (head & SEALWAY_MAGLEV_SECOND ? size : 0);
	value = bpf_map_lookup_elem(table, &index);
	if (!value)
		return false;
	*id = *value;
	return true;
}
