// SPDX-License-Identifier: GPL-2.0-only
/* The task that runs. */
#include <linux/cred.h>
#include <linux/sched.h>
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
