/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All symbols that klp-core as a module uses and vmlinux does not export. Each
 * becomes a livepatch symbol, which the kernel looks up when the module is
 * loaded. Must be included last.
 */
#ifndef KLP_VMLINUX_H
#define KLP_VMLINUX_H

#include <linux/ftrace.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/task.h>
#include <linux/stacktrace.h>
#include <linux/tracepoint-defs.h>

/* GNU as needs quotes around names with commas; clang adds them itself. */
#ifdef __clang__
#define KLP_LINK_NAME(name) __asm__(name)
#else
#define KLP_LINK_NAME(name) __asm__("\"" name "\"")
#endif
/* Weak, because modpost rejects other undefined symbols. */
#define KLP_VMLINUX(name) KLP_LINK_NAME(".klp.sym.vmlinux." name ",0") __weak

/* The livepatch core in C: state that both cores share, and the root of the patches in sysfs. */
extern struct mutex klp_mutex KLP_VMLINUX("klp_mutex");
extern struct list_head klp_patches KLP_VMLINUX("klp_patches");
extern struct klp_patch *klp_transition_patch KLP_VMLINUX("klp_transition_patch");
extern int klp_target_state KLP_VMLINUX("klp_target_state");
extern struct static_key_false klp_hook_key KLP_VMLINUX("klp_sched_try_switch_key");
extern struct kobject *klp_root_kobj KLP_VMLINUX("klp_root_kobj");

/* Functions of the C core that klp-core replaces. */
int klp_c_enable_patch(struct klp_patch *patch) KLP_VMLINUX("klp_enable_patch");
int klp_c_module_coming(struct module *mod) KLP_VMLINUX("klp_module_coming");
void klp_c_module_going(struct module *mod) KLP_VMLINUX("klp_module_going");
void klp_c_sched_try_switch(void) KLP_VMLINUX("__klp_sched_try_switch");
/* Never called while klp-core is in charge of live patches. */
void klp_c_cancel_transition(void) KLP_VMLINUX("klp_cancel_transition");

/* Tasks. */
extern rwlock_t tasklist_lock KLP_VMLINUX("tasklist_lock");
struct task_struct *idle_task(int cpu) KLP_VMLINUX("idle_task");
int task_curr(const struct task_struct *task) KLP_VMLINUX("task_curr");
int task_call_func(struct task_struct *task, task_call_f func, void *arg)
	KLP_VMLINUX("task_call_func");
int stack_trace_save_tsk_reliable(struct task_struct *task, unsigned long *entries,
				  unsigned int size) KLP_VMLINUX("stack_trace_save_tsk_reliable");
int klp_wake_up_state(struct task_struct *task, unsigned int state) KLP_VMLINUX("wake_up_state");
void wake_up_if_idle(int cpu) KLP_VMLINUX("wake_up_if_idle");
extern struct tracepoint klp_sched_process_exit KLP_VMLINUX("__tracepoint_sched_process_exit");

/* Modules and symbols. */
struct module *find_module(const char *name) KLP_VMLINUX("find_module");
int apply_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
		       unsigned int relsec, struct module *mod) KLP_VMLINUX("apply_relocate_add");
void clear_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
			unsigned int relsec, struct module *mod) KLP_VMLINUX("clear_relocate_add");
int kallsyms_on_each_match_symbol(int (*fn)(void *, unsigned long), const char *name, void *data)
	KLP_VMLINUX("kallsyms_on_each_match_symbol");
int module_kallsyms_on_each_symbol(const char *modname,
				   int (*fn)(void *, const char *, unsigned long), void *data)
	KLP_VMLINUX("module_kallsyms_on_each_symbol");
int kallsyms_lookup_size_offset(unsigned long addr, unsigned long *size, unsigned long *offset)
	KLP_VMLINUX("kallsyms_lookup_size_offset");
extern unsigned char vmlinux_build_id[] KLP_VMLINUX("vmlinux_build_id");

/* Patch sites. */
unsigned long ftrace_location(unsigned long ip) KLP_VMLINUX("ftrace_location");
unsigned long ftrace_location_range(unsigned long start, unsigned long end)
	KLP_VMLINUX("ftrace_location_range");
extern struct ftrace_ops __rcu *ftrace_ops_list KLP_VMLINUX("ftrace_ops_list");
unsigned long ftrace_find_rec_direct(unsigned long ip) KLP_VMLINUX("ftrace_find_rec_direct");
int ftrace_is_dead(void) KLP_VMLINUX("ftrace_is_dead");

#endif
