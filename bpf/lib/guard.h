/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Security groups: whether a flow may begin. Asked once a flow, so what is established pays nothing, and
 * goes on when a rule changes, as on AWS.
 *
 * In the way of a flow stand at most four verdicts: what the client's groups let out (a task's; whoever comes
 * from elsewhere has passed the kernel's packet filter), what the load balancer's let in and out, and what the
 * target's let in, from the address that it will see. A target's rule that names the load balancer's group
 * lets its clients in whatever address they keep. */
#pragma once

#include "connect.h"

#define TABLE_BITS 32
#define IPV4_BITS 32
#define IPV6_BITS 128
#define PORT_BITS 56
#define NOT_OURS -1000 /* an interface whose owner is not written down yet: the kernel's filter judges it */

#ifdef SEALWAY_WIDE

static __always_inline void name_peer(struct sealway_peer_key *key, const sealway_address *peer)
{
	if (is_ipv4(peer)) {
		__builtin_memcpy(key->address, &peer->words[3], sizeof(peer->words[3]));
		return;
	}
	__builtin_memcpy(key->address, peer, sizeof(*peer));
	key->prefix = TABLE_BITS + IPV6_BITS;
	key->table |= SEALWAY_IPV6;
}

static __always_inline bool may_speak_for(const struct sealway_interface *own, const sealway_address *source)
{
	if (!is_ipv4(&own->address) || same_address(&own->address, source))
		return true;
	return !is_ipv4(source) && same_address(&own->address6, source);
}

#else

static __always_inline void name_peer(struct sealway_peer_key *key, const sealway_address *peer)
{
	__builtin_memcpy(key->address, peer, sizeof(*peer));
}

static __always_inline bool may_speak_for(const struct sealway_interface *own, const sealway_address *source)
{
	return !own->address || own->address == *source;
}

#endif

static __always_inline bool has_port(__u32 ranges, __u8 protocol, __be16 port)
{
	struct sealway_port_key key = { .prefix = PORT_BITS, .ranges = ranges, .protocol = protocol };

	if (ranges == SEALWAY_EVERYTHING)
		return true;
	__builtin_memcpy(key.port, &port, sizeof(key.port));
	return bpf_map_lookup_elem(&port_ranges, &key) != NULL;
}

/* Not static, so that the verifier looks at it once. */
__noinline int lists(__u32 table, const sealway_address *peer, __u32 protocol, __u32 port)
{
	struct sealway_peer_key key = { .prefix = TABLE_BITS + IPV4_BITS, .table = table };
	__u32 *ranges;

	if (!peer)
		return 0;
	name_peer(&key, peer);
	ranges = bpf_map_lookup_elem(&peers, &key);
	return ranges && has_port(*ranges, protocol, port);
}

static __always_inline bool allows(__u32 table, const sealway_address *peer, __u32 protocol, __u32 port)
{
	return table == SEALWAY_EVERYTHING || lists(table, peer, protocol, port);
}

/* Remembers the packet, as those saw it who refused, for whoever asks why; another of its kind only counts. */
static __always_inline int refuse(__u32 table, __u8 protocol, const sealway_address *source,
				  const sealway_address *destination, __be16 port)
{
	__u32 kind = table ^ folded_address(destination) ^ (__u32)port << 8 ^ protocol;
	__u32 slot = mix(kind) % SEALWAY_REFUSALS;
	struct sealway_refusal *r = bpf_map_lookup_elem(&refusals, &slot);

	if (!r)
		return -SEALWAY_DROP_SECURITY_GROUP;
	if (r->table != table || !same_address(&r->destination, destination) || r->port != port ||
	    r->protocol != protocol)
		r->packets = 0;
	r->table = table;
	r->source = *source;
	r->destination = *destination;
	r->port = port;
	r->protocol = protocol;
	r->seconds = seconds();
	r->packets += 1;
	return -SEALWAY_DROP_SECURITY_GROUP;
}

/* A task may speak only for itself. */
static __always_inline int guard_client(const struct sealway_tuple *t, __u32 ifindex)
{
	struct sealway_interface *own = bpf_map_lookup_elem(&interfaces, &ifindex);

	if (!own)
		return NOT_OURS;
	if (!may_speak_for(own, &t->source))
		return -SEALWAY_DROP_SPOOFED_SOURCE;
	if (!allows(own->egress, &t->destination, t->protocol, t->destination_port))
		return refuse(own->egress, t->protocol, &t->source, &t->destination, t->destination_port);
	return 0;
}

/* Whom the rules see at the target's: the load balancer is known by its own address, wherever it is answered, and to
 * a target of IPv6 by that one. */
static __always_inline sealway_address peer_at_target(const struct sealway_tuple *t,
						      const struct sealway_frontend *frontend,
						      const struct sealway_backend *backend)
{
	if (!hides_client(t, backend))
		return t->source;
	return speaks_ipv6(backend) ? hidden_behind(t, frontend, backend) : frontend->node;
}

/* 0, NOT_OURS, or the (negative) drop reason. client_ifindex 0: not a task. */
static __always_inline int guard_flow(const struct sealway_tuple *t, const struct sealway_frontend *frontend,
				      const struct sealway_backend *backend, __u32 client_ifindex)
{
	sealway_address seen = peer_at_target(t, frontend, backend);
	__be16 port = backend->guarded_port;
	int error = client_ifindex ? guard_client(t, client_ifindex) : 0;

	if (error)
		return error;
	if (!allows(frontend->ingress, &t->source, t->protocol, t->destination_port))
		return refuse(frontend->ingress, t->protocol, &t->source, &frontend->node,
			      t->destination_port);
	if (!allows(frontend->egress, &backend->guarded_address, t->protocol, port))
		return refuse(frontend->egress, t->protocol, &frontend->node, &backend->guarded_address, port);
	if (!allows(backend->ingress, &seen, t->protocol, port) &&
	    !allows(backend->through, &frontend->node, t->protocol, port))
		return refuse(backend->ingress, t->protocol, &seen, &backend->guarded_address, port);
	return 0;
}
