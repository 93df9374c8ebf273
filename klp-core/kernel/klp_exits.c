// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records exiting tasks. A task leaves the task list some time before it runs
 * for the last time, and may call patched functions until then. Transitions
 * find it here.
 */
#include <linux/cleanup.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#ifndef MODULE
#include <trace/events/sched.h>
#endif

#include "klp_glue.h"

#define PLACES 16

struct exits {
	raw_spinlock_t lock;
	/* Each holds a reference. Ended tasks stay until their slot is reused. */
	struct task_struct *tasks[PLACES];
};

static DEFINE_PER_CPU(struct exits, klp_exits) = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(klp_exits.lock),
};

/* A task found no free slot. */
static bool klp_exits_lost;

/* All tasks that left the task list before recording began have ended. */
static bool klp_exits_known;

static bool has_ended(struct task_struct *task)
{
	return READ_ONCE(task->__state) == TASK_DEAD && !smp_load_acquire(&task->on_cpu);
}

/* Called in do_exit() by the task itself. */
static void record(void *data, struct task_struct *task, bool group_dead)
{
	struct task_struct *ended = NULL;
	struct exits *exits;
	unsigned int i;

	preempt_disable_notrace();
	exits = this_cpu_ptr(&klp_exits);
	raw_spin_lock(&exits->lock);
	for (i = 0; i < PLACES; i++) {
		ended = exits->tasks[i];
		if (!ended || has_ended(ended))
			break;
	}
	if (i < PLACES)
		exits->tasks[i] = get_task_struct(task);
	else
		WRITE_ONCE(klp_exits_lost, true);
	raw_spin_unlock(&exits->lock);
	preempt_enable_notrace();
	if (i < PLACES && ended)
		put_task_struct(ended);
}

/* With tasklist_lock held, each task is on the task list or here, or has ended. */
void klp_each_exiting_task(void (*each)(struct task_struct *task, void *data), void *data)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct exits *exits = per_cpu_ptr(&klp_exits, cpu);

		guard(raw_spinlock)(&exits->lock);
		for (i = 0; i < PLACES; i++) {
			struct task_struct *task = exits->tasks[i];

			if (task && !pid_alive(task) && !has_ended(task))
				each(task, data);
		}
	}
}

static void earlier_ones_ended(struct rcu_head *head)
{
	WRITE_ONCE(klp_exits_known, true);
}

#ifdef MODULE
static int register_trace_sched_process_exit(
	void (*probe)(void *data, struct task_struct *task, bool group_dead), void *data)
{
	return tracepoint_probe_register(&klp_sched_process_exit, probe, data);
}
#endif

static bool is_recording;

/* Starts recording. Called under the core's mutex, before tasks are walked. */
void klp_record_exits(void)
{
	static struct rcu_head head;

	if (is_recording || register_trace_sched_process_exit(record, NULL))
		return;
	is_recording = true;
	call_rcu_tasks(&head, earlier_ones_ended);
}

/* Called under the core's mutex. Sleeps only if a task may not have been recorded. */
void klp_wait_for_unrecorded_exits(void)
{
	bool lost = xchg(&klp_exits_lost, false);

	if (lost || !READ_ONCE(klp_exits_known))
		synchronize_rcu_tasks();
}

#ifdef MODULE
/* Stops recording, once nothing walks tasks any more. */
void klp_end_exits(void)
{
	unsigned int i;
	int cpu;

	if (!is_recording)
		return;
	tracepoint_probe_unregister(&klp_sched_process_exit, record, NULL);
	tracepoint_synchronize_unregister();
	/* For earlier_ones_ended(). */
	rcu_barrier_tasks();
	for_each_possible_cpu(cpu) {
		struct exits *exits = per_cpu_ptr(&klp_exits, cpu);

		for (i = 0; i < PLACES; i++)
			if (exits->tasks[i])
				put_task_struct(exits->tasks[i]);
	}
}
#endif
