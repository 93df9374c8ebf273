// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrappers for what only C can express: locks and flags that are macros, lists
 * that macros walk, and the static key.
 */
#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/livepatch_sched.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/workqueue.h>

#include "klp_glue.h"

/*
 * The core's mutex. Guards all state of the core except what it publishes. Live patches that look
 * for others find it by its name, as in the C core. A core that is a module uses the C core's, so
 * that only one of the two works at a time.
 */
#ifndef MODULE
static DEFINE_MUTEX(klp_mutex);
#endif

void klp_lock(void)
{
	mutex_lock(&klp_mutex);
}

void klp_unlock(void)
{
	mutex_unlock(&klp_mutex);
}

/*
 * Tasks
 */
/* Includes tasks that have left the task list, until they have ended. */
void klp_each_task(void (*each)(struct task_struct *task, void *data), void *data)
{
	struct task_struct *group, *task;

	read_lock(&tasklist_lock);
	for_each_process_thread(group, task)
		each(task, data);
	klp_each_exiting_task(each, data);
	read_unlock(&tasklist_lock);
}

/*
 * The same while tasks fork and exit: may miss new tasks, and include tasks that
 * have just ended. Sleeps. Walks PIDs, because a position in the task list may be
 * gone after sleeping.
 */
void klp_visit_tasks(void (*each)(struct task_struct *task, void *data), void *data)
{
	struct task_struct *task;
	struct pid *pid;
	int number = 0;

	do {
		scoped_guard(rcu) {
			pid = find_ge_pid(number + 1, &init_pid_ns);
			number = pid_nr(pid);
			task = pid_task(pid, PIDTYPE_PID);
			if (task)
				each(task, data);
		}
		cond_resched();
	} while (pid);

	guard(rcu)();
	klp_each_exiting_task(each, data);
}

/* @cpu is negative for an offline CPU. */
void klp_each_idle(void (*each)(struct task_struct *task, int cpu, void *data), void *data)
{
	int cpu;

	cpus_read_lock();
	for_each_possible_cpu(cpu)
		each(idle_task(cpu), cpu_online(cpu) ? cpu : -1, data);
	cpus_read_unlock();
}

struct task_struct *klp_current(void)
{
	return current;
}

int klp_task_state(struct task_struct *task)
{
	return READ_ONCE(task->patch_state);
}

void klp_task_set_state(struct task_struct *task, int state)
{
	WRITE_ONCE(task->patch_state, state);
}

bool klp_task_is_pending(struct task_struct *task)
{
	return klp_patch_pending(task);
}

void klp_task_set_pending(struct task_struct *task)
{
	set_tsk_thread_flag(task, TIF_PATCH_PENDING);
}

bool klp_task_clear_pending(struct task_struct *task)
{
	return test_and_clear_tsk_thread_flag(task, TIF_PATCH_PENDING);
}

#define MAX_ENTRIES 100
static DEFINE_PER_CPU(unsigned long[MAX_ENTRIES], klp_entries);

struct stack_look {
	void (*look)(int count, const unsigned long *entries, void *data);
	void *data;
};

/* Preemption is off, so the per-CPU entries have no other user. */
static int look_at_stack(struct task_struct *task, void *arg)
{
	unsigned long *entries = this_cpu_ptr(klp_entries);
	struct stack_look *look = arg;
	int count;

	if (task_curr(task) && task != current) {
		count = -EBUSY;
	} else {
		count = stack_trace_save_tsk_reliable(task, entries, MAX_ENTRIES);
		if (count < 0)
			count = -EINVAL;
	}
	look->look(count, entries, look->data);
	return 0;
}

void klp_task_stack(struct task_struct *task,
		    void (*look)(int count, const unsigned long *entries, void *data),
		    void *data)
{
	struct stack_look arg = { .look = look, .data = data };

	if (task == current) {
		preempt_disable_notrace();
		look_at_stack(task, &arg);
		preempt_enable_notrace();
	} else {
		task_call_func(task, look_at_stack, &arg);
	}
}

/* Zero for a task that is no kernel thread. */
unsigned long klp_task_thread_function(struct task_struct *task)
{
	return (unsigned long)kthread_func(task);
}

/* Makes a running task pass through the exit to user space, with no other effect. */
void klp_task_kick(struct task_struct *task)
{
	kick_process(task);
}

/* Wakes a task that sleeps interruptibly: its system call ends early, or is restarted. */
void klp_task_signal(struct task_struct *task)
{
#ifdef MODULE
	/* set_notify_signal(), whose parts are not exported. */
	if (!(task->flags & PF_KTHREAD) && test_and_set_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL))
		return;
	if (!klp_wake_up_state(task, TASK_INTERRUPTIBLE) && !(task->flags & PF_KTHREAD))
		kick_process(task);
#else
	if (task->flags & PF_KTHREAD)
		wake_up_state(task, TASK_INTERRUPTIBLE);
	else
		set_notify_signal(task);
#endif
}

/* SIGNALS_TIMEOUT of the C core, in milliseconds. */
static unsigned int klp_signal_after_ms = 15000;
module_param_named(signal_after_ms, klp_signal_after_ms, uint, 0644);
MODULE_PARM_DESC(signal_after_ms,
		 "After how many ms tasks that hold a transition up are signalled: interruptible sleeps end early");

unsigned int klp_signal_after(void)
{
	return READ_ONCE(klp_signal_after_ms);
}

static unsigned int klp_deadline_ms;
module_param_named(deadline_ms, klp_deadline_ms, uint, 0644);
MODULE_PARM_DESC(deadline_ms,
		 "After how many ms a transition that has not ended is reversed; 0 never");

