/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Writing to the flow table. Entries are written once both of a flow have their place: nothing waits for their memory.
 *
 * The functions that write are not static, so that the verifier goes through each once. It knows nothing of their
 * arguments, so a bool is none of them.
 */
#pragma once

#include "lock.h"
#include "room.h"

#define EEXIST 17
#define ENOSPC 28

static __always_inline bool same_rewrite(const struct sealway_flow *a, const struct sealway_flow *b)
{
	return same_address(&a->source, &b->source) && same_address(&a->destination, &b->destination) &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Whether the entry's answers become what `wanted`, an answer's, says. */
static __always_inline bool answers_alike(const struct sealway_entry *entry, const struct sealway_flow *wanted)
{
	return same_address(&entry->key_source, &wanted->destination) &&
	       same_address(&entry->key_destination, &wanted->source) &&
	       entry->key_source_port == wanted->destination_port && entry->key_destination_port == wanted->source_port;
}

/* Whether that answer (else: what a client sends) is another flow's, or just being written. For who holds the lock.
 * The target's side of the pair must be nobody else's: not another flow's, nor one that the target still holds in
 * TIME_WAIT. Another backend id is an earlier tenant of the target's address. */
static __always_inline bool is_taken_at(const struct place *place, const struct sealway_flow *wanted, bool answer,
					__u32 now)
{
	const struct sealway_bucket_head *head = &place->bucket->head;
	const struct sealway_entry *entry = &place->bucket->entries[place->way % WAYS];

	if (head->expires[place->way % WAYS] < now)
		return false;
	return head->tenants[place->way % WAYS] & CHANGING ||
	       (answer && !answers_alike(entry, wanted) && entry->backend == wanted->backend);
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

	if (!key || !flow || !find_home(key, answer, &home) || !take(home.lock))
		return number;
	place = at_home(&home, key, answer, now);
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
	let_go(home.lock);
	return number;
}

static __always_inline void free_entry(const struct place *place)
{
	struct sealway_bucket_head *head = &place->bucket->head;

	place->bucket->entries[place->way % WAYS].protocol = 0;
	head->tags[place->way % WAYS] = 0;
	head->expires[place->way % WAYS] = 0;
	head->established &= ~(1 << (place->way % WAYS));
}

/* For those directions there is an entry no more. */
static __always_inline void free_sides(const struct place *place, __u32 sides)
{
	struct sealway_entry *entry = &place->bucket->entries[place->way % WAYS];

	entry->flags &= ~sides;
	if (!(entry->flags & SIDES))
		free_entry(place);
}

/* Whether surely the client has no flow at all. */
static __always_inline bool has_none(const struct home *home, __u32 now)
{
	struct bucket *second;

	if (may_have(home->first, home->tag))
		return false;
	if (spilled_until(home->first) < now)
		return true;
	second = nth_bucket(home, 1);
	return second && !home->first->head.overflowed && !may_have(second, home->tag);
}

/* Whether that direction of the flow has no entry, or has none any more: what is over gives its place up, and so does what
 * is just the same flow's, as of the client's last connection. twin: the answer's key. */
static __always_inline bool is_over_at_home(const struct home *home, const struct sealway_tuple *key,
					    const struct sealway_tuple *twin, bool answer, __u32 now)
{
	struct place place = at_home(home, answer ? twin : key, answer, now);
	struct sealway_entry *entry;

	if (!place.bucket)
		return true;
	entry = &place.bucket->entries[place.way % WAYS];
	if (tenant_of(place.bucket, place.way) & CHANGING ||
	    (is_living(&place, now) && !(same_key(entry, key) && comes_back(entry, twin))))
		return false;
	free_sides(&place, side_of(answer));
	return true;
}

/* A place for both directions of a new flow, whose client is seen; or -ENOSPC: not so simply. */
__noinline entry_number reserve_both(const struct sealway_flow *flow, __u32 now)
{
	const struct sealway_tuple *key = (const void *)flow;
	entry_number number = -ENOSPC;
	struct sealway_tuple twin;
	struct place place;
	struct home home;

	if (!flow || !find_home(key, false, &home) || !take(home.lock))
		return number;
	twin = twin_key(flow, flow->protocol);
	if (has_none(&home, now) ||
	    (is_over_at_home(&home, key, &twin, false, now) && is_over_at_home(&home, key, &twin, true, now))) {
		place = make_room(&home, now);
		if (place.bucket && !displaces_own(&place, home.tag, now)) {
			reserve(&place.bucket->head, place.way, home.tag);
			write_head(&home, &place, flow, now);
			number = number_of(&home, &place);
		}
	}
	let_go(home.lock);
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

/* Fills a reserved place. answer: flow is an answer's; sides: of which directions the entry shall be. */
static __always_inline void write_entry(entry_number number, const struct sealway_flow *flow, bool answer, __u32 sides)
{
	struct bucket *bucket = bucket_of(number);
	struct sealway_entry *entry;

	if (!bucket)
		return;
	entry = &bucket->entries[(__u64)number % WAYS];
	*entry = *(const struct sealway_entry *)flow;
	if (answer)
		turn(entry);
	entry->flags = (flow->flags & ~SIDES) | sides;
	barrier();
	bucket->head.tenants[(__u64)number % WAYS] += 1;
}

/* One entry alone. 0, or the (negative) error. */
__noinline int insert_flow(const struct sealway_flow *flow)
{
	entry_number place;
	bool answer;

	if (!flow)
		return -ENOSPC;
	answer = flow->flags & SEALWAY_FLOW_ANSWER;
	place = reserve_entry((const void *)flow, flow, seconds(), answer);
	if (place < 0)
		return place;
	write_entry(place, flow, answer, side_of(answer));
	return 0;
}

/* What a packet teaches about a flow. */
static __always_inline void write_state(const struct home *home, const struct place *place,
					const struct sealway_flow *as, __u32 now)
{
	struct sealway_entry *entry = &place->bucket->entries[place->way % WAYS];

	entry->flags = (entry->flags & SIDES) | (as->flags & ~SIDES);
	entry->client_fin = as->client_fin;
	entry->target_fin = as->target_fin;
	entry->start = as->start;
	write_head(home, place, as, now);
}

/* Frees the entry with that key (as: NULL), or gives it a new state. Of which directions it was; 0: there is none.
 * sides: of which directions that shall be, one that is not the key's only where the entry is for both. A state is
 * always both's. */
__noinline int change_flow(const struct sealway_tuple *key, const struct sealway_flow *as, int answer, __u32 sides)
{
	struct place place;
	struct home home;
	__u32 now, found = 0;

	if (!key || !find_home(key, answer, &home) || !take(home.lock))
		return 0;
	now = seconds();
	place = at_home(&home, key, answer, now);
	if (place.bucket && !(tenant_of(place.bucket, place.way) & CHANGING)) {
		found = place.bucket->entries[place.way % WAYS].flags & SIDES;
		if (as)
			write_state(&home, &place, as, now);
		else
			free_sides(&place, sides);
	}
	let_go(home.lock);
	return found;
}
