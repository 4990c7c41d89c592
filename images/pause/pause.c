// SPDX-License-Identifier: Apache-2.0
// The container that holds a task's network namespace open.
//
// It waits for signals and does nothing else: children that were left to it are reaped, and the signals that
// ask a process to end do end it. As the first process of its namespace it gets no default signal action, so
// every one of them must be handled by name.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t awaited;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGQUIT);
	sigaddset(&awaited, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &awaited, NULL) < 0)
		return EXIT_FAILURE;
	for (;;) {
		int signal = 0;

		if (sigwait(&awaited, &signal) != 0)
			return EXIT_FAILURE;
		if (signal != SIGCHLD)
			return EXIT_SUCCESS;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
