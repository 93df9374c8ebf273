// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch; see patch.h. There are several, to be stacked.
 */
#include "patch.h"

MODULE_INFO(livepatch, "Y");
