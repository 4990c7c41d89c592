/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which buckets of the flow table a key may lie in, by a secret hash; see table.h. */
#pragma once

#include "address.h"
#include "maps.h"

#define WAYS SEALWAY_FLOWS_PER_BUCKET

struct home {
	struct bucket *first;
	struct bucket *second;
	struct bucket *third;
	struct lock *lock;
	__u32 indices[3];
	__u16 way; /* where in a bucket to begin */
	__u16 tag;
};

/* answer: the key is an answer's, its destination the client. The same for both directions. */
static __always_inline __u64 hash_client(__u64 seed, const struct sealway_tuple *key, bool answer)
{
	__u64 hash = answer ? stir_end(seed, &key->destination, key->destination_port) :
			      stir_end(seed, &key->source, key->source_port);

	return stir(hash, key->protocol);
}

static __always_inline __u64 hash_key(__u64 client, const struct sealway_tuple *key, bool answer)
{
	return answer ? stir_end(client, &key->source, key->source_port) :
			stir_end(client, &key->destination, key->destination_port);
}

static __always_inline __u32 first_bucket(const struct sealway_config *c, __u64 client)
{
	return client >> 32 & c->bucket_mask;
}

/* All buckets of a key are of one lock: they differ in the bits above its number. Odd steps, so never the first. */
static __always_inline __u32 step_to_second(__u64 client)
{
	return (client >> 23 & (SEALWAY_BUCKETS_PER_LOCK - 1)) | 1;
}

static __always_inline __u32 step_to_third(__u64 client, __u64 key)
{
	__u32 step = (key >> 40 & (SEALWAY_BUCKETS_PER_LOCK - 1)) | 1;

	return step == step_to_second(client) ? step ^ 2 : step;
}

static __always_inline __u32 other_bucket(const struct sealway_config *c, __u32 first, __u32 step)
{
	return (first + (c->lock_mask + 1) * step) & c->bucket_mask;
}

/* The client's part, and the key's. */
static __always_inline __u16 tag_of(__u64 client, __u64 key)
{
	return client >> 56 << 8 | key >> 56 | 1;
}

/* The answer's entry beside the client's. */
static __always_inline __u32 way_of(__u64 client, bool answer)
{
	return (client >> 29 & (WAYS - 1)) ^ answer;
}

static __always_inline bool find_home_of(const struct sealway_tuple *key, bool answer, __u64 client, struct home *home)
{
	__u64 hash = hash_key(client, key, answer);
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	__u32 first, lock;

	if (!c)
		return false;
	first = first_bucket(c, client);
	lock = first & c->lock_mask;
	home->indices[0] = first;
	home->indices[1] = other_bucket(c, first, step_to_second(client));
	home->indices[2] = other_bucket(c, first, step_to_third(client, hash));
	home->way = way_of(client, answer);
	home->tag = tag_of(client, hash);
	home->first = bpf_map_lookup_elem(&flows, &home->indices[0]);
	home->second = bpf_map_lookup_elem(&flows, &home->indices[1]);
	home->third = bpf_map_lookup_elem(&flows, &home->indices[2]);
	home->lock = bpf_map_lookup_elem(&locks, &lock);
	return home->first && home->second && home->third && home->lock;
}

static __always_inline __u64 seed(void)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);

	return c ? c->seed : 0;
}

static __always_inline bool find_home(const struct sealway_tuple *key, bool answer, struct home *home)
{
	return find_home_of(key, answer, hash_client(seed(), key, answer), home);
}
