// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that the livepatch core in Rust exports to modules. Where it is a module
 * itself, the C core's exports stay, and calls of them are redirected to klp-core.
 */
#include <linux/export.h>
#include <linux/livepatch.h>

#include "klp_lifecycle.h"

EXPORT_SYMBOL_GPL(klp_disable_patch);
EXPORT_SYMBOL_GPL(klp_register_patch);
EXPORT_SYMBOL_GPL(klp_unregister_patch);

#ifndef MODULE
EXPORT_SYMBOL_GPL(klp_enable_patch);
EXPORT_SYMBOL_GPL(klp_find_section_by_name);
EXPORT_SYMBOL_GPL(klp_get_prev_state);
EXPORT_SYMBOL_GPL(klp_get_state);
EXPORT_SYMBOL_GPL(klp_shadow_alloc);
EXPORT_SYMBOL_GPL(klp_shadow_free);
EXPORT_SYMBOL_GPL(klp_shadow_free_all);
EXPORT_SYMBOL_GPL(klp_shadow_get);
EXPORT_SYMBOL_GPL(klp_shadow_get_or_alloc);
#endif
