// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose module does not say that it is one; see patch.h.
 */
#include "patch.h"
