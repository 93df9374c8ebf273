# SPDX-License-Identifier: GPL-2.0-only

# Indirect branches land on an instruction of their own, or need none.
klp-other-entries := -mbranch-protection=$(if $(CONFIG_ARM64_BTI_KERNEL),none,bti)
