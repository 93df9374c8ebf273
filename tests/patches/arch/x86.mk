# SPDX-License-Identifier: GPL-2.0-only

# Functions begin with a landing pad for indirect branches or not, the opposite of the kernel's option.
klp-other-entries := -fcf-protection=$(if $(CONFIG_X86_KERNEL_IBT),none,branch)

# Has a trampoline in assembly.
obj-m += klp_ftrace_user.o

# Patches a system call for 64-bit and for 32-bit programs.
ifdef CONFIG_IA32_EMULATION
obj-m += ia32.o
endif
