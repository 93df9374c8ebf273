// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures operations in the guest. A program rather than a script, because the work of a shell
 * between two reads of the clock would be counted.
 *
 *   klp-bench load FILE PATCH [PARAM=VALUE...]         loads a live patch; waits until its
 *                                                      transition has ended
 *   klp-bench replace FILE PATCH OLD [PARAM=VALUE...]  the same, and waits until the patch OLD is
 *                                                      gone
 *   klp-bench disable PATCH                            disables it; waits until it is gone
 *   klp-bench unload MODULE                            unloads it as soon as it is unused
 *   klp-bench sleepers N                               leaves N sleeping processes behind
 *   klp-bench readers N FILE                           leaves N processes behind that read FILE
 *   klp-bench storm                                    starts programs, one after the other,
 *                                                      until killed
 *   klp-bench spin                                     uses its CPU until killed
 *   klp-bench worked                                   prints the CPU time of the kernel's workers
 *                                                      so far
 *   klp-bench read FILE N                              reads FILE N times; prints the time of a read
 *   klp-bench bursts SECONDS                           prints the CPU time of the kernel's workers,
 *                                                      each time that they had work
 *
 * All times are nanoseconds. load and replace print the total time, and the time since
 * klp_enable_patch() (known for patches with a parameter `started`); disable prints the total time.
 */

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The pause between two polls, and the maximum number of polls: ten minutes. */
#define PAUSE_NS 1000000
#define LOOKS 600000

/* The pause between polls of workers: attempts to complete a transition are further apart. */
#define BURST_PAUSE_NS 20000000

/* More than a small machine has. */
#define WORKERS 256

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "klp-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long clock_now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return -1;
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long now(void)
{
	return clock_now(CLOCK_MONOTONIC);
}

static void nap(long ns)
{
	struct timespec t = { .tv_nsec = ns };

	nanosleep(&t, NULL);
}

/* Returns the number in a file, or -1 if the file cannot be read. */
static long long number(const char *path)
{
	char text[32];
	ssize_t size;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return -1;
	text[size] = 0;
	return atoll(text);
}

/* Waits until an attribute of a live patch has a value; -1 stands for a missing attribute. */
static void wait_for(const char *patch, const char *name, int value)
{
	char path[256];
	long looks;

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/%s", patch, name);
	for (looks = 0; number(path) != value; looks++) {
		if (looks == LOOKS) {
			errno = ETIMEDOUT;
			die(patch);
		}
		nap(PAUSE_NS);
	}
}

/* Loads a patch, which replaces the patch `old` if that is not NULL. */
static int load(const char *file, const char *patch, const char *old, char **words)
{
	char parameters[256] = "", path[256];
	long long start, started, end;
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
	wait_for(patch, "transition", 0);
	if (old)
		wait_for(old, "transition", -1);
	end = now();
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/started", patch);
	started = number(path);
	printf("%lld %lld\n", end - start, started < 0 ? end - start : end - started);
	return 0;
}

static int disable(const char *patch)
{
	char path[256];
	long long start;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/enabled", patch);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die(path);
	start = now();
	if (write(fd, "0", 1) != 1)
		die(path);
	close(fd);
	wait_for(patch, "transition", -1);
	printf("%lld\n", now() - start);
	return 0;
}

static int unload(const char *module)
{
	long looks;

	for (looks = 0; syscall(SYS_delete_module, module, O_NONBLOCK); looks++) {
		if ((errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK) || looks == LOOKS)
			die(module);
		nap(PAUSE_NS);
	}
	return 0;
}

static int measure_reads(const char *file, long count)
{
	char bytes[4096];
	long long start;
	long left;
	int fd;

	fd = open(file, O_RDONLY);
	if (fd < 0)
		die(file);
	start = now();
	for (left = count; left > 0; left--)
		if (pread(fd, bytes, sizeof(bytes), 0) < 0)
			die(file);
	printf("%.0f\n", (double)(now() - start) / count);
	close(fd);
	return 0;
}

static void read_all(const char *file)
{
	char bytes[256];
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		die(file);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	exit(0);
}

/* Starts processes that sleep, or read `file` if not NULL, with standard streams closed. */
static int leave(long count, const char *file)
{
	while (count-- > 0) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			close(0);
			close(1);
			close(2);
			if (file)
				read_all(file);
			for (;;)
				pause();
		}
	}
	return 0;
}

static __attribute__((noreturn)) void storm(void)
{
	/* Leave most of the CPU to the patch: else a cycle takes ten seconds on a kernel with debug checkers. */
	errno = 0;
	if (nice(10) == -1 && errno)
		die("nice");
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

static __attribute__((noreturn)) void spin(void)
{
	for (;;)
		;
}

/* Gets the CPU clocks of all kernel workers. */
static int workers(clockid_t *clocks)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	if (!proc)
		die("/proc");
	while ((entry = readdir(proc))) {
		char path[300], name[16] = "";
		int fd;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		if (read(fd, name, sizeof(name) - 1) > 0 && !strncmp(name, "kworker", 7) &&
		    count < WORKERS && !clock_getcpuclockid(atoi(entry->d_name), &clocks[count]))
			count++;
		close(fd);
	}
	closedir(proc);
	return count;
}

static long long total(const clockid_t *clocks, int count)
{
	long long sum = 0;

	while (count-- > 0) {
		long long time = clock_now(clocks[count]);

		/* The worker may have ended. */
		if (time > 0)
			sum += time;
	}
	return sum;
}

static int worked(void)
{
	clockid_t clocks[WORKERS];
	int count = workers(clocks);

	printf("%lld\n", total(clocks, count));
	return 0;
}

static int bursts(long seconds)
{
	clockid_t clocks[WORKERS];
	int count = workers(clocks);
	long long end = now() + seconds * 1000000000LL;
	long long before = total(clocks, count);

	while (now() < end) {
		long long after;

		nap(BURST_PAUSE_NS);
		after = total(clocks, count);
		if (after > before)
			printf("%lld\n", after - before);
		before = after;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "load") && argc >= 4)
		return load(argv[2], argv[3], NULL, argv + 4);
	if (!strcmp(what, "replace") && argc >= 5)
		return load(argv[2], argv[3], argv[4], argv + 5);
	if (!strcmp(what, "disable") && argc == 3)
		return disable(argv[2]);
	if (!strcmp(what, "unload") && argc == 3)
		return unload(argv[2]);
	if (!strcmp(what, "sleepers") && argc == 3)
		return leave(atol(argv[2]), NULL);
	if (!strcmp(what, "readers") && argc == 4)
		return leave(atol(argv[2]), argv[3]);
	if (!strcmp(what, "read") && argc == 4 && atol(argv[3]) > 0)
		return measure_reads(argv[2], atol(argv[3]));
	if (!strcmp(what, "storm") && argc == 2)
		storm();
	if (!strcmp(what, "spin") && argc == 2)
		spin();
	if (!strcmp(what, "worked") && argc == 2)
		return worked();
	if (!strcmp(what, "bursts") && argc == 3)
		return bursts(atol(argv[2]));
	if (!strcmp(what, "nothing"))
		return 0;
	fprintf(stderr, "klp-bench: wrong usage: see the comment in klp-bench.c\n");
	return 2;
}
