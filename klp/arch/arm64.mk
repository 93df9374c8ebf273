# SPDX-License-Identifier: GPL-2.0-only

# What clang, inside bindgen, takes for the machine where gcc built the kernel.
klp-clang-target := aarch64-linux-gnu

# The processor itself wants the stack aligned to 16 bytes.
klp-rustflags :=
