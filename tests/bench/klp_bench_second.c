// SPDX-License-Identifier: GPL-2.0-only
/*
 * The patch of klp_bench_patch.c under another name.
 */

#define LAYER 2
#include "klp_bench_patch.c"
