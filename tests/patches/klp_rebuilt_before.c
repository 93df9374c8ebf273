// SPDX-License-Identifier: GPL-2.0-only
/* klp_rebuilt as it was when the patch was built: with another entry. Nobody loads it. */
#include "klp_rebuilt.c"
