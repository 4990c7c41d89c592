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
	__u32 *head = bpf_map_lookup_elem(&maglev_heads, &frontend);
	__u32 entry, chunk, line, word, size;
	struct maglev_line *found;
	void *chunks;

	if (!head)
		return false;
	word = *(volatile __u32 *)head; /* read once: it says both which table counts and how large it is */
	size = word & ~SEALWAY_MAGLEV_SECOND;
	if (!size)
		return false;
	entry = (__u64)hash * size >> 32;
	chunk = frontend * SEALWAY_MAGLEV_CHUNKS + entry / SEALWAY_MAGLEV_CHUNK;
	line = (word & SEALWAY_MAGLEV_SECOND ? SEALWAY_MAGLEV_CHUNK : 0) + entry % SEALWAY_MAGLEV_CHUNK;
	line /= SEALWAY_MAGLEV_LINE;
	chunks = bpf_map_lookup_elem(&maglev, &chunk);
	if (!chunks)
		return false;
	found = bpf_map_lookup_elem(chunks, &line);
	if (!found)
		return false;
	*id = found->backends[entry % SEALWAY_MAGLEV_LINE];
	return true;
}
