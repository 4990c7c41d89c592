/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Writing to the flow table: who gets a place, and whose.
 *
 * The entry with the least to lose gives way: free or timed out; then of those in an uncompleted handshake, or only
 * lingering, the one nearest its end. An established flow gives way to nobody.
 * The functions that write are not static, so that the verifier goes through each once.
 */
#pragma once

#include "table.h"

#define EEXIST 17
#define ENOSPC 28

static __always_inline bool same_rewrite(const struct sealway_flow *a, const struct sealway_flow *b)
{
	return same_address(&a->source, &b->source) && same_address(&a->destination, &b->destination) &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Whether `wanted` may take the place of an entry with the same key. The target's side of the pair must be
 * nobody else's: not a living flow's, nor one that the target still holds in TIME_WAIT. Another backend id
 * is an earlier tenant of the target's address. */
static __always_inline bool may_replace(const struct sealway_flow *entry, const struct sealway_flow *wanted,
					__u32 now)
{
	if (!(wanted->flags & SEALWAY_FLOW_ANSWER))
		return true;
	if (!(entry->flags & SEALWAY_FLOW_ANSWER))
		return timed_out(entry, now);
	return same_rewrite(entry, wanted) || entry->backend != wanted->backend || timed_out(entry, now);
}

/* Who gives way first has the smallest rank: its end in seconds, and above that the bit of the established.
 * Without branches, or the verifier would follow every order of eight entries. */
#define RANK_OF_ESTABLISHED 32
#define ESTABLISHED_BIT 9

#define NO_RANK (1ULL << 40)
#define MANY 4 /* from here on the emptier bucket is chosen, and half a table always finds a place */

struct choice {
	__u64 rank; /* times eight, and how far from the way to begin */
	__u64 room; /* entries that anybody may have */
};

/* All ones where a is smaller, else 0; both below 2^63. */
static __always_inline __u64 if_smaller(__u64 a, __u64 b)
{
	__s64 mask = a - b;

	barrier_var(mask);
	mask >>= 63;
	barrier_var(mask);
	return mask;
}

static __always_inline struct choice choose_entry(struct bucket *bucket, __u32 way, __u64 now)
{
	struct choice choice = { .rank = NO_RANK };
	__u64 rank, end, over;
	__u32 i;

#pragma unroll
	for (i = 0; i < WAYS; i++) {
		end = bucket->entries[i].expires;
		over = if_smaller(end, now);
		rank = bucket->entries[i].flags & SEALWAY_FLOW_ESTABLISHED;
		rank = ((rank << (RANK_OF_ESTABLISHED - ESTABLISHED_BIT)) & ~over) | end;
		rank = rank * WAYS + (i - way) % WAYS;
		choice.rank ^= (choice.rank ^ rank) & if_smaller(rank, choice.rank);
		choice.room -= over;
	}
	return choice;
}

static __always_inline bool has_place(const struct choice *choice)
{
	return choice->rank / WAYS < 1ULL << RANK_OF_ESTABLISHED;
}

/* The first bucket as long as it is not much fuller: there a search ends sooner. NULL: no place. */
static __always_inline struct sealway_flow *make_room(const struct home *home, __u64 now)
{
	struct choice one = choose_entry(home->first, home->way, now);
	struct choice two = choose_entry(home->second, home->way, now);

	if (one.room > WAYS - MANY || (one.rank / WAYS <= two.rank / WAYS && one.room >= two.room))
		return has_place(&one) ? &home->first->entries[(one.rank + home->way) % WAYS] : NULL;
	return has_place(&two) ? &home->second->entries[(two.rank + home->way) % WAYS] : NULL;
}

static __always_inline void write_entry(struct sealway_flow *entry, const struct sealway_flow *wanted)
{
	volatile struct sealway_flow *e = entry;
	__u32 tenant = e->tenant + 1;

	e->protocol = 0;
	e->tenant = tenant;
	barrier();
	entry->source = wanted->source;
	entry->destination = wanted->destination;
	entry->source_port = wanted->source_port;
	entry->destination_port = wanted->destination_port;
	entry->backend = wanted->backend;
	entry->client_ifindex = wanted->client_ifindex;
	entry->client_fin = wanted->client_fin;
	entry->target_fin = wanted->target_fin;
	entry->expires = wanted->expires;
	entry->start = wanted->start;
	entry->frontend = wanted->frontend;
	entry->idle_timeout = wanted->idle_timeout;
	entry->flags = wanted->flags;
	entry->key_source = wanted->key_source;
	entry->key_destination = wanted->key_destination;
	entry->key_source_port = wanted->key_source_port;
	entry->key_destination_port = wanted->key_destination_port;
	barrier();
	e->protocol = wanted->protocol;
}

/* 0; -EEXIST: the key is another flow's; -ENOSPC: every place is an established flow's. */
__noinline int insert_flow(const struct sealway_flow *wanted)
{
	struct sealway_flow *entry;
	struct home home;
	__u32 now;
	int error = 0;

	if (!wanted || !find_home((const void *)wanted, &home))
		return -ENOSPC;
	now = seconds();
	bpf_spin_lock(&home.lock->lock);
	entry = at_home(&home, (const void *)wanted);
	if (entry && !may_replace(entry, wanted, now))
		error = -EEXIST;
	else if (!entry)
		entry = make_room(&home, now);
	if (entry && !error)
		write_entry(entry, wanted);
	bpf_spin_unlock(&home.lock->lock);
	return entry ? error : -ENOSPC;
}

/* What a packet teaches about a flow. */
static __always_inline void write_state(struct sealway_flow *entry, const struct sealway_flow *as)
{
	entry->flags = (entry->flags & SEALWAY_FLOW_ANSWER) | (as->flags & ~SEALWAY_FLOW_ANSWER);
	entry->client_fin = as->client_fin;
	entry->target_fin = as->target_fin;
	entry->expires = as->expires;
	entry->start = as->start;
}

/* Frees the entry with that key (as: NULL), or gives it a new state. Whether there was one. */
__noinline int change_flow(const struct sealway_tuple *key, const struct sealway_flow *as)
{
	struct sealway_flow *entry;
	struct home home;

	if (!key || !find_home(key, &home))
		return 0;
	bpf_spin_lock(&home.lock->lock);
	entry = at_home(&home, key);
	if (entry && as) {
		write_state(entry, as);
	} else if (entry) {
		entry->protocol = 0;
		entry->expires = 0;
	}
	bpf_spin_unlock(&home.lock->lock);
	return !!entry;
}
