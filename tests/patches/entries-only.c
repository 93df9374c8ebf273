// SPDX-License-Identifier: GPL-2.0-only
/* A patch that replaces all others. */
#define WORD "replaced"
#define REPLACE true
#include "entries-patch.h"
