// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenarios hostile*: tasks that are hard to switch. Each runs until it is
 * killed, and prints `ready` when it has reached its state.
 *
 *     klp-hostile vfork        sleeps uninterruptibly
 *     klp-hostile traced       has a child that a debugger has stopped
 *     klp-hostile spin         never leaves user space
 *     klp-hostile threads N    has N threads that sleep
 *     klp-hostile eat          allocates memory until the kernel kills it
 *     klp-hostile latency      wakes every 100 us with real-time priority until SIGTERM, and
 *                              prints its maximal latency, in us
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
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

/* Only SIGKILL interrupts the parent of a vfork(). */
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

static volatile sig_atomic_t is_over;

static void end(int unused)
{
	is_over = unused;
}

static int latency(void)
{
	const struct sched_param priority = { .sched_priority = 50 };
	const long period = 100000;
	struct timespec next, now;
	long late, most = 0;

	if (sched_setscheduler(0, SCHED_FIFO, &priority) || signal(SIGTERM, end) == SIG_ERR)
		return 1;
	ready();
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!is_over) {
		next.tv_nsec += period;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		late = (now.tv_sec - next.tv_sec) * 1000000000 + now.tv_nsec - next.tv_nsec;
		if (late > most)
			most = late;
		/* Skip missed periods. */
		if (late > period)
			next = now;
	}
	printf("%ld\n", most / 1000);
	return 0;
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
	if (!strcmp(what, "latency"))
		return latency();
	if (!strcmp(what, "spin")) {
		ready();
		for (;;)
			;
	}
	fprintf(stderr, "usage: klp-hostile vfork|traced|spin|threads N|eat|latency\n");
	return 2;
}
