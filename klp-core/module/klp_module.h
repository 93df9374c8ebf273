/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations for klp-core as a module.
 */
#ifndef KLP_MODULE_H
#define KLP_MODULE_H

#include "klp_vmlinux.h"

/* Setup of what the built-in core sets up at boot, and teardown. */
int klp_init_sysfs(void);
int klp_init_ftrace(void);
void klp_end_work(void);
void klp_end_exits(void);
void klp_end_sysfs(void);
void klp_end_ftrace(void);
void klp_wait_for_releases(void);

/* The scheduler's hook. */
int klp_init_hook(void);
void klp_end_hook(void);
void klp_hook_scheduler(bool on);

/* The core in charge of live patches. */
enum klp_turn {
	/* The C core: klp-core's patch is disabled. */
	KLP_TURN_C_CORE,
	/* Neither: klp-core's own patch is in transition. */
	KLP_TURN_CHANGING,
	/* klp-core. */
	KLP_TURN_OURS,
};

/* Returns the core in charge. klp-core stays in charge until klp_leave(). */
enum klp_turn klp_enter(void);
void klp_leave(void);

/* klp-core's patch of the C core. */
int klp_arrive(void);
void klp_wait_for_callers(void);

/* Rust. */
/* Returns whether there is no patch. With @report, logs each. */
bool klp_core_is_unused(bool report);
/* Detaches sites without a patch. Returns whether there are none left. */
bool klp_core_detach_rest(void);
void klp_core_free(void);

#endif
