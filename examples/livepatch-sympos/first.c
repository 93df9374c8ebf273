// SPDX-License-Identifier: GPL-2.0-only
#include <linux/seq_file.h>

#include "twins.h"

static int level_show(struct seq_file *m, void *v)
{
	seq_puts(m, "first level\n");
	return 0;
}

struct proc_dir_entry *make_first_level(void)
{
	return proc_create_single(FIRST_LEVEL, 0444, NULL, level_show);
}
