// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions with arguments and results of each kind, which replacements call. Reading
 * /proc/klp_originals calls them all and prints the results; reading /proc/klp_originals_sleep
 * sleeps in one of them while the parameter "asleep" is set.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "klp_originals.h"

/* The number of sessions that were allocated and not freed. */
static int sessions;

static bool asleep;
module_param(asleep, bool, 0644);
MODULE_PARM_DESC(asleep, "readers of /proc/klp_originals_sleep sleep");

noinline long originals_many(long a, int b, unsigned char c, long d, short e, long f, int g, long h)
{
	long sum = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;

	OPTIMIZER_HIDE_VAR(sum);
	return sum;
}

noinline struct originals_pair originals_swap(struct originals_pair pair)
{
	OPTIMIZER_HIDE_VAR(pair.first);
	return (struct originals_pair){ pair.second, pair.first };
}

noinline struct originals_big originals_turn(struct originals_big big)
{
	OPTIMIZER_HIDE_VAR(big.values[0]);
	return (struct originals_big){ { big.values[3], big.values[2], big.values[1], big.values[0] } };
}

noinline bool originals_is_even(unsigned int number)
{
	OPTIMIZER_HIDE_VAR(number);
	return number % 2 == 0;
}

noinline ssize_t originals_size(size_t size)
{
	ssize_t result = size > 4096 ? -E2BIG : (ssize_t)size;

	OPTIMIZER_HIDE_VAR(result);
	return result;
}

/* Returns 0 or a negative errno. */
noinline int originals_check(int number)
{
	int result = number < 0 ? -ERANGE : 0;

	OPTIMIZER_HIDE_VAR(result);
	return result;
}

noinline struct originals_session *originals_session_new(unsigned int user)
{
	struct originals_session *session;

	if (user == 0)
		return NULL;
	if (user > 1000)
		return ERR_PTR(-EPERM);
	session = kmalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return ERR_PTR(-ENOMEM);
	session->user = user;
	sessions++;
	return session;
}

noinline void originals_session_free(struct originals_session *session)
{
	sessions--;
	kfree(session);
}

noinline unsigned int originals_session_user(const struct originals_session *session)
{
	unsigned int user = session ? session->user : 0;

	OPTIMIZER_HIDE_VAR(user);
	return user;
}

/* Sleeps in steps of this many milliseconds while the parameter is set. */
noinline int originals_sleep(unsigned int ms)
{
	do
		msleep(ms);
	while (READ_ONCE(asleep));
	OPTIMIZER_HIDE_VAR(ms);
	return ms;
}

/* Returns the user of a new session, or an errno. */
static long try_session(unsigned int user)
{
	struct originals_session *session = originals_session_new(user);
	long found;

	if (IS_ERR(session))
		return PTR_ERR(session);
	found = originals_session_user(session);
	if (session)
		originals_session_free(session);
	return found;
}

static int originals_show(struct seq_file *m, void *v)
{
	struct originals_pair pair = originals_swap((struct originals_pair){ 1, 2 });
	struct originals_big big = originals_turn((struct originals_big){ { 1, 2, 3, 4 } });

	seq_printf(m, "many %ld\n", originals_many(1, 2, 3, 4, 5, 6, 7, 8));
	seq_printf(m, "swap %ld %ld\n", pair.first, pair.second);
	seq_printf(m, "turn %ld %ld %ld %ld\n", big.values[0], big.values[1], big.values[2],
		   big.values[3]);
	seq_printf(m, "is_even %d %d\n", originals_is_even(4), originals_is_even(5));
	seq_printf(m, "size %zd %zd\n", originals_size(100), originals_size(5000));
	seq_printf(m, "check %d %d\n", originals_check(1), originals_check(-1));
	seq_printf(m, "session %ld %ld %ld\n", try_session(7), try_session(0), try_session(2000));
	seq_printf(m, "sessions %d\n", sessions);
	return 0;
}

static int sleep_show(struct seq_file *m, void *v)
{
	seq_printf(m, "slept %d\n", originals_sleep(200));
	return 0;
}

static int __init klp_originals_init(void)
{
	if (!proc_create_single("klp_originals", 0400, NULL, originals_show))
		return -ENOMEM;
	if (!proc_create_single("klp_originals_sleep", 0400, NULL, sleep_show)) {
		remove_proc_entry("klp_originals", NULL);
		return -ENOMEM;
	}
	return 0;
}

static void __exit klp_originals_exit(void)
{
	remove_proc_entry("klp_originals_sleep", NULL);
	remove_proc_entry("klp_originals", NULL);
}

module_init(klp_originals_init);
module_exit(klp_originals_exit);
MODULE_DESCRIPTION("Functions that replacements call");
MODULE_LICENSE("GPL");
