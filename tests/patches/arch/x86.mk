# SPDX-License-Identifier: GPL-2.0-only

# Indirect branches land on an instruction of their own, or need none.
klp-other-entries := -fcf-protection=$(if $(CONFIG_X86_KERNEL_IBT),none,branch)

# It has a trampoline in assembly.
obj-m += klp_ftrace_user.o

# A system call of 64-bit and of 32-bit programs.
ifdef CONFIG_IA32_EMULATION
obj-m += ia32.o
endif
