// SPDX-License-Identifier: GPL-2.0-only
/* The first patch. */
#define WORD "first"
#define REPLACE false
#include "entries-patch.h"
