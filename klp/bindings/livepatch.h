/* SPDX-License-Identifier: GPL-2.0-only */
/* bindgen's input for klp::bindings: the kernel's own bindings have no livepatch types. */
#include <linux/livepatch.h>
