// SPDX-License-Identifier: GPL-2.0-only
/* A patch on top of the first. */
#define WORD "second"
#define REPLACE false
#include "entries-patch.h"
