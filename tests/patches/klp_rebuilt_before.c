// SPDX-License-Identifier: GPL-2.0-only
/* klp_rebuilt as it was when the patch was built: with another entry. Never loaded. */
#include "klp_rebuilt.c"
