// SPDX-License-Identifier: GPL-2.0-only
#include "../klp_bench_target.c"
