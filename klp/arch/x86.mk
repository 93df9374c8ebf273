# SPDX-License-Identifier: GPL-2.0-only

# What clang, inside bindgen, takes for the machine where gcc built the kernel.
klp-clang-target := x86_64-linux-gnu

# C in the kernel keeps its stack aligned to 8 bytes, and rustc takes 16 for granted: a value that needs 16
# would not have them, and a function that calls another would move its stack for nothing.
klp-rustflags := -Zllvm-module-flag=override-stack-alignment:u32:8:max
