/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of klp_cmp_target.
 */
#ifndef KLP_CMP_TARGET_H
#define KLP_CMP_TARGET_H

struct seq_file;

void klp_cmp_first(struct seq_file *m);
void klp_cmp_second(struct seq_file *m);

#endif
