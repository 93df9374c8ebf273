// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers for tasks and their credentials. */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uidgid.h>

struct task_struct *klp_c_get_current(void);
struct task_struct *klp_c_get_current(void)
{
	return current;
}

const struct cred *klp_c_get_current_cred(void);
const struct cred *klp_c_get_current_cred(void)
{
	return get_current_cred();
}

void klp_c_put_cred(const struct cred *cred);
void klp_c_put_cred(const struct cred *cred)
{
	put_cred(cred);
}

pid_t klp_c_task_pid(struct task_struct *task);
pid_t klp_c_task_pid(struct task_struct *task)
{
	return task->pid;
}

kuid_t klp_c_task_uid(struct task_struct *task);
kuid_t klp_c_task_uid(struct task_struct *task)
{
	return task_uid(task);
}

kuid_t klp_c_task_euid(struct task_struct *task);
kuid_t klp_c_task_euid(struct task_struct *task)
{
	return task_euid(task);
}

int klp_c_signal_pending(struct task_struct *task);
int klp_c_signal_pending(struct task_struct *task)
{
	return signal_pending(task);
}

kuid_t klp_c_current_euid(void);
kuid_t klp_c_current_euid(void)
{
	return current_euid();
}

struct user_namespace *klp_c_current_user_ns(void);
struct user_namespace *klp_c_current_user_ns(void)
{
	return current_user_ns();
}

uid_t klp_c_uid_in_current_ns(kuid_t user);
uid_t klp_c_uid_in_current_ns(kuid_t user)
{
	return from_kuid(current_user_ns(), user);
}
