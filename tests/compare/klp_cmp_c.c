// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch; see patch.h. There are several, to stand on top of each other.
 */
#include "patch.h"

MODULE_INFO(livepatch, "Y");
