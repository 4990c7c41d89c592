/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The flow table: an array of buckets of eight entries, and a key may lie in any of three buckets.
 *
 * The first two go by the client's address and port alone, which the keys of both directions name: so one entry is for both
 * (sides.h), and a new flow waits once for cold memory. Towards the target of a hidden client the load balancer is the
 * client, so that its answers have an entry elsewhere. The third bucket goes by the whole key, and is for a client that has
 * so many flows from one port that they would displace each other.
 *
 * A bucket's head has a tag of 16 bits for each entry, of its client's hash, and tells until when keys of this bucket may
 * lie in another one. So what is not there costs a search one cache line, nearly always.
 *
 * A search reads without a lock. Who writes to a head holds the lock that all three share (lock.h). A new entry is written
 * after that, without: `tenants` is odd meanwhile, so that no reader takes it, and none who copied half of each tenant
 * fails to notice. (On processors that reorder loads a copy can still be mixed in the nanoseconds of such a change, as in
 * the kernel's own preallocated hash maps.)
 */
#pragma once

#include "clock.h"
#include "home.h"
#include "sides.h"

#define CHANGING 1 /* in tenants */
#define BOTH_FINS (SEALWAY_FLOW_CLIENT_FIN | SEALWAY_FLOW_TARGET_FIN)

/* Where an entry is; bucket NULL: nowhere. */
struct place {
	struct bucket *bucket;
	__u32 way;
	__u32 number; /* of its key's buckets: 0, 1, 2 */
};

#define LANES 0x0001000100010001ULL
#define LANE 16

/* The highest bit of each lane that holds the tag (and perhaps of lanes above the first that does). */
static __always_inline __u64 lanes_with(__u64 lanes, __u16 tag)
{
	__u64 differences = lanes ^ tag * LANES;

	return (differences - LANES) & ~differences & LANES << (LANE - 1);
}

static __always_inline bool may_have(const struct bucket *bucket, __u16 tag)
{
	const whole_word *tags = (const void *)bucket->head.tags;

	return lanes_with(tags[0], tag) | lanes_with(tags[1], tag);
}

/* The way of the entry for such packets; WAYS: it is not there. */
static __always_inline __u32 in_bucket(struct bucket *bucket, __u16 tag, const struct sealway_tuple *key, bool answer)
{
	const whole_word *tags = (const void *)bucket->head.tags;
	__u64 low = lanes_with(tags[0], tag), high = lanes_with(tags[1], tag);
	__u32 i;

	if (!(low | high))
		return WAYS;
#pragma unroll
	for (i = 0; i < WAYS; i++)
		if ((i < WAYS / 2 ? low : high) >> (i % (WAYS / 2) * LANE + LANE - 1) & 1 &&
		    leads(&bucket->entries[i], key, answer))
			return i;
	return WAYS;
}

static __always_inline __u32 spilled_until(struct bucket *bucket)
{
	return ((volatile struct bucket *)bucket)->head.spilled_until;
}

/* Where the key is, for who holds the lock. */
static __always_inline struct place at_home(const struct home *home, const struct sealway_tuple *key, bool answer,
					    __u32 now)
{
	struct place place = { .bucket = home->first };

	place.way = in_bucket(home->first, home->tag, key, answer);
	if (place.way == WAYS && spilled_until(home->first) >= now) {
		place.number = 1;
		place.bucket = nth_bucket(home, 1);
		place.way = place.bucket ? in_bucket(place.bucket, home->tag, key, answer) : WAYS;
		if (place.way == WAYS && home->first->head.overflowed) {
			place.number = 2;
			place.bucket = nth_bucket(home, 2);
			place.way = place.bucket ? in_bucket(place.bucket, home->tag, key, answer) : WAYS;
		}
	}
	if (place.way == WAYS)
		place.bucket = NULL;
	return place;
}

static __always_inline __u8 tenant_of(struct bucket *bucket, __u32 way)
{
	return ((volatile struct bucket *)bucket)->head.tenants[way % WAYS];
}

/* Whether the key is there, and the copy whole: another tenant may come in the midst of it. */
static __always_inline bool copy_entry(struct bucket *bucket, __u32 way, const struct sealway_tuple *key, bool answer,
				       struct sealway_flow *copy)
{
	__u8 tenant = tenant_of(bucket, way);

	barrier();
	if (tenant & CHANGING || !leads(&bucket->entries[way % WAYS], key, answer))
		return false;
	*(struct sealway_entry *)copy = bucket->entries[way % WAYS];
	copy->flags &= ~SIDES;
	if (answer)
		turn((void *)copy);
	copy->expires = bucket->head.expires[way % WAYS];
	barrier();
	return tenant_of(bucket, way) == tenant;
}

/* The whole search, where the quick one has not told. */
__noinline int search_flow(const struct sealway_tuple *key, struct sealway_flow *copy, int answer)
{
	struct place place;
	struct home home;

	if (!key || !copy || !find_home(key, answer, &home))
		return 0;
	place = at_home(&home, key, answer, seconds());
	return place.bucket && copy_entry(place.bucket, place.way, key, answer, copy);
}

/* Copies the entry; 0: there is none. Inline: on every packet's way, a call costs a tenth of it. */
static __always_inline int find_flow(const struct sealway_tuple *key, bool answer, struct sealway_flow *copy)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	struct bucket *bucket;
	__u64 client;
	__u32 index;

	if (!c)
		return 0;
	client = hash_client(c->seed, key, answer);
	index = first_bucket(c, client);
	bucket = bpf_map_lookup_elem(&flows, &index);
	if (!bucket)
		return 0;
	if (copy_entry(bucket, way_of(client), key, answer, copy))
		return 1;
	if (!spilled_until(bucket) && !may_have(bucket, tag_of(client)))
		return 0;
	return search_flow(key, copy, answer);
}

/* Reads what inserting this key will need, so that it is on its way from memory while others are. Nothing waits. */
static __always_inline void expect_flow(const struct sealway_tuple *key, bool answer)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	volatile struct bucket *bucket, *other;
	__u32 index, way;
	__u64 client;

	if (!c)
		return;
	client = hash_client(c->seed, key, answer);
	index = first_bucket(c, client);
	bucket = bpf_map_lookup_elem(&flows, &index);
	if (!bucket)
		return;
	index = other_bucket(c, index, step_to_second(client));
	other = bpf_map_lookup_elem(&flows, &index);
	(void)bucket->head.established;
	if (other)
		(void)other->head.established;
	way = way_of(client);
	(void)bucket->entries[way].protocol;
	(void)bucket->entries[way].flags;
}

static __always_inline __u32 timeout_of(const struct sealway_flow *flow)
{
	__u32 flags = flow->flags;

	if (flags & SEALWAY_FLOW_CLIENT_RESET)
		return SEALWAY_RESET_TIMEOUT;
	if (flags & SEALWAY_FLOW_LINGERING || (flags & BOTH_FINS) == BOTH_FINS)
		return SEALWAY_CLOSING_TIMEOUT;
	if (!(flags & SEALWAY_FLOW_ESTABLISHED) && flow->protocol == IPPROTO_TCP)
		return SEALWAY_HANDSHAKE_TIMEOUT;
	return flow->idle_timeout;
}

static __always_inline bool timed_out(const struct sealway_flow *flow, __u32 now)
{
	return now > flow->expires;
}
