// A container for tests: one static program that does what its arguments say, in order.
//
//   testbox [ignore-term] [on-usr1 N] [print TEXT] [listen PORT] [reply TEXT] [http CODE] [exit N] [eat] [sleep]
//
// `exit N` ends at once; `sleep` waits for ever. `listen PORT` serves: each connection gets TEXT, or an HTTP
// response with CODE, or the peer's address when neither is given. `on-usr1 N`: SIGUSR1 ends it with N.
// `eat` takes memory until the kernel ends it. As a container's first process it has no default signal actions: SIGTERM ends it with 143 by a handler.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int usr1_code;

static void on_term(int signal)
{
	_exit(128 + signal);
}

static void on_usr1(int signal)
{
	(void)signal;
	_exit(usr1_code);
}

static void answer(int peer, const struct sockaddr_in *from, const char *reply, const char *http)
{
	char text[512], request[4096];
	int length;

	if (http) {
		if (read(peer, request, sizeof(request)) <= 0)
			return;
		length = snprintf(text, sizeof(text),
				  "HTTP/1.1 %s Test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", http);
	} else if (reply) {
		length = snprintf(text, sizeof(text), "%s\n", reply);
	} else {
		length = snprintf(text, sizeof(text), "%s\n", inet_ntoa(from->sin_addr));
	}
	if (write(peer, text, length) != length)
		perror("write");
}

static void serve(int port, const char *reply, const char *http)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128)) {
		perror("listen");
		exit(1);
	}
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		int peer = accept(listener, (struct sockaddr *)&from, &size);

		if (peer >= 0) {
			answer(peer, &from, reply, http);
			close(peer);
		}
	}
}

int main(int argc, char **argv)
{
	const char *reply = NULL, *http = NULL;
	int port = 0, stay = 0;

	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(word, "ignore-term")) {
			signal(SIGTERM, SIG_IGN);
		} else if (!strcmp(word, "sleep")) {
			stay = 1;
		} else if (!strcmp(word, "exit")) {
			return atoi(value);
		} else if (!strcmp(word, "eat")) {
			for (;;)
				memset(malloc(1 << 20), 1, 1 << 20);
		} else if (!strcmp(word, "print")) {
			puts(value), i++;
		} else if (!strcmp(word, "listen")) {
			port = atoi(value), i++;
		} else if (!strcmp(word, "reply")) {
			reply = value, i++;
		} else if (!strcmp(word, "http")) {
			http = value, i++;
		} else if (!strcmp(word, "on-usr1")) {
			usr1_code = atoi(value), i++;
			signal(SIGUSR1, on_usr1);
		} else {
			fprintf(stderr, "testbox: %s?\n", word);
			return 2;
		}
	}
	fflush(stdout);
	if (port)
		serve(port, reply, http);
	while (stay)
		pause();
	return 0;
}
