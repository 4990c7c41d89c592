/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Which buckets of the flow table a key may lie in, by a secret hash; see table.h. */
#pragma once

#include "address.h"
#include "maps.h"

#define WAYS SEALWAY_FLOWS_PER_BUCKET

struct home {
	struct bucket *first;
	struct lock *lock;
	__u32 indices[3]; /* the first one's, the second's, the third's */
	__u16 way; /* where in a bucket to begin */
	__u16 tag;
};

/* answer: the key is an answer's, its destination the client. The same for both directions, where the client is seen. */
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

static __always_inline __u16 tag_of(__u64 client)
{
	return client >> 48 | 1;
}

static __always_inline __u32 way_of(__u64 client)
{
	return client >> 29 & (WAYS - 1);
}

static __always_inline bool find_home(const struct sealway_tuple *key, bool answer, struct home *home)
{
	__u32 zero = 0;
	struct sealway_config *c = bpf_map_lookup_elem(&config, &zero);
	__u32 first, lock;
	__u64 client;

	if (!c)
		return false;
	client = hash_client(c->seed, key, answer);
	first = first_bucket(c, client);
	lock = first & c->lock_mask;
	home->indices[0] = first;
	home->indices[1] = other_bucket(c, first, step_to_second(client));
	home->indices[2] = other_bucket(c, first, step_to_third(client, hash_key(client, key, answer)));
	home->way = way_of(client);
	home->tag = tag_of(client);
	home->first = bpf_map_lookup_elem(&flows, &home->indices[0]);
	home->lock = bpf_map_lookup_elem(&locks, &lock);
	return home->first && home->lock;
}

static __always_inline struct bucket *nth_bucket(const struct home *home, __u32 number)
{
	__u32 index = home->indices[number];

	return bpf_map_lookup_elem(&flows, &index);
}
