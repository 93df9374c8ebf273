// SPDX-License-Identifier: GPL-2.0-only
/*
 * 27,000 empty functions. Some costs grow with the number of traceable functions in the whole kernel: with
 * these, the small kernel with profile `debian` has as many as Debian's kernel.
 */

#include <linux/module.h>

#include "klp_bench_functions.h"

#define PASTE(start, end)	start##end
#define NAME(number)		PASTE(klp_bench_more_, number)
#define FUNCTION(nr)		static noinline __used void NAME(__COUNTER__)(void) { }

#define THREE_THOUSAND		KLP_BENCH_ALL(FUNCTION) KLP_BENCH_ALL(FUNCTION) KLP_BENCH_ALL(FUNCTION)
#define NINE_THOUSAND		THREE_THOUSAND THREE_THOUSAND THREE_THOUSAND

NINE_THOUSAND
NINE_THOUSAND
NINE_THOUSAND

MODULE_DESCRIPTION("More functions for the livepatch benchmarks");
MODULE_LICENSE("GPL");
