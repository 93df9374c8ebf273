/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the livepatch core in Rust and the C files beside it.
 * klp_core_*() are in Rust. The others are in C because they use macros or
 * inline functions, or fields of structures that bindgen lays out differently
 * from C: it ignores the cache line alignment in task_struct and module.
 */
#ifndef KLP_GLUE_H
#define KLP_GLUE_H

#include <linux/ftrace.h>
#include <linux/kallsyms.h>
#include <linux/livepatch.h>
#include <linux/moduleloader.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "klp_lifecycle.h"

/* Locks. */
void klp_lock(void);
void klp_unlock(void);
unsigned long klp_shadow_lock_irqsave(void);
void klp_shadow_unlock_irqrestore(unsigned long flags);
void klp_rcu_read_lock(void);
void klp_rcu_read_unlock(void);

/* Tasks. */
void klp_each_task(void (*each)(struct task_struct *task, void *data), void *data);
void klp_visit_tasks(void (*each)(struct task_struct *task, void *data), void *data);
void klp_each_idle(void (*each)(struct task_struct *task, int cpu, void *data), void *data);
struct task_struct *klp_current(void);
int klp_task_state(struct task_struct *task);
void klp_task_set_state(struct task_struct *task, int state);
bool klp_task_is_pending(struct task_struct *task);
void klp_task_set_pending(struct task_struct *task);
bool klp_task_clear_pending(struct task_struct *task);
/* @count is the number of entries, -EBUSY for a running task, or -EINVAL without a reliable stack. */
void klp_task_stack(struct task_struct *task,
		    void (*look)(int count, const unsigned long *entries, void *data),
		    void *data);
unsigned long klp_task_thread_function(struct task_struct *task);
void klp_task_kick(struct task_struct *task);
void klp_task_signal(struct task_struct *task);
unsigned int klp_signal_after(void);
unsigned int klp_deadline(void);
/* For code outside of the core that switches tasks. The built-in core has none. */
void klp_show_target_state(int state);
void klp_watch_scheduler(bool on);
void klp_each_exiting_task(void (*each)(struct task_struct *task, void *data), void *data);
void klp_record_exits(void);
void klp_wait_for_unrecorded_exits(void);

/* Patch sites. */
struct klp_site_ops;

bool klp_has_direct_call(unsigned long site);
unsigned int klp_max_jumps(void);
bool klp_is_exclusive(unsigned long site);
unsigned long klp_idle_site(void);
struct klp_site_ops *klp_ops_shared(void);
struct klp_site_ops *klp_ops_guard(unsigned int guard);
int klp_ops_set_sites(struct klp_site_ops *ops, unsigned long *sites, unsigned int count, bool remove);
void klp_ops_clear_sites(struct klp_site_ops *ops);
int klp_ops_register(struct klp_site_ops *ops);
bool klp_ops_has_others_since(struct klp_site_ops *older);
int klp_ops_unregister(struct klp_site_ops *ops);
struct klp_site_ops *klp_ops_new(unsigned long site);
void klp_ops_free(struct klp_site_ops *ops);
/* A target of zero is the handler. */
void klp_ops_set_target(struct klp_site_ops *ops, unsigned long target);
void klp_ops_share_redirection(struct klp_site_ops *ops);

/* Modules. */
/* The parts of its ELF file that a livepatch module keeps. */
struct klp_file {
	Elf_Shdr *sections;
	const char *section_names;
	const char *symbol_names;
	unsigned int symbols;
	unsigned int count;
};

bool klp_module_file(const struct module *mod, struct klp_file *file);
const char *klp_module_name(const struct module *mod);
void klp_module_set_alive(struct module *mod, bool alive);
struct module *klp_find_module(const char *name);
bool klp_get_module(struct module *mod);
void klp_put_module(struct module *mod);
bool klp_is_livepatch(struct module *mod);
bool klp_is_coming(struct module *mod);
bool klp_is_going(struct module *mod);
int klp_clear_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
			   unsigned int relsec, struct module *mod);
void klp_module_text(struct module *mod, unsigned long *start, unsigned long *size);

/* The list of patches. */
void klp_patch_list_add(struct klp_patch *patch);
void klp_patch_list_remove(struct klp_patch *patch);
void klp_patch_list_set_transition(struct klp_patch *patch);
bool klp_patch_list_in_transition(const struct klp_patch *patch);
int klp_patch_list_place(const struct klp_patch *patch);
bool klp_patch_list_each_below(void (*each)(struct klp_patch *patch, void *data), void *data);

/* Work. */
int klp_init_work(void);
void klp_wait_for_cpus(void);
void klp_retry_in(u64 nanoseconds);
void klp_promote_in(u64 nanoseconds);
void klp_release_now(struct klp_patch *patch);
void klp_hide_patch(struct klp_patch *patch);
void klp_release_later(struct klp_patch *patch, bool keep);

/* Memory. */
void *klp_zalloc(size_t size, gfp_t flags);
void klp_free(void *memory);
void klp_free_after_rcu(void *head, void *memory);

/* The log. */
void klp_debug_initializing(const char *patch, bool patching);
void klp_debug_canceling(const char *patch);
void klp_debug_completing(const char *patch, bool patching);
void klp_debug_reversing(const char *patch, bool patching);
void klp_try_switch_task(struct task_struct *task, int why, const char *function);
void klp_report_blocker(struct task_struct *task, int why, const char *function);
void klp_bug(const char *what);
void klp_warn_duplicate_shadow(void *obj, unsigned long id);
void klp_error_shadow_constructor(void *obj, unsigned long id, int err);

/* sysfs and debugfs. */
void klp_show_init_patch(struct klp_patch *patch);
struct klp_object *klp_new_object(struct klp_patch *patch, const char *name);
struct klp_func *klp_new_nop(struct klp_object *obj, const char *name, unsigned long sympos);
int klp_show_patch(struct klp_patch *patch);
int klp_show_object(struct klp_patch *patch, struct klp_object *obj, const char *name);
int klp_show_func(struct klp_object *obj, struct klp_func *func, const char *name,
		  unsigned long sympos);
void klp_hide_object(struct klp_object *obj);
void klp_hide_func(struct klp_func *func);
bool klp_is_shown(void);
void klp_blocker_line(struct seq_file *m, struct task_struct *task, int why, const char *function);
void klp_redirect_line(struct seq_file *m, const char *object, const char *function,
		       unsigned long sympos, const char *via);

/* Rust. */
/* Reads @state only in transition, after the redirect. */
unsigned long klp_core_target(unsigned long site, const int *state);
void klp_core_update(struct task_struct *task);
void klp_core_update_sleeper(struct task_struct *task);
void klp_core_retry(void);
void klp_core_promote(void);
int klp_core_set_enabled(struct klp_patch *patch, bool enabled);
int klp_core_force(struct klp_patch *patch);
void klp_core_blockers(struct seq_file *m);
void klp_core_redirects(struct seq_file *m, struct klp_patch *patch);

#ifdef MODULE
#include "klp_module.h"
#endif

#endif
