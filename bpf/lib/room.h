/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Whose place a new entry of the flow table takes. The choice needs the buckets' heads alone.
 *
 * The entry with the least to lose gives way: free or timed out; then of those in an uncompleted handshake, or only
 * lingering, the one nearest its end. An established flow gives way to nobody.
 */
#pragma once

#include "table.h"

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

static __always_inline struct place chosen(struct bucket *bucket, const struct choice *choice, __u32 way, __u32 number)
{
	bool established = choice->rank / WAYS >= 1ULL << RANK_OF_ESTABLISHED;
	struct place place = {
		.bucket = established ? NULL : bucket,
		.way = (choice->rank + way) % WAYS,
		.number = number,
	};

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

/* In the first two buckets: the first while it has room, for there a search ends sooner. No bucket: no place. */
static __always_inline struct place make_room(const struct home *home, __u64 now)
{
	struct place place = { .bucket = home->first, .way = home->way };
	const struct sealway_bucket_head *head = &home->first->head;
	struct bucket *second;
	struct choice one, two;

	if (head->expires[home->way % WAYS] < now && bits_in(head->established) <= ROOMY)
		return place;
	one = choose_entry(head, home->way, now);
	if (one.kept <= ROOMY && is_free(&one, now))
		return chosen(home->first, &one, home->way, 0);
	second = nth_bucket(home, 1);
	if (!second)
		return chosen(home->first, &one, home->way, 0);
	two = choose_entry(&second->head, home->way, now);
	if (is_better(&one, &two, now))
		return chosen(home->first, &one, home->way, 0);
	return chosen(second, &two, home->way, 1);
}

static __always_inline bool is_living(const struct place *place, __u32 now)
{
	return place->bucket->head.expires[place->way % WAYS] >= now;
}

/* Whether another flow of the same client would give way. */
static __always_inline bool displaces_own(const struct place *place, __u16 tag, __u32 now)
{
	return is_living(place, now) && place->bucket->head.tags[place->way % WAYS] == tag;
}

/* The third bucket instead, if that helps. */
static __always_inline void make_room_in_third(const struct home *home, __u64 now, struct place *place)
{
	struct bucket *third;
	struct choice three;

	if (place->bucket && !displaces_own(place, home->tag, now))
		return;
	third = nth_bucket(home, 2);
	if (!third)
		return;
	three = choose_entry(&third->head, home->way, now);
	if (!place->bucket || is_free(&three, now))
		*place = chosen(third, &three, home->way, 2);
}
