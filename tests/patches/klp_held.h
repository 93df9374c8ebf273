/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KLP_HELD_H
#define KLP_HELD_H

struct seq_file;

void klp_held_sleep(void);
void klp_held_wait(struct seq_file *m);

#endif
