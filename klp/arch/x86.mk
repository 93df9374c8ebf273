# SPDX-License-Identifier: GPL-2.0-only

# The target of clang, in bindgen, for kernels that gcc built.
klp-clang-target := x86_64-linux-gnu

# The kernel's C code keeps the stack aligned to 8 bytes, but rustc assumes 16: values that need 16 would be
# misaligned, and functions that call others would adjust the stack needlessly.
klp-rustflags := -Zllvm-module-flag=override-stack-alignment:u32:8:max
