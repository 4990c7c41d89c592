/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Writing to the flow table. Entries are written once both of a flow have their place: nothing waits for their memory.
 *
 * The functions that write are not static, so that the verifier goes through each once. It knows nothing of their
 * arguments, so a bool is none of them.
 */
#pragma once

#include "room.h"

#define EEXIST 17
#define ENOSPC 28

static __always_inline bool same_rewrite(const struct sealway_entry *a, const struct sealway_flow *b)
{
	return same_address(&a->source, &b->source) && same_address(&a->destination, &b->destination) &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Whether `wanted` may take the place of a living entry with the same key. The target's side of the pair must be
 * nobody else's: not another flow's, nor one that the target still holds in TIME_WAIT. Another backend id
 * is an earlier tenant of the target's address. */
static __always_inline bool may_replace(const struct sealway_entry *entry, const struct sealway_flow *wanted)
{
	return entry->flags & SEALWAY_FLOW_ANSWER &&
	       (same_rewrite(entry, wanted) || entry->backend != wanted->backend);
}

/* Whether that answer (else: what a client sends) is another flow's, or just being written. For who holds the lock. */
static __always_inline bool is_taken_at(const struct place *place, const struct sealway_flow *wanted, bool answer,
					__u32 now)
{
	const struct sealway_bucket_head *head = &place->bucket->head;

	if (head->expires[place->way % WAYS] < now)
		return false;
	return head->tenants[place->way % WAYS] & CHANGING ||
	       (answer && !may_replace(&place->bucket->entries[place->way % WAYS], wanted));
}

/* That keys of the first bucket lie in another one. */
static __always_inline void note_spill(const struct home *home, __u32 number, __u32 expires, __u32 now)
{
	struct sealway_bucket_head *head = &home->first->head;

	if (!number)
		return;
	if (head->spilled_until < now)
		head->overflowed = 0;
	if (number > 1)
		head->overflowed = 1;
	if (head->spilled_until < expires + SEALWAY_SPILL_GRACE)
		head->spilled_until = expires + SEALWAY_SPILL_GRACE;
}

/* What the heads know: its end, whether it is established, and that it lies in another bucket than the first. */
static __always_inline void write_head(const struct home *home, const struct place *place,
				       const struct sealway_flow *flow, __u32 now)
{
	struct sealway_bucket_head *head = &place->bucket->head;
	__u8 bit = 1 << (place->way % WAYS);

	head->expires[place->way % WAYS] = flow->expires;
	if (flow->flags & SEALWAY_FLOW_ESTABLISHED)
		head->established |= bit;
	else
		head->established &= ~bit;
	note_spill(home, place->number, flow->expires, now);
}

/* An entry's number in the table, or the negative error. */
typedef __s64 entry_number;

static __always_inline entry_number number_of(const struct home *home, const struct place *place)
{
	__u32 index = home->indices[0];

	if (place->number == 1)
		index = home->indices[1];
	else if (place->number == 2)
		index = home->indices[2];
	return (entry_number)index * WAYS + place->way % WAYS;
}

static __always_inline void reserve(struct sealway_bucket_head *head, __u32 way, __u16 tag)
{
	head->tags[way % WAYS] = tag;
	head->tenants[way % WAYS] = (head->tenants[way % WAYS] + 1) | CHANGING;
}

/* A place for one of a flow's entries, which nobody sees until it is written. flow: what that will be, or be made of;
 * answer: the key is an answer's. -EEXIST: the key is another flow's; -ENOSPC: every place is an established flow's. */
__noinline entry_number reserve_entry(const struct sealway_tuple *key, const struct sealway_flow *flow, __u32 now,
				      int answer)
{
	entry_number number = -ENOSPC;
	struct place place;
	struct home home;

	if (!key || !flow || !find_home(key, answer, &home))
		return number;
	bpf_spin_lock(&home.lock->lock);
	place = at_home(&home, key, now);
	if (!place.bucket) {
		place = make_room(&home, now);
		make_room_in_third(&home, now, &place);
	} else if (is_taken_at(&place, flow, answer, now)) {
		number = -EEXIST;
		place.bucket = NULL;
	}
	if (place.bucket) {
		reserve(&place.bucket->head, place.way, home.tag);
		write_head(&home, &place, flow, now);
		number = number_of(&home, &place);
	}
	bpf_spin_unlock(&home.lock->lock);
	return number;
}

/* Whether surely neither key is there. */
static __always_inline bool has_neither(const struct home *home, __u16 tag, __u16 other_tag, __u32 now)
{
	if (may_have(home->first, tag) || may_have(home->first, other_tag))
		return false;
	if (spilled_until(home->first) < now)
		return true;
	return !home->first->head.overflowed && !may_have(home->second, tag) && !may_have(home->second, other_tag);
}

/* Whether an answer with that tag may have the place beside that one: nobody there has more to lose. */
static __always_inline bool has_free_neighbour(const struct place *place, __u16 tag, __u32 now)
{
	const struct sealway_bucket_head *head = &place->bucket->head;
	struct place beside = *place;

	beside.way ^= 1;
	if (!is_living(&beside, now))
		return true;
	return head->expires[beside.way % WAYS] <= head->expires[place->way % WAYS] &&
	       !((head->established >> beside.way | head->tenants[beside.way % WAYS]) & 1) &&
	       !displaces_own(&beside, tag, now);
}

/* Both places of a new flow, whose client is seen, at once: the client's, with the answer's beside it; or -ENOSPC: not so
 * simply. */
__noinline entry_number reserve_pair(const struct sealway_tuple *key, const struct sealway_flow *answer, __u32 now)
{
	entry_number number = -ENOSPC;
	struct place place;
	struct home home;
	__u64 client;
	__u16 tag;

	if (!key || !answer)
		return number;
	client = hash_client(seed(), key, false);
	tag = tag_of(client, hash_key(client, (const void *)answer, true));
	if (!find_home_of(key, false, client, &home))
		return number;
	bpf_spin_lock(&home.lock->lock);
	place = make_room(&home, now);
	if (place.bucket && has_neither(&home, home.tag, tag, now) && !displaces_own(&place, tag, now) &&
	    has_free_neighbour(&place, tag, now)) {
		reserve(&place.bucket->head, place.way, home.tag);
		write_head(&home, &place, answer, now);
		place.way ^= 1;
		reserve(&place.bucket->head, place.way, tag);
		write_head(&home, &place, answer, now);
		place.way ^= 1;
		number = number_of(&home, &place);
	}
	bpf_spin_unlock(&home.lock->lock);
	return number;
}

static __always_inline struct bucket *bucket_of(entry_number number)
{
	__u32 index = (__u64)number / WAYS; /* BPF divides no signed number */

	return bpf_map_lookup_elem(&flows, &index);
}

/* Gives a reserved place back. */
static __always_inline void give_back(entry_number number)
{
	struct bucket *bucket = bucket_of(number);

	if (!bucket)
		return;
	bucket->entries[(__u64)number % WAYS].protocol = 0;
	bucket->head.tags[(__u64)number % WAYS] = 0;
	bucket->head.expires[(__u64)number % WAYS] = 0;
	barrier();
	bucket->head.tenants[(__u64)number % WAYS] += 1;
}

/* Fills a reserved place. */
static __always_inline void write_entry(entry_number number, const struct sealway_flow *flow)
{
	struct bucket *bucket = bucket_of(number);

	if (!bucket)
		return;
	bucket->entries[(__u64)number % WAYS] = *(const struct sealway_entry *)flow;
	barrier();
	bucket->head.tenants[(__u64)number % WAYS] += 1;
}

/* One entry alone. 0, or the (negative) error. */
__noinline int insert_flow(const struct sealway_flow *flow)
{
	entry_number place;

	if (!flow)
		return -ENOSPC;
	place = reserve_entry((const void *)flow, flow, seconds(), flow->flags & SEALWAY_FLOW_ANSWER);
	if (place < 0)
		return place;
	write_entry(place, flow);
	return 0;
}

/* What a packet teaches about a flow. */
static __always_inline void write_state(const struct home *home, const struct place *place,
					const struct sealway_flow *as, __u32 now)
{
	struct sealway_entry *entry = &place->bucket->entries[place->way % WAYS];

	entry->flags = (entry->flags & SEALWAY_FLOW_ANSWER) | (as->flags & ~SEALWAY_FLOW_ANSWER);
	entry->client_fin = as->client_fin;
	entry->target_fin = as->target_fin;
	entry->start = as->start;
	write_head(home, place, as, now);
}

static __always_inline void free_entry(const struct place *place)
{
	struct sealway_bucket_head *head = &place->bucket->head;

	place->bucket->entries[place->way % WAYS].protocol = 0;
	head->tags[place->way % WAYS] = 0;
	head->expires[place->way % WAYS] = 0;
	head->established &= ~(1 << (place->way % WAYS));
}

/* Frees the entry with that key (as: NULL), or gives it a new state. Whether there was one. */
__noinline int change_flow(const struct sealway_tuple *key, const struct sealway_flow *as, int answer)
{
	struct place place;
	struct home home;
	__u32 now;

	if (!key || !find_home(key, answer, &home))
		return 0;
	now = seconds();
	bpf_spin_lock(&home.lock->lock);
	place = at_home(&home, key, now);
	if (place.bucket && as)
		write_state(&home, &place, as, now);
	else if (place.bucket)
		free_entry(&place);
	bpf_spin_unlock(&home.lock->lock);
	return !!place.bucket;
}
