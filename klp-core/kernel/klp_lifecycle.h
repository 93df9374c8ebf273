/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life cycle that live patches had in Linux 4.14, and immediate patches.
 * Only klp-core, the livepatch core in Rust, has them.
 *
 *	static struct klp_func funcs[] = {
 *		{ .old_name = "f", .new_func = new_f, KLP_FUNC_IMMEDIATE },
 *		{ }
 *	};
 *
 * A patch that its module's init registers appears in sysfs, but is not enabled.
 * Writing to /sys/kernel/livepatch/PATCH/enabled, klp_enable_patch() and
 * klp_disable_patch() enable and disable it, any number of times. The module's
 * exit unregisters it; an enabled patch has a reference to its module.
 *
 * Immediate functions, and all functions of an immediate patch, are replaced for
 * all tasks at once, wherever the tasks are: for changes that keep the meaning of
 * functions and data. It is unknown when tasks leave the replacements, so the
 * module cannot be unloaded once the patch was enabled.
 */
#ifndef KLP_LIFECYCLE_H
#define KLP_LIFECYCLE_H

#include <linux/livepatch.h>

#if !defined(CONFIG_LIVEPATCH_RUST) && !defined(KLP_CORE_MODULE)
#error "registered and immediate patches need klp-core: CONFIG_LIVEPATCH_RUST, or klp-core.ko and -DKLP_CORE_MODULE"
#endif

/*
 * For initializers of struct klp_func and struct klp_patch, which have no fields for
 * this. These fields belong to the core; before it takes the patch they mean this.
 */
#define KLP_FUNC_IMMEDIATE .transition = true
#define KLP_PATCH_IMMEDIATE .enabled = true

/* -EINVAL for a patch with replace, which can be neither registered nor immediate. */
int klp_register_patch(struct klp_patch *patch);
/* -EBUSY while the patch is enabled or in transition. */
int klp_unregister_patch(struct klp_patch *patch);
/* Like writing 0 to the patch's enabled file; does not wait for the transition. */
int klp_disable_patch(struct klp_patch *patch);

#endif
