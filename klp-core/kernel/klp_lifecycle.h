/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life cycle that live patches had in Linux 4.14, and immediate patches:
 * an extra of klp-core, the livepatch core in Rust.
 *
 *	static struct klp_func funcs[] = {
 *		{ .old_name = "f", .new_func = new_f, KLP_FUNC_IMMEDIATE },
 *		{ }
 *	};
 *
 * A patch that is registered in its module's init is shown, and not enabled. Writing
 * to /sys/kernel/livepatch/PATCH/enabled, klp_enable_patch() and
 * klp_disable_patch() enable and disable it, again and again. The module's exit
 * unregisters it; an enabled patch holds its module.
 *
 * Immediate functions are replaced for all tasks at once, and so are all of an
 * immediate patch, wherever the tasks are: for changes that keep the meaning of
 * functions and data. Nobody knows when the replacements are left, so the
 * module cannot be unloaded once it was enabled.
 */
#ifndef KLP_LIFECYCLE_H
#define KLP_LIFECYCLE_H

#include <linux/livepatch.h>

#if !defined(CONFIG_LIVEPATCH_RUST) && !defined(KLP_CORE_MODULE)
#error "registered and immediate patches need klp-core: CONFIG_LIVEPATCH_RUST, or klp-core.ko and -DKLP_CORE_MODULE"
#endif

/*
 * For initializers of a struct klp_func and a struct klp_patch. The structures have no
 * fields for it. These are the core's own, and mean this until it has the patch.
 */
#define KLP_FUNC_IMMEDIATE .transition = true
#define KLP_PATCH_IMMEDIATE .enabled = true

/* A patch that replaces others cannot be registered, nor be immediate: -EINVAL. */
int klp_register_patch(struct klp_patch *patch);
/* -EBUSY while it is enabled or in transition. */
int klp_unregister_patch(struct klp_patch *patch);
/* As writing 0 to its file enabled; the transition goes on after it returns. */
int klp_disable_patch(struct klp_patch *patch);

#endif
