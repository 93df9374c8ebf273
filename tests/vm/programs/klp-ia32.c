// SPDX-License-Identifier: GPL-2.0-only
// Only: x86
/*
 * Calls membarrier() as 64-bit and as 32-bit programs do, and prints the results.
 */
#include <stdio.h>
#include <unistd.h>

#define NATIVE 324
#define IA32 375

static long native(long command, long flags, long cpu)
{
	long result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(NATIVE), "D"(command), "S"(flags), "d"(cpu)
		     : "rcx", "r11", "memory");
	return result;
}

static long ia32(long command, long flags, long cpu)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(IA32), "b"(command), "c"(flags), "d"(cpu)
		     : "r8", "r9", "r10", "r11", "memory");
	return result;
}

int main(void)
{
	/* An invalid command. */
	printf("native %ld\n", native(-5, 0xf0000001, 7));
	printf("ia32 %ld\n", ia32(-5, 0xf0000001, 7));
	return 0;
}
