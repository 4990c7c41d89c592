/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A packet takes the tuple its flow entry gives, in the IP version of its addresses.
 *
 * Between the versions the header is another's (RFC 7915): extension headers and IP options are left behind, but what
 * says of a fragment which it is. An IPv4 packet made of a whole one may not be fragmented. Whatever is written into a header is told to the kernel
 * (BPF_F_RECOMPUTE_CSUM), which keeps the whole packet's sum where a device gave one; the transport's checksum
 * is mended for the pseudo header, where only the addresses differ.
 */
#pragma once

#include "csum.h"
#include "maglev.h"
#include "parse6.h"

#define MAX_L4 (IP_OFFSET + sizeof(struct ipv6hdr) + MAX_EXTENSION_BYTES + sizeof(struct tcphdr))

static __always_inline __u32 ip_header_size(bool ipv4)
{
	return ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* What the pseudo header adds for an address: of ours for IPv4 only the last word. */
static __always_inline __u64 sum_of_address(const sealway_address *a)
{
	if (is_ipv4(a))
		return a->words[3];
	return (__u64)a->words[0] + a->words[1] + a->words[2] + a->words[3];
}

static __always_inline __u64 address_difference(const struct sealway_tuple *from, const struct sealway_flow *to)
{
	__u32 old = folded_once(sum_of_address(&from->source) + sum_of_address(&from->destination));
	__u32 new = folded_once(sum_of_address(&to->source) + sum_of_address(&to->destination));

	return difference(old, new);
}

static __always_inline int mend_transport(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to,
					  __u32 l4)
{
	struct ports old = { p->tuple.source_port, p->tuple.destination_port };
	struct ports new = { to->source_port, to->destination_port };
	bool udp = p->tuple.protocol == IPPROTO_UDP;
	__u32 csum = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
	__u64 flags = udp ? BPF_F_MARK_MANGLED_0 : 0;

	if (mend_l4(skb, csum, address_difference(&p->tuple, to), flags | BPF_F_PSEUDO_HDR))
		return -1;
	if (as_word(old) == as_word(new))
		return 0;
	if (mend_l4(skb, csum, difference(as_word(old), as_word(new)), flags))
		return -1;
	return bpf_skb_store_bytes(skb, l4, &new, sizeof(new), 0);
}

/* Both headers are written whole: no field of the old one is left. */
static __always_inline int write_ipv4(struct __sk_buff *skb, const struct packet *p, const sealway_address *source,
				      const sealway_address *destination, __u8 protocol, __u32 bytes)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tos = p->tos,
		.tot_len = bytes > 0xffff ? 0 : bpf_htons(bytes),
		.frag_off = IP_DONT_FRAGMENT,
		.ttl = p->ttl,
		.protocol = protocol,
		.saddr = source->words[3],
		.daddr = destination->words[3],
	};
	const __u32 *words = (const void *)&ip;
	__be16 type = bpf_htons(ETH_P_IP);

	ip.check = ~folded((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return -1;
	return bpf_skb_store_bytes(skb, IP_OFFSET, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int write_ipv6(struct __sk_buff *skb, const struct packet *p, const sealway_address *source,
				      const sealway_address *destination, __u8 protocol, __u32 bytes)
{
	struct ipv6hdr ip = { .nexthdr = protocol, .hop_limit = p->ttl };
	__be32 first = bpf_htonl(6U << 28 | (__u32)p->tos << 20);
	__be16 type = bpf_htons(ETH_P_IPV6);

	__builtin_memcpy(&ip, &first, sizeof(first));
	ip.payload_len = bytes > 0xffff + sizeof(ip) ? 0 : bpf_htons(bytes - sizeof(ip));
	__builtin_memcpy(&ip.saddr, source, sizeof(*source));
	__builtin_memcpy(&ip.daddr, destination, sizeof(*destination));
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return -1;
	return bpf_skb_store_bytes(skb, IP_OFFSET, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline bool is_fragment(const struct packet *p)
{
	return p->fragment & IP_FRAGMENT_MASK;
}

/* Of a datagram whose addresses become others: see fragment.h. */
static __always_inline __be32 fragment_id(const struct packet *p)
{
	return p->id + (__u32)mix(address_words(&p->tuple.source, &p->tuple.destination));
}

/* What stands before the transport's header once the version has changed. */
static __always_inline __u32 headers_across(const struct packet *p)
{
	if (is_ipv4_packet(p) && is_fragment(p))
		return sizeof(struct ipv6hdr) + sizeof(struct fragment_extension);
	return ip_header_size(!is_ipv4_packet(p));
}

/* Room for the other version's headers in place of everything before the transport's. */
static __always_inline int change_version(struct __sk_buff *skb, const struct packet *p, __u32 headers)
{
	bool ipv4 = is_ipv4_packet(p);
	__s32 more = p->l4 - IP_OFFSET - ip_header_size(ipv4) + ip_header_size(!ipv4) - headers;

	if (more && bpf_skb_adjust_room(skb, -more, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO))
		return -1;
	return bpf_skb_change_proto(skb, ipv4 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP), 0);
}

/* Into a header just written, which says so far that the packet is whole. */
static __always_inline int write_fragment4(struct __sk_buff *skb, const struct packet *p)
{
	__be16 whole[2] = { 0, IP_DONT_FRAGMENT };
	/* The half that senders count in. */
	__be16 words[2] = { fragment_id(p) >> 16, p->fragment & IP_FRAGMENT_MASK };

	if (bpf_l3_csum_replace(skb, IP_CSUM_OFFSET, 0,
				folded_once(difference(whole[0] | whole[1] << 16, words[0] | words[1] << 16)), 0))
		return -1;
	return bpf_skb_store_bytes(skb, IP_OFFSET + offsetof(struct iphdr, id), words, sizeof(words), 0);
}

static __always_inline int write_fragment6(struct __sk_buff *skb, const struct packet *p)
{
	struct fragment_extension f = {
		.next = p->tuple.protocol,
		.place = bpf_htons(bpf_ntohs(p->fragment & IP_FRAGMENT_PLACE) << 3),
		.id = fragment_id(p),
	};

	if (p->fragment & IP_MORE_FRAGMENTS)
		f.place |= MORE6;
	return bpf_skb_store_bytes(skb, IP_OFFSET + sizeof(struct ipv6hdr), &f, sizeof(f), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int translate(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	bool ipv4 = !is_ipv4_packet(p);
	__u32 headers = headers_across(p);
	__u32 bytes = p->bytes - (p->l4 - IP_OFFSET) + headers;
	__u8 next = headers > sizeof(struct ipv6hdr) ? IPPROTO_FRAGMENT : p->tuple.protocol;

	if (change_version(skb, p, headers))
		return -1;
	if (ipv4 ? write_ipv4(skb, p, &to->source, &to->destination, next, bytes) :
		   write_ipv6(skb, p, &to->source, &to->destination, next, bytes))
		return -1;
	if (is_fragment(p) && (ipv4 ? write_fragment4(skb, p) : write_fragment6(skb, p)))
		return -1;
	if (p->fragment & IP_FRAGMENT_PLACE)
		return 0;
	return mend_transport(skb, p, to, IP_OFFSET + headers);
}

static __always_inline int write_addresses(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	sealway_address wide[2] = { to->source, to->destination };
	__be32 narrow[2] = { to->source.words[3], to->destination.words[3] };

	if (!is_ipv4_packet(p))
		return bpf_skb_store_bytes(skb, IP_OFFSET + offsetof(struct ipv6hdr, saddr), wide, sizeof(wide),
					   BPF_F_RECOMPUTE_CSUM);
	if (bpf_l3_csum_replace(skb, IP_CSUM_OFFSET, 0, folded_once(address_difference(&p->tuple, to)), 0))
		return -1;
	return bpf_skb_store_bytes(skb, IP_ADDRESSES_OFFSET, narrow, sizeof(narrow), 0);
}

/* Whether it can be said in the flow's other version: a checksum that is not there cannot, nor a fragment that has other
 * headers before the transport's, from which its place is counted. */
static __always_inline bool translatable(struct __sk_buff *skb, const struct packet *p)
{
	__be16 sum;

	if (p->fragment_at && is_fragment(p) && p->l4 != p->fragment_at + sizeof(struct fragment_extension))
		return false;
	if (p->tuple.protocol != IPPROTO_TCP && p->tuple.protocol != IPPROTO_UDP)
		return false;
	if (p->tuple.protocol != IPPROTO_UDP || p->fragment & IP_FRAGMENT_PLACE)
		return true;
	return !bpf_skb_load_bytes(skb, p->l4 + offsetof(struct udphdr, check), &sum, sizeof(sum)) && sum;
}

static __always_inline bool is_across_versions(const struct packet *p, const struct sealway_flow *to)
{
	return is_ipv4_packet(p) != is_ipv4(&to->source);
}

/* 0, or negative when the packet could not be written. */
static __always_inline int rewrite(struct __sk_buff *skb, const struct packet *p, const struct sealway_flow *to)
{
	if (is_across_versions(p, to))
		return translate(skb, p, to);
	return write_addresses(skb, p, to) || mend_transport(skb, p, to, p->l4) ? -1 : 0;
}
