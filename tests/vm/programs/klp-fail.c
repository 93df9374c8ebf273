// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenario failing-allocations: makes a system call in which the
 * kernel's Nth allocation fails.
 *
 *     klp-fail N load MODULE.ko [PARAMETERS]
 *     klp-fail N write FILE TEXT
 *     klp-fail N unload MODULE
 *
 * Prints whether the Nth allocation was reached, and the result of the call:
 * `failed ENOMEM`, `failed ok`, or `unreached ok`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_or_exit(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

static void set(int fd, const char *text)
{
	if (pwrite(fd, text, strlen(text), 0) < 0) {
		perror("fail-nth");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const char *what, *text;
	char left[24] = "";
	int nth, fd = -1, err;
	long result;

	if (argc < 4) {
		fprintf(stderr, "usage: klp-fail N load|write|unload ...\n");
		return 2;
	}
	what = argv[2];
	text = argc > 4 ? argv[4] : "";
	nth = open_or_exit("/proc/thread-self/fail-nth", O_RDWR);
	if (!strcmp(what, "load"))
		fd = open_or_exit(argv[3], O_RDONLY);
	else if (!strcmp(what, "write"))
		fd = open_or_exit(argv[3], O_WRONLY);

	set(nth, argv[1]);
	if (!strcmp(what, "load"))
		result = syscall(SYS_finit_module, fd, text, 0);
	else if (!strcmp(what, "write"))
		result = write(fd, text, strlen(text));
	else
		result = syscall(SYS_delete_module, argv[3], O_NONBLOCK);
	err = errno;
	/* The rest of the countdown: 0 if the allocation failed. */
	if (pread(nth, left, sizeof(left) - 1, 0) <= 0) {
		perror("fail-nth");
		return 2;
	}
	set(nth, "0");
	printf("%s %s\n", atoi(left) ? "unreached" : "failed",
	       result < 0 ? strerrorname_np(err) : "ok");
	return 0;
}