unsigned int klp_deadline(void)
{
	return READ_ONCE(klp_deadline_ms);
}

#ifdef MODULE
/* The kernel calls the C core's functions, which read its target state. */
void klp_show_target_state(int state)
{
	WRITE_ONCE(klp_target_state, state);
}

void klp_watch_scheduler(bool on)
{
	/* The hook is not reset before the key: code on its way there sees that all tasks have switched. */
	if (on) {
		klp_hook_scheduler(true);
		static_branch_enable(&klp_hook_key);
	} else {
		static_branch_disable(&klp_hook_key);
		klp_hook_scheduler(false);
	}
}
#else
DEFINE_STATIC_KEY_FALSE(klp_sched_try_switch_key);

void klp_show_target_state(int state)
{
}

void klp_watch_scheduler(bool on)
{
	if (on)
		static_branch_enable(&klp_sched_try_switch_key);
	else
		static_branch_disable(&klp_sched_try_switch_key);
}

/* Called on the exit to user space, and from the idle loop. */
void klp_update_patch_state(struct task_struct *task)
{
	preempt_disable_notrace();
	klp_core_update(task);
	preempt_enable_notrace();
}
#endif

/* Called from schedule() for a task about to sleep, with preemption off. */
void __klp_sched_try_switch(void)
{
	if (unlikely(klp_patch_pending(current)))
		klp_core_update_sleeper(current);
}

/*
 * Modules
 */

/*
 * Takes no reference: a patched module may be unloaded, which klp_module_going()
 * reports. klp_alive is set from klp_module_coming() to klp_module_going().
 */
struct module *klp_find_module(const char *name)
{
	struct module *mod;

	guard(rcu)();
	mod = find_module(name);
	return mod && mod->klp_alive ? mod : NULL;
}

bool klp_module_file(const struct module *mod, struct klp_file *file)
{
	struct klp_modinfo *info = mod->klp_info;

	if (!info)
		return false;
	file->sections = info->sechdrs;
	file->section_names = info->secstrings;
	file->symbol_names = mod->core_kallsyms.strtab;
	file->symbols = info->symndx;
	file->count = info->hdr.e_shnum;
	return true;
}

const char *klp_module_name(const struct module *mod)
{
	return mod->name;
}

/* Read by klp_find_module(). */
void klp_module_set_alive(struct module *mod, bool alive)
{
	mod->klp_alive = alive;
}

bool klp_get_module(struct module *mod)
{
	return try_module_get(mod);
}

void klp_put_module(struct module *mod)
{
	module_put(mod);
}

bool klp_is_livepatch(struct module *mod)
{
	return is_livepatch_module(mod);
}

bool klp_is_coming(struct module *mod)
{
	return !WARN_ON(mod->state != MODULE_STATE_COMING);
}

bool klp_is_going(struct module *mod)
{
	return !WARN_ON(mod->state != MODULE_STATE_GOING &&
			mod->state != MODULE_STATE_COMING);
}

#ifndef MODULE
/* Not every architecture defines it. */
void __weak clear_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
			       unsigned int relsec, struct module *mod)
{
}
#endif

int klp_clear_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
			   unsigned int relsec, struct module *mod)
{
	clear_relocate_add(sechdrs, strtab, symindex, relsec, mod);
	return 0;
}

void klp_module_text(struct module *mod, unsigned long *start, unsigned long *size)
{
	*start = (unsigned long)mod->mem[MOD_TEXT].base;
	*size = mod->mem[MOD_TEXT].size;
}

/*
 * Work
 */
static void nothing(struct work_struct *work)
{
}

/* Static, because waiting must not fail for lack of memory. */
static DEFINE_PER_CPU(struct work_struct, klp_grace_work);

/*
 * A patched function may be called where RCU is not watching, so this waits for
 * work to run on each CPU: preemption was on there. The core's mutex guards the
 * work items.
 */
void klp_wait_for_cpus(void)
{
	int cpu;

	lockdep_assert_held(&klp_mutex);
	cpus_read_lock();
	for_each_online_cpu(cpu)
		schedule_work_on(cpu, per_cpu_ptr(&klp_grace_work, cpu));
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&klp_grace_work, cpu));
	cpus_read_unlock();
}

static void retry(struct work_struct *work)
{
	klp_core_retry();
}

static DECLARE_WORK(klp_retry_work, retry);

/* An hrtimer, because most transitions take less than a tick. */
static enum hrtimer_restart retry_now(struct hrtimer *timer)
{
	queue_work(system_percpu_wq, &klp_retry_work);
	return HRTIMER_NORESTART;
}

static struct hrtimer klp_retry_timer;

void klp_retry_in(u64 nanoseconds)
{
	hrtimer_start(&klp_retry_timer, ns_to_ktime(nanoseconds), HRTIMER_MODE_REL);
}

int __init klp_init_work(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&klp_grace_work, cpu), nothing);
	hrtimer_setup(&klp_retry_timer, retry_now, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	return 0;
}
#ifndef MODULE
core_initcall(klp_init_work);
#endif

static void promote(struct work_struct *work)
{
	klp_core_promote();
}

static DECLARE_DELAYED_WORK(klp_promote_work, promote);

/* On the long workqueue: it can take long, and nothing waits for it. */
void klp_promote_in(u64 nanoseconds)
{
	mod_delayed_work(system_dfl_long_wq, &klp_promote_work, nsecs_to_jiffies(nanoseconds));
}

#ifdef MODULE
/* Called when nothing is patched, so nothing queues them again. */
void klp_end_work(void)
{
	cancel_delayed_work_sync(&klp_promote_work);
	hrtimer_cancel(&klp_retry_timer);
	cancel_work_sync(&klp_retry_work);
}
#endif
