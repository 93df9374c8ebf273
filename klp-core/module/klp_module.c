// SPDX-License-Identifier: GPL-2.0-only
/*
 * klp-core as a module: the check of the kernel's build ID, and the order in
 * which its parts are initialized and torn down.
 */
#define pr_fmt(fmt) "livepatch: " fmt

#include <linux/buildid.h>
#include <linux/hex.h>
#include <linux/livepatch.h>
#include <linux/module.h>

#include "klp_glue.h"

/* `cargo klp link` sets it to 0. */
static volatile u8 unlinked __section(".klp.unlinked") = 1;

/*
 * Sharing state with the C core relies on details of its code, so the module is
 * only for the kernel that it was built for.
 */
static int __init check_kernel(void)
{
	static const char wanted[] __initconst = KLP_BUILD_ID;
	u8 id[BUILD_ID_SIZE_MAX];

	if (strlen(wanted) != 2 * sizeof(id) || hex2bin(id, wanted, sizeof(id))) {
		pr_err("klp-core was built without the build id of its kernel\n");
		return -ENOEXEC;
	}
	if (memcmp(id, vmlinux_build_id, sizeof(id))) {
		pr_err("klp-core is for the kernel with the build id %s, and this one has %*phN\n",
		       wanted, (int)sizeof(id), vmlinux_build_id);
		return -ENOEXEC;
	}
	return 0;
}

static void end(void)
{
	klp_wait_for_callers();
	klp_end_hook();
	klp_end_work();
	klp_end_exits();
	klp_end_sysfs();
	klp_end_ftrace();
	klp_core_free();
}

static int __init klp_core_init(void)
{
	int err;

	if (unlinked) {
		pr_err("klp-core's livepatch symbols are not linked: run cargo klp link\n");
		return -ENOEXEC;
	}
	err = check_kernel();
	if (err)
		return err;
	err = klp_init_work();
	if (err)
		return err;
	err = klp_init_sysfs();
	if (err)
		return err;
	err = klp_init_ftrace();
	if (err)
		goto end_sysfs;
	err = klp_init_hook();
	if (err)
		goto end_ftrace;
	err = klp_arrive();
	if (err)
		end();
	return err;

end_ftrace:
	klp_end_ftrace();
end_sysfs:
	klp_end_sysfs();
	return err;
}

/* The C core has disabled klp-core's patch before. */
static void __exit klp_core_exit(void)
{
	end();
}

module_init(klp_core_init);
module_exit(klp_core_exit);
MODULE_DESCRIPTION("The livepatch core in Rust, as a live patch of the one in C");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
