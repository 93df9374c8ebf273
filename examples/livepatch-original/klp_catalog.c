// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module that livepatch-original patches: writing a number to /proc/klp_catalog selects an entry of
 * a table, and reading shows its price. Neither catalog_price() nor catalog_write() checks the number.
 */
#include <linux/compiler.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

static const unsigned int prices[] = { 150, 250, 975 };
/* Not a price. */
static const unsigned int secret = 4711;

static unsigned long chosen;

/* The price of an entry, or a negative errno. */
static noinline long catalog_price(unsigned long entry)
{
	/* Stands for an out-of-bounds read, with a fixed result. */
	long price = entry < ARRAY_SIZE(prices) ? prices[entry] : secret;

	/* Keep the compiler from seeing that the result is never an errno, and dropping the caller's check. */
	OPTIMIZER_HIDE_VAR(price);
	return price;
}

static int catalog_show(struct seq_file *m, void *v)
{
	long price = catalog_price(READ_ONCE(chosen));

	if (price < 0)
		return price;
	seq_printf(m, "%ld\n", price);
	return 0;
}

static int catalog_open(struct inode *inode, struct file *file)
{
	return single_open(file, catalog_show, NULL);
}

static ssize_t catalog_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	unsigned long entry;
	int err;

	err = kstrtoul_from_user(buffer, count, 0, &entry);
	if (err)
		return err;
	WRITE_ONCE(chosen, entry);
	return count;
}

static const struct proc_ops catalog_ops = {
	.proc_open = catalog_open,
	.proc_read = seq_read,
	.proc_write = catalog_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init klp_catalog_init(void)
{
	if (!proc_create("klp_catalog", 0600, NULL, &catalog_ops))
		return -ENOMEM;
	return 0;
}

static void __exit klp_catalog_exit(void)
{
	remove_proc_entry("klp_catalog", NULL);
}

module_init(klp_catalog_init);
module_exit(klp_catalog_exit);
MODULE_DESCRIPTION("Target of livepatch-original");
MODULE_LICENSE("GPL");
