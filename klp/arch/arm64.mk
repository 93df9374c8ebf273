# SPDX-License-Identifier: GPL-2.0-only

# The target of clang, in bindgen, for kernels that gcc built.
klp-clang-target := aarch64-linux-gnu

# No override of the stack alignment: the architecture requires 16 bytes.
klp-rustflags :=
