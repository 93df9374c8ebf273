/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions with both a live patch and another ftrace user: one of vmlinux and one
 * of the module klp_entries for each kind of user (see tests/vm/ftrace-users.sh).
 */
#ifndef KLP_ENTRIES_H
#define KLP_ENTRIES_H

#define FOR_EACH_KIND(F)                                                       \
	F(function)                                                            \
	F(graph)                                                               \
	F(kprobe)                                                              \
	F(kretprobe)                                                           \
	F(fprobe)                                                              \
	F(fprobe_exit)                                                         \
	F(fentry)                                                              \
	F(fexit)

#endif /* KLP_ENTRIES_H */
