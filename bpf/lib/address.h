/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What differs between addresses of 32 bits (nlb.bpf.c) and of 128 (nlb6.bpf.c), so that the flow table, Maglev and
 * a flow's life are written once. In the wide programs an IPv4 address is ::ffff:a.b.c.d (RFC 4291), which no
 * packet may carry. */
#pragma once

#include <stdbool.h>
#include <bpf/bpf_endian.h>

#include "sealway_abi.h"

struct port_range {
	__u32 first;
	__u32 last;
};

/* One step of the flow table's hash. */
static __always_inline __u64 stir(__u64 hash, __u64 word)
{
	return (hash ^ hash >> 32 ^ word) * 0xd6e8feb86659fd93ULL;
}

#ifdef SEALWAY_WIDE

#define MAPPED bpf_htonl(0xffff)

static __always_inline bool same_address(const sealway_address *a, const sealway_address *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
	       a->words[3] == b->words[3];
}

/* Whether such an answer is of the flow that the entry makes of the client's packets. */
static __always_inline bool comes_back(const struct sealway_entry *entry, const struct sealway_tuple *answer)
{
	return same_address(&entry->destination, &answer->source) && same_address(&entry->source, &answer->destination) &&
	       entry->destination_port == answer->source_port && entry->source_port == answer->destination_port &&
	       entry->protocol == answer->protocol;
}

static __always_inline bool is_ipv4(const sealway_address *a)
{
	return !a->words[0] && !a->words[1] && a->words[2] == MAPPED;
}

static __always_inline sealway_address mapped(__be32 address)
{
	sealway_address a = { { 0, 0, MAPPED, address } };

	return a;
}

static __always_inline __u32 folded_address(const sealway_address *a)
{
	return a->words[0] ^ a->words[1] ^ a->words[2] ^ a->words[3];
}

/* As words of a hash. */
static __always_inline __u64 address_word(const sealway_address *a, __u64 factor)
{
	__u64 high = ((__u64)a->words[0] << 32) | a->words[1];

	return (high ^ (high >> 31)) * factor ^ (((__u64)a->words[2] << 32) | a->words[3]);
}

static __always_inline __u64 address_words(const sealway_address *source, const sealway_address *destination)
{
	__u64 word = address_word(source, 0x9fb21c651e98df25ULL) * 0xff51afd7ed558ccdULL;

	return word ^ (word >> 32) ^ address_word(destination, 0xd6e8feb86659fd93ULL);
}

static __always_inline __u64 stir_end(__u64 hash, const sealway_address *a, __be16 port)
{
	hash = stir(hash, (__u64)a->words[0] << 32 | a->words[1]);
	hash = stir(hash, (__u64)a->words[2] << 32 | a->words[3]);
	return stir(hash, port);
}

/* The client and the target speak different versions of IP: the target must see the load balancer. */
static __always_inline bool is_across(const struct sealway_tuple *t, const struct sealway_backend *backend)
{
	return is_ipv4(&t->destination) != is_ipv4(&backend->address);
}

static __always_inline bool speaks_ipv6(const struct sealway_backend *backend)
{
	return !is_ipv4(&backend->address);
}

static __always_inline sealway_address hidden_behind(const struct sealway_tuple *t,
						     const struct sealway_frontend *frontend,
						     const struct sealway_backend *backend)
{
	return is_across(t, backend) ? frontend->counterpart : t->destination;
}

/* Towards an IPv4 target the narrow programs use the load balancer's address too: each has ports of its own. */
static __always_inline struct port_range ports_towards(const struct sealway_flow *answer)
{
	struct port_range range = { SEALWAY_FIRST_PORT, SEALWAY_LAST_WIDE_PORT };

	if (is_ipv4(&answer->key_source))
		range.first = SEALWAY_LAST_PORT + 1;
	return range;
}

#else

static __always_inline bool same_address(const sealway_address *a, const sealway_address *b)
{
	return *a == *b;
}

/* Whether such an answer is of the flow that the entry makes of the client's packets. */
static __always_inline bool comes_back(const struct sealway_entry *entry, const struct sealway_tuple *answer)
{
	const __u64 __attribute__((may_alias)) *t = (const void *)answer, *e = (const void *)&entry->source;
	__u64 differences = e[0] ^ (t[0] << 32 | t[0] >> 32);

	differences |= (__u32)e[1] ^ (__u32)(t[1] << 16 & 0xffff0000) ^ (__u32)(t[1] >> 16 & 0xffff);
	return !(differences | (entry->protocol ^ answer->protocol));
}

static __always_inline __u32 folded_address(const sealway_address *a)
{
	return *a;
}

static __always_inline __u64 address_words(const sealway_address *source, const sealway_address *destination)
{
	return ((__u64)*source << 32) | *destination;
}

static __always_inline __u64 stir_end(__u64 hash, const sealway_address *a, __be16 port)
{
	return stir(hash, (__u64)port << 32 | *a);
}

static __always_inline bool is_across(const struct sealway_tuple *t, const struct sealway_backend *backend)
{
	(void)t, (void)backend;
	return false;
}

static __always_inline bool speaks_ipv6(const struct sealway_backend *backend)
{
	(void)backend;
	return false;
}

static __always_inline sealway_address hidden_behind(const struct sealway_tuple *t,
						     const struct sealway_frontend *frontend,
						     const struct sealway_backend *backend)
{
	(void)frontend, (void)backend;
	return t->destination;
}

static __always_inline struct port_range ports_towards(const struct sealway_flow *answer)
{
	struct port_range range = { SEALWAY_FIRST_PORT, SEALWAY_LAST_PORT };

	(void)answer;
	return range;
}

#endif
