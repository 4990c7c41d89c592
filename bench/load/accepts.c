/* accepts PORT ADDRESS...: accepts on each address, sends a byte, closes when the client has. For each line on
 * standard input prints the CLOCK_MONOTONIC nanoseconds of the last connection accepted on each address. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t last[65536];
static char listens[65536];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int listener(const char *address, int port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	inet_pton(AF_INET, address, &own.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&own, sizeof(own)) || listen(fd, 8192)) {
		perror(address);
		exit(1);
	}
	listens[fd] = 1;
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN }, events[256];
	int poll_fd = epoll_create1(0), first = 0, n, i, fd, new;
	char data[256];

	epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &event);
	for (i = 2; i < argc; i++) {
		event.data.fd = fd = listener(argv[i], atoi(argv[1]));
		first = first ? first : fd;
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
	}
	for (;;) {
		n = epoll_wait(poll_fd, events, 256, -1);
		for (i = 0; i < n; i++) {
			fd = events[i].data.fd;
			if (!fd) {
				if (read(0, data, sizeof(data)) <= 0)
					return 0;
				for (fd = first; fd < first + argc - 2; fd++)
					printf("%lu ", last[fd]);
				puts("");
				fflush(stdout);
			} else if (listens[fd]) {
				while ((new = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
					last[fd] = now();
					event.data.fd = new;
					epoll_ctl(poll_fd, EPOLL_CTL_ADD, new, &event);
				}
			} else if (read(fd, data, sizeof(data)) <= 0 || write(fd, data, 1) != 1) {
				close(fd);
			}
		}
	}
}
