// SPDX-License-Identifier: GPL-2.0-only
/* The patch that replaces the first one. */
#define TEXT "second"
#define REPLACE true

#include "held-patch.h"

MODULE_VERSION("2.0");
MODULE_INFO(fixes, "CVE-2026-0001");
MODULE_INFO(fixes, "CVE-2026-0003");
