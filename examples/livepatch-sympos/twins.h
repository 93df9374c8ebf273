/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KLP_TWINS_H
#define KLP_TWINS_H

#include <linux/proc_fs.h>

#define FIRST_LEVEL "klp_level_1"
#define SECOND_LEVEL "klp_level_2"

struct proc_dir_entry *make_first_level(void);
struct proc_dir_entry *make_second_level(void);

#endif
