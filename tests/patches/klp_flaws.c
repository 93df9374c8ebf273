// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenarios flaw-*: files in /sys/kernel/klp_flaws whose functions are
 * patched in situations that hardly ever occur by chance.
 */
#include <linux/completion.h>
#include <linux/ftrace.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/* A task that reads the file "entered" on this CPU is preempted in the ftrace handler. */
#define CPU 1
/* The longest time that it stays preempted. */
#define HOLD_MS 4000

static bool armed;
module_param(armed, bool, 0644);
MODULE_PARM_DESC(armed, "preempt the next reader of entered, in the ftrace handler");
static bool holding;
module_param(holding, bool, 0444);
MODULE_PARM_DESC(holding, "a reader is preempted");

static struct task_struct *reader;
static DECLARE_COMPLETION(has_entered);
static struct task_struct *holder;

static noinline ssize_t klp_flaws_entered_show(struct kobject *kobj,
					       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "module\n");
}

/*
 * Called beside the live patch's handler at that function. Waking a real-time
 * task requests a reschedule, which happens when ftrace enables preemption again.
 */
static void notrace on_entry(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (smp_processor_id() != CPU || !xchg(&armed, false))
		return;
	reader = get_task_struct(current);
	complete(&has_entered);
}

static struct ftrace_ops entry_ops = { .func = on_entry };

/* Occupies the CPU until a transition has switched the reader, at most HOLD_MS. */
static void hold(void)
{
	ktime_t end = ktime_add_ms(ktime_get(), HOLD_MS);
	struct task_struct *task = xchg(&reader, NULL);

	/* The module is being unloaded. */
	if (!task)
		return;
	WRITE_ONCE(holding, true);
	while (READ_ONCE(task->patch_state) != KLP_TRANSITION_UNPATCHED &&
	       ktime_before(ktime_get(), end))
		cpu_relax();
	WRITE_ONCE(holding, false);
	put_task_struct(task);
}

static int hold_readers(void *unused)
{
	sched_set_fifo(current);
	while (!kthread_should_stop()) {
		if (!wait_for_completion_interruptible(&has_entered) &&
		    !kthread_should_stop())
			hold();
	}
	return 0;
}

/*
 * Readers sleep repeatedly, in a state that a suspending system may freeze. The
 * fake signal that livepatch sends does not wake them for good.
 */
static bool waiting;
module_param(waiting, bool, 0644);
MODULE_PARM_DESC(waiting, "readers of the file waiting wait");

static noinline ssize_t klp_flaws_waiting_show(struct kobject *kobj,
					       struct kobj_attribute *attr, char *buf)
{
	while (READ_ONCE(waiting) && !fatal_signal_pending(current)) {
		/* Unsafe, because sysfs holds locks here. Suspend does not need them. */
		set_current_state(TASK_UNINTERRUPTIBLE | TASK_FREEZABLE_UNSAFE);
		schedule_timeout(msecs_to_jiffies(10));
	}
	return sysfs_emit(buf, "module\n");
}

static struct kobj_attribute entered_attr =
	__ATTR(entered, 0444, klp_flaws_entered_show, NULL);
static struct kobj_attribute waiting_attr =
	__ATTR(waiting, 0444, klp_flaws_waiting_show, NULL);

static struct attribute *attributes[] = {
	&entered_attr.attr,
	&waiting_attr.attr,
	NULL
};

static const struct attribute_group group = {
	.name = "klp_flaws",
	.attrs = attributes,
};

static int __init klp_flaws_init(void)
{
	static unsigned char name[] = "klp_flaws_entered_show";
	int ret;

	holder = kthread_create_on_cpu(hold_readers, NULL, CPU, "klp_flaws/%u");
	if (IS_ERR(holder))
		return PTR_ERR(holder);
	wake_up_process(holder);

	ret = ftrace_set_filter(&entry_ops, name, strlen(name), 1);
	if (ret)
		goto stop;
	ret = register_ftrace_function(&entry_ops);
	if (ret)
		goto stop;
	ret = sysfs_create_group(kernel_kobj, &group);
	if (ret)
		goto unregister;
	return 0;

unregister:
	unregister_ftrace_function(&entry_ops);
stop:
	ftrace_free_filter(&entry_ops);
	complete(&has_entered);
	kthread_stop(holder);
	return ret;
}

static void __exit klp_flaws_exit(void)
{
	sysfs_remove_group(kernel_kobj, &group);
	unregister_ftrace_function(&entry_ops);
	ftrace_free_filter(&entry_ops);
	complete(&has_entered);
	kthread_stop(holder);
}

module_init(klp_flaws_init);
module_exit(klp_flaws_exit);
MODULE_DESCRIPTION("Target of the patches flaw-*");
MODULE_LICENSE("GPL");
