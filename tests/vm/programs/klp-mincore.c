// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenario livepatch-syscall: calls mincore() with valid and invalid
 * arguments, and prints a line with the result of each call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MANY 5000

static size_t page;
static unsigned char *scratch;

static char *map(size_t pages, int protection)
{
	char *memory = mmap(NULL, pages * page, protection,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("klp-mincore: mmap");
		exit(2);
	}
	return memory;
}

/* Bypasses the C library, which might check arguments itself. */
static int mincore_of(void *start, size_t length, void *vector)
{
	return syscall(SYS_mincore, start, length, vector) ? errno : 0;
}

/* Prints the result of a call with these arguments. */
static void outcome(const char *what, void *start, size_t length, void *vector)
{
	int error = mincore_of(start, length, vector);

	printf("%s: %s\n", what, error ? strerrorname_np(error) : "0");
}

/* Prints how many pages are reported as resident, and whether the vector was overrun. */
static void pages(const char *what, void *start, size_t length)
{
	size_t count = (length + page - 1) / page;
	size_t index, resident = 0;
	int error;

	memset(scratch, 0xaa, MANY + 1);
	error = mincore_of(start, length, scratch);
	for (index = 0; index < count; index++)
		resident += scratch[index] & 1;
	printf("%s: %s, %zu of %zu%s\n", what, error ? strerrorname_np(error) : "0",
	       error ? 0 : resident, count,
	       scratch[count] == 0xaa ? "" : ", and more was written");
}

int main(void)
{
	char *memory, *several, *hole, *many;
	unsigned char *edge;

	page = sysconf(_SC_PAGESIZE);
	scratch = malloc(MANY + 1);
	if (!scratch)
		return 2;

	/* Results that the patch changes. */
	memory = map(4, PROT_READ | PROT_WRITE);
	memory[2 * page] = 1;
	pages("one of four pages touched", memory, 4 * page);
	pages("part of a page", memory + page, 1);
	many = map(MANY, PROT_READ);
	pages("many pages", many, MANY * page);
	several = map(4, PROT_READ | PROT_WRITE);
	mprotect(several + 2 * page, page, PROT_NONE);
	pages("several mappings", several, 4 * page);

	/* Results that it must not change. */
	printf("--\n");
	outcome("not at a page", memory + 1, page, scratch);
	outcome("nothing", memory, 0, scratch);
	outcome("nothing, nowhere", NULL, 0, NULL);
	hole = map(4, PROT_READ);
	munmap(hole + 2 * page, page);
	outcome("a hole", hole, 4 * page, scratch);
	outcome("before the hole", hole, 2 * page, scratch);
	outcome("no memory there", hole + 2 * page, page, scratch);
	outcome("the kernel's memory", (void *)0xffffffff81000000, page, scratch);
	outcome("nothing, in the kernel", (void *)0xffffffff81000000, 0, scratch);
	outcome("beyond the end", memory, LONG_MAX, scratch);
	outcome("beyond all addresses", memory, ULONG_MAX, scratch);
	outcome("no vector", memory, page, NULL);
	outcome("a vector in the kernel", memory, page, (void *)0xffffffff81000000);
	outcome("no pages, and a vector in the kernel", memory, 0, (void *)0xffffffff81000000);
	edge = (unsigned char *)map(1, PROT_READ);
	outcome("a vector that cannot be written", memory, page, edge);
	edge = (unsigned char *)map(2, PROT_READ | PROT_WRITE);
	munmap(edge + page, page);
	outcome("a vector that fits", memory, 2 * page, edge + page - 2);
	outcome("a vector that ends too early", memory, 3 * page, edge + page - 2);
	return 0;
}
