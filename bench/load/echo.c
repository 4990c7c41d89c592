/* echo PORT...: sends every byte back, on each port; closes when the client has. Prints "ready". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LISTENERS 64

static char listens[65536];

static int listener(int port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (void *)&own, sizeof(own)) || listen(fd, 8192)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN }, events[256];
	int poll_fd = epoll_create1(0), i, n;
	char data[4096];

	for (i = 1; i < argc && i <= MAX_LISTENERS; i++) {
		event.data.fd = listener(atoi(argv[i]));
		listens[event.data.fd] = 1;
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		n = epoll_wait(poll_fd, events, 256, -1);
		for (i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			ssize_t length;

			if (listens[fd]) {
				while ((event.data.fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
					epoll_ctl(poll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
				continue;
			}
			length = read(fd, data, sizeof(data));
			if (length <= 0 || write(fd, data, length) != length)
				close(fd);
		}
	}
}
