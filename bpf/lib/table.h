/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The flow table: an array of buckets of eight entries, and a key may lie in either of two buckets.
 *
 * A search reads entries without a lock: mostly the one cache line where the key lies at best. Who writes
 * holds the lock that both buckets share, and counts `tenant` up before an entry changes hands, so that a
 * reader who copied half of each notices. (On processors that reorder loads a copy can still be mixed in the
 * nanoseconds of such a change, as in the kernel's own preallocated hash maps.)
 */
#pragma once

#include "maps.h"
#include "packet.h"

#define WAYS SEALWAY_FLOWS_PER_BUCKET
#define KEY_WORDS (sizeof(struct sealway_tuple) / sizeof(__u64))
#define BOTH_FINS (SEALWAY_FLOW_CLIENT_FIN | SEALWAY_FLOW_TARGET_FIN)

typedef __u64 __attribute__((may_alias)) key_word;

struct home {
	struct bucket *first;
	struct bucket *second;
	struct lock *lock;
	__u32 way; /* where in a bucket to begin */
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
	second = (first + (c->lock_mask + 1) * (((hash >> 48) & 15) | 1)) & c->bucket_mask;
	home->way = hash >> 61;
	home->first = bpf_map_lookup_elem(&flows, &first);
	home->second = bpf_map_lookup_elem(&flows, &second);
	home->lock = bpf_map_lookup_elem(&locks, &lock);
	return home->first && home->second && home->lock;
}

static __always_inline struct sealway_flow *in_bucket(struct bucket *bucket, __u32 way,
						      const struct sealway_tuple *key)
{
	int i;

	if (same_key(&bucket->entries[way % WAYS], key))
		return &bucket->entries[way % WAYS];
#pragma unroll
	for (i = 0; i < WAYS; i++)
		if (same_key(&bucket->entries[i], key))
			return &bucket->entries[i];
	return NULL;
}

static __always_inline struct sealway_flow *at_home(const struct home *home, const struct sealway_tuple *key)
{
	struct sealway_flow *entry = in_bucket(home->first, home->way, key);

	return entry ? entry : in_bucket(home->second, home->way, key);
}

/* Where most are, with the least work; NULL: not there. */
static __always_inline struct sealway_flow *at_best(const struct sealway_tuple *key)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	struct bucket *bucket;
	__u64 hash;
	__u32 first;

	if (!c)
		return NULL;
	hash = keyed_hash(c->seed, key);
	first = hash & c->bucket_mask;
	bucket = bpf_map_lookup_elem(&flows, &first);
	if (!bucket || !same_key(&bucket->entries[hash >> 61], key))
		return NULL;
	return &bucket->entries[hash >> 61];
}

/* Copies the entry; 0: there is none. Inline: on every packet's way, a call costs a tenth of it. */
static __always_inline int find_flow(const struct sealway_tuple *key, struct sealway_flow *copy)
{
	struct sealway_flow *entry = NULL;
	struct home home;

	if (!key || !copy)
		return 0;
	entry = at_best(key);
	if (!entry && find_home(key, &home))
		entry = at_home(&home, key);
	if (!entry)
		return 0;
	*copy = *entry;
	barrier();
	return same_key(copy, key) && ((volatile struct sealway_flow *)entry)->tenant == copy->tenant;
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
