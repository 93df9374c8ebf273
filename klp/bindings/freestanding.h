/* SPDX-License-Identifier: GPL-2.0-only */
/* bindgen's input for klp::bindings of a kernel without Rust: all headers that klp uses. */
#include <linux/livepatch.h>
#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/list_nulls.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/pid_namespace.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/stat.h>
#include <linux/sysctl.h>
#include <linux/uaccess.h>

/* Errors that older kernels lack, or that each file system defines. */
#ifndef EFSBADCRC
#define EFSBADCRC EBADMSG
#endif
#ifndef EFSCORRUPTED
#define EFSCORRUPTED EUCLEAN
#endif
#ifndef EFTYPE
#define EFTYPE 134
#endif

/* Constants for macros that bindgen cannot evaluate. */
const gfp_t KLP_CONST_GFP_ATOMIC = GFP_ATOMIC;
const gfp_t KLP_CONST_GFP_KERNEL = GFP_KERNEL;
const gfp_t KLP_CONST_GFP_KERNEL_ACCOUNT = GFP_KERNEL_ACCOUNT;
const gfp_t KLP_CONST_GFP_NOWAIT = GFP_NOWAIT;
const gfp_t KLP_CONST___GFP_ZERO = __GFP_ZERO;
const size_t KLP_CONST_PAGE_SIZE = PAGE_SIZE;
