// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that leaks, for livepatch-shadow-fix1 and livepatch-shadow-fix2.
 *
 * It creates jobs and works on them. Its parameters:
 *
 *     echo 5 > make     creates five jobs
 *     echo 1 > work     does one step of each job; a job without further
 *                       steps is complete, and freed
 *     cat jobs          shows the number of jobs
 *
 * klp_job_start() gets a plan for each job. The job is freed, but not its plan.
 */
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

struct klp_job {
	struct list_head list;
	unsigned int number;
	unsigned int steps;	/* left to do */
};

/* So large that the leak shows in /proc/meminfo. */
struct klp_plan {
	unsigned int job;
	unsigned int steps;
	char notes[32760];
};

static DEFINE_MUTEX(lock);	/* guards the following variables, and every job */
static LIST_HEAD(list);
static unsigned int jobs;
static unsigned int last;

/* The functions that patches replace must not be inlined. */

/* Starts the job with its plan, to which no pointer is left afterwards. */
static noinline void klp_job_start(struct klp_job *job, struct klp_plan *plan)
{
	job->steps = plan->steps;
}

/* Does a step. Returns whether the job is complete. */
static noinline bool klp_job_step(struct klp_job *job)
{
	return --job->steps == 0;
}

static noinline void klp_job_free(struct klp_job *job)
{
	kfree(job);
}

static int make_job(void)
{
	struct klp_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	struct klp_plan *plan = kzalloc(sizeof(*plan), GFP_KERNEL);

	if (!job || !plan) {
		kfree(job);
		kfree(plan);
		return -ENOMEM;
	}
	/* The leak is intended: keep kmemleak from reporting it. */
	kmemleak_ignore(plan);
	job->number = ++last;
	plan->job = job->number;
	plan->steps = 3;
	klp_job_start(job, plan);
	list_add_tail(&job->list, &list);
	jobs++;
	return 0;
}

static void end_job(struct klp_job *job)
{
	list_del(&job->list);
	jobs--;
	klp_job_free(job);
}

static void work(void)
{
	struct klp_job *job, *next;

	list_for_each_entry_safe(job, next, &list, list)
		if (klp_job_step(job))
			end_job(job);
}

static int make_set(const char *value, const struct kernel_param *param)
{
	unsigned int count;
	int error = kstrtouint(value, 0, &count);

	mutex_lock(&lock);
	while (!error && count--)
		error = make_job();
	mutex_unlock(&lock);
	return error;
}

static int work_set(const char *value, const struct kernel_param *param)
{
	unsigned int steps;
	int error = kstrtouint(value, 0, &steps);

	mutex_lock(&lock);
	while (!error && steps-- && !list_empty(&list))
		work();
	mutex_unlock(&lock);
	return error;
}

static const struct kernel_param_ops make_ops = { .set = make_set };
static const struct kernel_param_ops work_ops = { .set = work_set };

module_param_cb(make, &make_ops, NULL, 0200);
MODULE_PARM_DESC(make, "Makes that many jobs");
module_param_cb(work, &work_ops, NULL, 0200);
MODULE_PARM_DESC(work, "Does that many steps of each job");
module_param(jobs, uint, 0444);
MODULE_PARM_DESC(jobs, "How many jobs there are");

static int __init klp_shadow_target_init(void)
{
	return 0;
}

static void __exit klp_shadow_target_exit(void)
{
	struct klp_job *job, *next;

	list_for_each_entry_safe(job, next, &list, list)
		end_job(job);
}

module_init(klp_shadow_target_init);
module_exit(klp_shadow_target_exit);
MODULE_DESCRIPTION("Target of livepatch-shadow-fix1 and -fix2");
MODULE_LICENSE("GPL");
