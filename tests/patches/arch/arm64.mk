# SPDX-License-Identifier: GPL-2.0-only

# Functions begin with a landing pad for indirect branches or not, the opposite of the kernel's option.
klp-other-entries := -mbranch-protection=$(if $(CONFIG_ARM64_BTI_KERNEL),none,bti)
