/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The flow table: an array of buckets of eight entries, and a key may lie in any of three buckets.
 *
 * The first two go by the client's address and port alone, which the keys of both directions name: a flow's two entries
 * are neighbours, and a new flow waits once for cold memory. (A hidden client's are not: towards its target the load
 * balancer is the client.) The third goes by the whole key, and is for a client that has so many flows from one port that
 * they would displace each other.
 *
 * A bucket's head has a tag of 16 bits for each entry, and tells until when keys of this bucket may lie in
 * another one. So what is not there costs a search one cache line, nearly always.
 *
 * A search reads without a lock. Who writes to a head holds the lock that all three share. A new entry is written
 * after that, without: `tenants` is odd meanwhile, so that no reader takes it, and none who copied half of each tenant
 * fails to notice. (On processors that reorder loads a copy can still be mixed in the nanoseconds of such a change, as in
 * the kernel's own preallocated hash maps.)
 */
#pragma once

#include "clock.h"
#include "home.h"
#include "packet.h"

#define CHANGING 1 /* in tenants */
#define KEY_WORDS (sizeof(struct sealway_tuple) / sizeof(__u64))
#define BOTH_FINS (SEALWAY_FLOW_CLIENT_FIN | SEALWAY_FLOW_TARGET_FIN)

/* Where an entry is; bucket NULL: nowhere. */
struct place {
	struct bucket *bucket;
	__u32 way;
	__u32 number; /* of its key's buckets: 0, 1, 2 */
};

static __always_inline bool same_key(const void *a, const void *b)
{
	const whole_word *x = a, *y = b;

	__u64 differences = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < KEY_WORDS; i++)
		differences |= x[i] ^ y[i];
	return !differences;
}

#define LANES 0x0001000100010001ULL
#define LANE 16

/* The highest bit of each lane that holds the tag (and perhaps of lanes above the first that does). */
static __always_inline __u64 lanes_with(__u64 lanes, __u16 tag)
{
	__u64 differences = lanes ^ tag * LANES;

	return (differences - LANES) & ~differences & LANES << (LANE - 1);
}

/* The key's way in the bucket; WAYS: it is not there. */
static __always_inline __u32 in_bucket(struct bucket *bucket, __u16 tag, const struct sealway_tuple *key)
{
	const whole_word *tags = (const void *)bucket->head.tags;
	__u64 low = lanes_with(tags[0], tag), high = lanes_with(tags[1], tag);
	__u32 i;

	if (!(low | high))
		return WAYS;
#pragma unroll
	for (i = 0; i < WAYS; i++)
		if ((i < WAYS / 2 ? low : high) >> (i % (WAYS / 2) * LANE + LANE - 1) & 1 &&
		    same_key(&bucket->entries[i], key))
			return i;
	return WAYS;
}

static __always_inline __u32 spilled_until(struct bucket *bucket)
{
	return ((volatile struct bucket *)bucket)->head.spilled_until;
}

/* Where the key is, for who holds the lock (and so can call nobody, not even for the time). */
static __always_inline struct place at_home(const struct home *home, const struct sealway_tuple *key, __u32 now)
{
	struct place place = { .bucket = home->first };

	place.way = in_bucket(home->first, home->tag, key);
	if (place.way == WAYS && spilled_until(home->first) >= now) {
		place.bucket = home->second;
		place.number = 1;
		place.way = in_bucket(home->second, home->tag, key);
		if (place.way == WAYS && home->first->head.overflowed) {
			place.bucket = home->third;
			place.number = 2;
			place.way = in_bucket(home->third, home->tag, key);
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
static __always_inline bool copy_entry(struct bucket *bucket, __u32 way, const struct sealway_tuple *key,
				       struct sealway_flow *copy)
{
	__u8 tenant = tenant_of(bucket, way);

	barrier();
	if (tenant & CHANGING || !same_key(&bucket->entries[way % WAYS], key))
		return false;
	*(struct sealway_entry *)copy = bucket->entries[way % WAYS];
	copy->expires = bucket->head.expires[way % WAYS];
	barrier();
	return tenant_of(bucket, way) == tenant;
}

static __always_inline bool may_have(struct bucket *bucket, __u16 tag)
{
	const whole_word *tags = (const void *)bucket->head.tags;

	return lanes_with(tags[0], tag) | lanes_with(tags[1], tag);
}

/* The whole search, where the quick one has not told. */
__noinline int search_flow(const struct sealway_tuple *key, struct sealway_flow *copy, int answer)
{
	struct bucket *bucket;
	struct home home;
	__u32 way;

	if (!key || !copy || !find_home(key, answer, &home))
		return 0;
	bucket = home.first;
	way = in_bucket(bucket, home.tag, key);
	if (way == WAYS && spilled_until(home.first) >= seconds()) {
		bucket = home.second;
		way = in_bucket(bucket, home.tag, key);
		if (way == WAYS && home.first->head.overflowed) {
			bucket = home.third;
			way = in_bucket(bucket, home.tag, key);
		}
	}
	return way != WAYS && copy_entry(bucket, way, key, copy);
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
	if (copy_entry(bucket, way_of(client, answer), key, copy))
		return 1;
	if (!spilled_until(bucket) && !may_have(bucket, tag_of(client, hash_key(client, key, answer))))
		return 0;
	return search_flow(key, copy, answer);
}

/* Reads what inserting this key and its neighbour will need, so that it is on its way from memory while others are.
 * Nothing waits. */
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
	way = way_of(client, answer) & ~1;
	(void)bucket->entries[way].protocol;
	(void)bucket->entries[way + 1].protocol;
	(void)bucket->entries[way + 1].flags;
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
