/* Opens TCP connections: connect, send a byte, read a byte, close; again and again, from ports of its own choice.
 *
 *   connect ADDRESS PORT SOURCE SOURCES START SECONDS AT_ONCE RATE
 *
 * SOURCE is the first of SOURCES consecutive local addresses. The n-th connection, counted from START, takes its
 * address and port from n, so no port is taken again while it lingers, and the kernel searches for none.
 * RATE 0: AT_ONCE connections always under way; otherwise so many a second are begun, on a fixed timetable.
 * Prints: connections failures seconds next-START p50-ns p99-ns (from the due time, or from connect, to the byte read).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 2048
#define PORTS 58000
#define MAX_FD 65536
#define MAX_SAMPLES (1 << 20)

static uint64_t began_at[MAX_FD];
static char sent[MAX_FD];
static uint32_t samples[MAX_SAMPLES];
static uint64_t done, failed, under_way, counter;
static struct sockaddr_in target;
static uint32_t first_source, sources;
static int poll_fd;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void finish(int fd, int ok)
{
	if (ok && done < MAX_SAMPLES)
		samples[done] = now() - began_at[fd];
	done += ok;
	if (!ok && !failed++)
		fprintf(stderr, "the first failure: %s\n", strerror(errno));
	under_way--;
	close(fd);
}

/* Takes the counter's next address and port; one that another program's connection holds is passed over. */
static void take_port(int fd)
{
	struct sockaddr_in own = { .sin_family = AF_INET };

	do {
		own.sin_addr.s_addr = htonl(first_source + counter / PORTS % sources);
		own.sin_port = htons(FIRST_PORT + counter % PORTS);
		counter++;
	} while (bind(fd, (void *)&own, sizeof(own)) && errno == EADDRINUSE);
}

static void start(uint64_t due)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0 || fd >= MAX_FD) {
		perror("socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	take_port(fd);
	under_way++;
	began_at[fd] = due;
	sent[fd] = 0;
	if (connect(fd, (void *)&target, sizeof(target)) && errno != EINPROGRESS) {
		finish(fd, 0);
		return;
	}
	event.data.fd = fd;
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	char byte = 'x';

	if (sent[fd]) {
		finish(fd, read(fd, &byte, 1) == 1);
		return;
	}
	if (write(fd, &byte, 1) != 1) {
		finish(fd, 0);
		return;
	}
	sent[fd] = 1;
	epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];
	uint64_t began, end, due, rate, at_once;
	uint32_t kept;

	if (argc != 9)
		return 2;
	target.sin_family = AF_INET;
	inet_pton(AF_INET, argv[1], &target.sin_addr);
	target.sin_port = htons(atoi(argv[2]));
	inet_pton(AF_INET, argv[3], &first_source);
	first_source = ntohl(first_source);
	sources = atoi(argv[4]);
	counter = strtoull(argv[5], NULL, 10);
	at_once = atoi(argv[7]);
	rate = atoi(argv[8]);
	poll_fd = epoll_create1(0);
	began = due = now();
	end = began + (uint64_t)(atof(argv[6]) * 1e9);
	while (now() < end || under_way) {
		uint64_t time = now();
		struct timespec wait = { .tv_nsec = 200000000 };
		int n, i;

		if (time > end + 3000000000ULL)
			break;
		if (time < end && !rate)
			while (under_way < at_once)
				start(now());
		for (; rate && due <= time && due < end; due += 1000000000ULL / rate)
			if (under_way < 4096)
				start(due);
			else
				failed++;
		if (rate && due < end && due < time + wait.tv_nsec)
			wait.tv_nsec = due > time ? due - time : 0; /* no spinning: CPU time is measured too */
		n = epoll_pwait2(poll_fd, events, 256, &wait, NULL);
		for (i = 0; i < n; i++)
			serve(events[i].data.fd);
	}
	failed += under_way;
	kept = done < MAX_SAMPLES ? done : MAX_SAMPLES;
	qsort(samples, kept, sizeof(samples[0]), by_size);
	printf("%lu %lu %.6f %lu %u %u\n", done, failed, (now() - began) / 1e9, counter, kept ? samples[kept / 2] : 0,
	       kept ? samples[(uint64_t)kept * 99 / 100] : 0);
	return 0;
}
