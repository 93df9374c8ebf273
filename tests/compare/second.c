// SPDX-License-Identifier: GPL-2.0-only
/*
 * One of the two functions named klp_cmp_twin.
 */
#include <linux/seq_file.h>

#include "target.h"

static noinline void klp_cmp_twin(struct seq_file *m)
{
	seq_puts(m, "second twin: original\n");
}

void klp_cmp_second(struct seq_file *m)
{
	klp_cmp_twin(m);
	barrier();
}
