// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the guest. A program rather than a script, because what a shell does between two
 * looks at the clock would be counted.
 *
 *   klp-bench load FILE PATCH [PARAM=VALUE...]  loads a live patch; waits until its transition
 *                                               has ended
 *   klp-bench disable PATCH                     disables it; waits until it has gone
 *   klp-bench unload MODULE                     unloads it as soon as nobody uses it
 *   klp-bench sleepers N                        leaves N sleeping processes behind
 *   klp-bench storm                             starts programs, one after the other, until killed
 *
 * load and disable print nanoseconds: how long the call took, and all together.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long to wait between two looks, and how many looks to take at most: ten minutes. */
#define PAUSE_NS 1000000
#define LOOKS 600000

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "klp-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void nap(void)
{
	struct timespec t = { .tv_nsec = PAUSE_NS };

	nanosleep(&t, NULL);
}

/* What a file of a live patch says, or -1 when it is not there. */
static int attribute(const char *patch, const char *name)
{
	char path[256], text[16];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/%s", patch, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return -1;
	text[size] = 0;
	return atoi(text);
}

static void wait_for(const char *patch, const char *name, int value)
{
	long looks;

	for (looks = 0; attribute(patch, name) != value; looks++) {
		if (looks == LOOKS) {
			errno = ETIMEDOUT;
			die(patch);
		}
		nap();
	}
}

static void report(long long start, long long called)
{
	printf("%lld %lld\n", called - start, now() - start);
}

static int load(const char *file, const char *patch, char **words)
{
	char parameters[256] = "";
	long long start, called;
	int fd;

	for (; *words; words++) {
		strncat(parameters, *words, sizeof(parameters) - strlen(parameters) - 1);
		strncat(parameters, " ", sizeof(parameters) - strlen(parameters) - 1);
	}
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(file);
	start = now();
	if (syscall(SYS_finit_module, fd, parameters, 0))
		die(file);
	called = now();
	wait_for(patch, "transition", 0);
	report(start, called);
	return 0;
}

static int disable(const char *patch)
{
	long long start, called;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/enabled", patch);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die(path);
	start = now();
	if (write(fd, "0", 1) != 1)
		die(path);
	called = now();
	close(fd);
	wait_for(patch, "transition", -1);
	report(start, called);
	return 0;
}

static int unload(const char *module)
{
	long looks;

	for (looks = 0; syscall(SYS_delete_module, module, O_NONBLOCK); looks++) {
		if ((errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK) || looks == LOOKS)
			die(module);
		nap();
	}
	return 0;
}

static int sleepers(long count)
{
	while (count--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			close(0);
			close(1);
			close(2);
			for (;;)
				pause();
		}
	}
	return 0;
}

static __attribute__((noreturn)) void storm(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			execl("/proc/self/exe", "klp-bench", "nothing", NULL);
			die("exec");
		}
		waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "load") && argc >= 4)
		return load(argv[2], argv[3], argv + 4);
	if (!strcmp(what, "disable") && argc == 3)
		return disable(argv[2]);
	if (!strcmp(what, "unload") && argc == 3)
		return unload(argv[2]);
	if (!strcmp(what, "sleepers") && argc == 3)
		return sleepers(atol(argv[2]));
	if (!strcmp(what, "storm"))
		storm();
	if (!strcmp(what, "nothing"))
		return 0;
	fprintf(stderr, "klp-bench: see the source for how to use it\n");
	return 2;
}
