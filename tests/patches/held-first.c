// SPDX-License-Identifier: GPL-2.0-only
/* A patch with a version and a list of fixes. */
#define TEXT "first"
#define REPLACE false

#include "held-patch.h"

MODULE_VERSION("1.0");
MODULE_INFO(fixes, "CVE-2026-0001,CVE-2026-0002");
