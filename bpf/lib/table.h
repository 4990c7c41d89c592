/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The flow table: an array of buckets of eight entries, and a key may lie in either of two buckets.
 *
 * A bucket's head has a tag of 16 bits for each entry, and tells until when keys of this bucket may lie in their
 * second one. So what is not there costs a search one cache line, nearly always.
 *
 * A search reads without a lock. Who writes to a head holds the lock that both buckets share. A new entry is written
 * after that, without: `tenants` is odd meanwhile, so that no reader takes it, and none who copied half of each tenant
 * fails to notice. (On processors that reorder loads a copy can still be mixed in the nanoseconds of such a change, as in
 * the kernel's own preallocated hash maps.)
 */
#pragma once

#include "maps.h"
#include "packet.h"

#define WAYS SEALWAY_FLOWS_PER_BUCKET
#define CHANGING 1 /* in tenants */
#define KEY_WORDS (sizeof(struct sealway_tuple) / sizeof(__u64))
#define BOTH_FINS (SEALWAY_FLOW_CLIENT_FIN | SEALWAY_FLOW_TARGET_FIN)

typedef __u64 __attribute__((may_alias)) key_word;

struct home {
	struct bucket *first;
	struct bucket *second;
	__u32 first_index;
	__u32 second_index;
	struct lock *lock;
	__u32 way; /* where in a bucket to begin */
	__u16 tag;
};

/* Where an entry is; bucket NULL: nowhere. */
struct place {
	struct bucket *bucket;
	__u32 way;
	bool spilled; /* in the second bucket */
};

/* Nanoseconds divided by 10^9, without a division: in units of 2^20 ns, times 2^54 / 10^9. Less than a second off in ten
 * years. */
static __always_inline __u32 seconds(void)
{
	return (bpf_ktime_get_coarse_ns() >> 20) * 18014399 >> 34;
}

static __always_inline bool same_key(const void *a, const void *b)
{
	const key_word *x = a, *y = b;

	__u64 differences = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < KEY_WORDS; i++)
		differences |= x[i] ^ y[i];
	return !differences;
}

static __always_inline __u64 keyed_hash(__u64 seed, const struct sealway_tuple *key)
{
	const key_word *words = (const void *)key;
	__u64 hash = (words[0] ^ seed) * 0x9fb21c651e98df25ULL;
	__u32 i;

#pragma unroll
	for (i = 1; i < KEY_WORDS; i++)
		hash = (hash ^ (hash >> 29) ^ words[i]) * 0xd6e8feb86659fd93ULL;
	return hash ^ (hash >> 32);
}

/* Both buckets are of one lock: they differ in the bits above its number. */
static __always_inline __u32 second_bucket(const struct sealway_config *c, __u64 hash)
{
	return (hash + (c->lock_mask + 1) * (((hash >> 48) & 15) | 1)) & c->bucket_mask;
}

static __always_inline __u16 tag_of(__u64 hash)
{
	return hash >> 32 | 1;
}

static __always_inline __u32 way_of(__u64 hash)
{
	return hash >> 61;
}

static __always_inline bool find_home(const struct sealway_tuple *key, struct home *home)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	__u32 first, second, lock;
	__u64 hash;

	if (!c)
		return false;
	hash = keyed_hash(c->seed, key);
	first = hash & c->bucket_mask;
	lock = hash & c->lock_mask;
	second = second_bucket(c, hash);
	home->first_index = first;
	home->second_index = second;
	home->way = way_of(hash);
	home->tag = tag_of(hash);
	home->first = bpf_map_lookup_elem(&flows, &first);
	home->second = bpf_map_lookup_elem(&flows, &second);
	home->lock = bpf_map_lookup_elem(&locks, &lock);
	return home->first && home->second && home->lock;
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
	const key_word *tags = (const void *)bucket->head.tags;
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
		place.spilled = true;
		place.way = in_bucket(home->second, home->tag, key);
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

/* Copies the entry; 0: there is none. Inline: on every packet's way, a call costs a tenth of it. */
static __always_inline int find_flow(const struct sealway_tuple *key, struct sealway_flow *copy)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	struct bucket *bucket;
	__u32 index, way;
	__u64 hash;

	if (!c)
		return 0;
	hash = keyed_hash(c->seed, key);
	index = hash & c->bucket_mask;
	bucket = bpf_map_lookup_elem(&flows, &index);
	if (!bucket)
		return 0;
	way = way_of(hash);
	if (copy_entry(bucket, way, key, copy))
		return 1;
	way = in_bucket(bucket, tag_of(hash), key);
	if (way == WAYS && spilled_until(bucket) && spilled_until(bucket) >= seconds()) {
		index = second_bucket(c, hash);
		bucket = bpf_map_lookup_elem(&flows, &index);
		if (!bucket)
			return 0;
		way = in_bucket(bucket, tag_of(hash), key);
	}
	return way == WAYS ? 0 : copy_entry(bucket, way, key, copy);
}

/* Reads what inserting this key will need, so that it is on its way from memory while others are. Nothing waits. */
static __always_inline void expect_flow(const struct sealway_tuple *key)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	volatile struct bucket *bucket, *other;
	__u32 index;
	__u64 hash;

	if (!c)
		return;
	hash = keyed_hash(c->seed, key);
	index = hash & c->bucket_mask;
	bucket = bpf_map_lookup_elem(&flows, &index);
	if (!bucket)
		return;
	(void)bucket->head.established;
	index = second_bucket(c, hash);
	other = bpf_map_lookup_elem(&flows, &index);
	if (other)
		(void)other->head.established;
	(void)bucket->entries[way_of(hash)].protocol;
	(void)bucket->entries[(way_of(hash) + 1) % WAYS].protocol;
	(void)bucket->entries[(way_of(hash) + 1) % WAYS].flags;
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
