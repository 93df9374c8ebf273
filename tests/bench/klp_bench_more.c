// SPDX-License-Identifier: GPL-2.0-only
/*
 * 27,000 functions that do nothing. Some costs grow with the number of functions that can be traced in the
 * whole kernel: with these, our kernel with what Debian's has built in has as many as Debian's.
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
