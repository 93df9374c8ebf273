/* SPDX-License-Identifier: GPL-2.0-only */
/* What bindgen reads for klp::bindings: the kernel's generated bindings hold nothing of livepatch. */
#include <linux/livepatch.h>
