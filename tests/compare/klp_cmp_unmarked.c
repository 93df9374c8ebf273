// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose module lacks the livepatch modinfo; see patch.h.
 */
#include "patch.h"
