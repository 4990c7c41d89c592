/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Writing to the flow table: who gets a place, and whose. The choice needs the buckets' heads alone, and entries are
 * written once both of a flow have their place: nothing waits for their memory.
 *
 * The entry with the least to lose gives way: free or timed out; then of those in an uncompleted handshake, or only
 * lingering, the one nearest its end. An established flow gives way to nobody.
 * The functions that write are not static, so that the verifier goes through each once.
 */
#pragma once

#include "table.h"

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

/* Who gives way first has the smallest rank: its end in seconds, and above that the bit of the established (and of
 * those that change hands: a second).
 * Without branches, or the verifier would follow every order of eight entries. */
#define RANK_OF_ESTABLISHED 32
#define NO_RANK (1ULL << 40)
#define ROOMY 3 /* a bucket with more established flows is compared with the other one */

struct choice {
	__u64 rank; /* times eight, and how far from the way to begin */
	__u64 kept; /* established flows */
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

static __always_inline struct choice choose_entry(const struct sealway_bucket_head *head, __u32 way, __u64 now)
{
	struct choice choice = { .rank = NO_RANK };
	__u64 rank, end, established;
	__u32 i;

#pragma unroll
	for (i = 0; i < WAYS; i++) {
		end = head->expires[i];
		established = (head->established >> i | head->tenants[i]) & 1 & ~if_smaller(end, now);
		rank = (established << RANK_OF_ESTABLISHED | end) * WAYS + (i - way) % WAYS;
		choice.rank ^= (choice.rank ^ rank) & if_smaller(rank, choice.rank);
		choice.kept += established;
		/* One entry after the other, or the terms of the sum would not fit on the stack. */
		barrier_var(way);
		barrier_var(choice.kept);
	}
	return choice;
}

static __always_inline bool is_free(const struct choice *choice, __u64 now)
{
	return choice->rank / WAYS < now;
}

static __always_inline struct place chosen(struct bucket *bucket, const struct choice *choice, __u32 way)
{
	bool established = choice->rank / WAYS >= 1ULL << RANK_OF_ESTABLISHED;
	struct place place = { .bucket = established ? NULL : bucket, .way = (choice->rank + way) % WAYS };

	return place;
}

/* A free place comes before somebody's, and then the bucket with fewer established flows, so that neither fills up
 * with them while the other has room. */
static __always_inline bool is_better(const struct choice *one, const struct choice *two, __u64 now)
{
	if (is_free(one, now) != is_free(two, now))
		return is_free(one, now);
	return one->kept <= two->kept;
}

static __always_inline __u32 bits_in(__u8 byte)
{
	__u32 pairs = (byte & 0x55) + (byte >> 1 & 0x55);
	__u32 fours = (pairs & 0x33) + (pairs >> 2 & 0x33);

	return (fours & 0x0f) + (fours >> 4);
}

/* The first bucket while it has room, for there a search ends sooner. No bucket: no place. */
static __always_inline struct place make_room(const struct home *home, __u64 now)
{
	struct bucket *bucket = home->first;
	struct choice one, two;
	struct place place = { .bucket = bucket, .way = home->way };

	if (bucket->head.expires[home->way % WAYS] < now && bits_in(bucket->head.established) <= ROOMY)
		return place;
	one = choose_entry(&bucket->head, home->way, now);
	if (one.kept <= ROOMY && is_free(&one, now))
		return chosen(home->first, &one, home->way);
	two = choose_entry(&home->second->head, home->way, now);
	if (is_better(&one, &two, now))
		return chosen(home->first, &one, home->way);
	place = chosen(home->second, &two, home->way);
	place.spilled = true;
	return place;
}

/* What the heads know: its end, whether it is established, and that it lies in its second bucket. */
static __always_inline void write_head(const struct home *home, const struct place *place,
				       const struct sealway_flow *flow)
{
	struct sealway_bucket_head *head = &place->bucket->head;
	__u8 bit = 1 << (place->way % WAYS);

	head->expires[place->way % WAYS] = flow->expires;
	if (flow->flags & SEALWAY_FLOW_ESTABLISHED)
		head->established |= bit;
	else
		head->established &= ~bit;
	if (place->spilled && home->first->head.spilled_until < flow->expires + SEALWAY_SPILL_GRACE)
		home->first->head.spilled_until = flow->expires + SEALWAY_SPILL_GRACE;
}

/* An entry's number in the table, or the negative error. */
typedef __s64 entry_number;

/* A place for one of a flow's entries, which nobody sees until it is written. flow: the answer's entry with that key,
 * or the entry that another key's will be made of. -EEXIST: the key is another flow's; -ENOSPC: every place is an
 * established flow's. */
__noinline entry_number reserve_entry(const struct sealway_tuple *key, const struct sealway_flow *flow, __u32 now)
{
	bool answer;
	struct sealway_bucket_head *head;
	entry_number number = -ENOSPC;
	struct place place;
	struct home home;

	if (!key || !flow || !find_home(key, &home))
		return number;
	answer = flow->flags & SEALWAY_FLOW_ANSWER && same_key(key, flow);
	bpf_spin_lock(&home.lock->lock);
	place = at_home(&home, key, now);
	if (!place.bucket) {
		place = make_room(&home, now);
	} else if (is_taken_at(&place, flow, answer, now)) {
		number = -EEXIST;
		place.bucket = NULL;
	}
	if (place.bucket) {
		head = &place.bucket->head;
		head->tags[place.way % WAYS] = home.tag;
		head->tenants[place.way % WAYS] = (head->tenants[place.way % WAYS] + 1) | CHANGING;
		write_head(&home, &place, flow);
		number = (entry_number)(place.spilled ? home.second_index : home.first_index) * WAYS +
			 place.way % WAYS;
	}
	bpf_spin_unlock(&home.lock->lock);
	return number;
}

static __always_inline struct bucket *bucket_of(entry_number number)
{
	__u32 index = number / WAYS;

	return bpf_map_lookup_elem(&flows, &index);
}

/* Gives a reserved place back. */
static __always_inline void give_back(entry_number number)
{
	struct bucket *bucket = bucket_of(number);

	if (!bucket)
		return;
	bucket->entries[number % WAYS].protocol = 0;
	bucket->head.tags[number % WAYS] = 0;
	bucket->head.expires[number % WAYS] = 0;
	barrier();
	bucket->head.tenants[number % WAYS] += 1;
}

/* Fills a reserved place. */
static __always_inline void write_entry(entry_number number, const struct sealway_flow *flow)
{
	struct bucket *bucket = bucket_of(number);

	if (!bucket)
		return;
	bucket->entries[number % WAYS] = *(const struct sealway_entry *)flow;
	barrier();
	bucket->head.tenants[number % WAYS] += 1;
}

/* One entry alone. 0, or the (negative) error. */
__noinline int insert_flow(const struct sealway_flow *flow)
{
	entry_number place;

	if (!flow)
		return -ENOSPC;
	place = reserve_entry((const void *)flow, flow, seconds());
	if (place < 0)
		return place;
	write_entry(place, flow);
	return 0;
}

/* What a packet teaches about a flow. */
static __always_inline void write_state(const struct home *home, const struct place *place,
					const struct sealway_flow *as)
{
	struct sealway_entry *entry = &place->bucket->entries[place->way % WAYS];

	entry->flags = (entry->flags & SEALWAY_FLOW_ANSWER) | (as->flags & ~SEALWAY_FLOW_ANSWER);
	entry->client_fin = as->client_fin;
	entry->target_fin = as->target_fin;
	entry->start = as->start;
	write_head(home, place, as);
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
__noinline int change_flow(const struct sealway_tuple *key, const struct sealway_flow *as)
{
	struct place place;
	struct home home;
	__u32 now;

	if (!key || !find_home(key, &home))
		return 0;
	now = seconds();
	bpf_spin_lock(&home.lock->lock);
	place = at_home(&home, key, now);
	if (place.bucket && as)
		write_state(&home, &place, as);
	else if (place.bucket)
		free_entry(&place);
	bpf_spin_unlock(&home.lock->lock);
	return !!place.bucket;
}
