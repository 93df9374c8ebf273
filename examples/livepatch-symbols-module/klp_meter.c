// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module that livepatch-symbols-module patches: /proc/klp_meter shows a
 * sensor's reading with the wrong unit.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int meter_sensor = 3;
module_param(meter_sensor, int, 0444);

static atomic_t meter_readings = ATOMIC_INIT(0);

/* Returns millivolts. */
static noinline int meter_read(unsigned int sensor)
{
	atomic_inc(&meter_readings);
	return 1000 * sensor + 250;
}

static int meter_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d V\n", meter_read(meter_sensor));
	return 0;
}

static int __init klp_meter_init(void)
{
	if (!proc_create_single("klp_meter", 0444, NULL, meter_show))
		return -ENOMEM;
	return 0;
}

static void __exit klp_meter_exit(void)
{
	remove_proc_entry("klp_meter", NULL);
}

module_init(klp_meter_init);
module_exit(klp_meter_exit);
MODULE_DESCRIPTION("Target of livepatch-symbols-module");
MODULE_LICENSE("GPL");
