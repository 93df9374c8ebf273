// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenarios hostile*: tasks that are hard to deal with. Each stays until it
 * is killed, and says `ready` when it is what it is to be.
 *
 *     klp-hostile vfork        sleeps uninterruptibly
 *     klp-hostile traced       has a child that a debugger has stopped
 *     klp-hostile spin         never leaves user space
 *     klp-hostile threads N    has N threads that sleep
 *     klp-hostile eat          takes memory until the kernel kills it
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int threads(int count)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (int i = 0; i < count; i++) {
		if (pthread_create(&thread, &small, sleep_on, NULL)) {
			fprintf(stderr, "only %d threads\n", i);
			return 1;
		}
	}
	ready();
	sleep_on(NULL);
	return 0;
}

static int traced(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		sleep_on(NULL);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return 1;
	ready();
	sleep_on(NULL);
	return 0;
}

/* The parent of a vfork() waits in a way that signals do not end, but for SIGKILL. */
static int vfork_parent(void)
{
	if (!vfork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(1, "ready\n", 6) != 6)
			_exit(1);
		for (;;)
			pause();
	}
	return 0;
}

static void eat(void)
{
	const size_t piece = 4 << 20;

	ready();
	for (;;) {
		char *memory = malloc(piece);

		if (memory)
			memset(memory, 1, piece);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "vfork"))
		return vfork_parent();
	if (!strcmp(what, "traced"))
		return traced();
	if (!strcmp(what, "threads") && argc > 2)
		return threads(atoi(argv[2]));
	if (!strcmp(what, "eat"))
		eat();
	if (!strcmp(what, "spin")) {
		ready();
		for (;;)
			;
	}
	fprintf(stderr, "usage: klp-hostile vfork|traced|spin|threads N|eat\n");
	return 2;
}
