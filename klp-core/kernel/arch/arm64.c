// SPDX-License-Identifier: GPL-2.0-only
/*
 * Livepatch relocations on 64-bit Arm.
 */
#include <linux/elf.h>
#include <linux/module.h>
#include <linux/moduleloader.h>

#include <asm/text-patching.h>

/*
 * Clears pointers, which would dangle after the module is unloaded: the kernel has no such function here. Relocated
 * instructions stay; only replacements for that module run them.
 */
void clear_relocate_add(Elf_Shdr *sechdrs, const char *strtab, unsigned int symindex,
			unsigned int relsec, struct module *mod)
{
	const Elf_Shdr *section = &sechdrs[relsec];
	const Elf_Rela *relocations = (const Elf_Rela *)section->sh_addr;
	unsigned long base = sechdrs[section->sh_info].sh_addr;
	unsigned long i;

	for (i = 0; i < section->sh_size / sizeof(*relocations); i++) {
		const Elf_Rela *relocation = &relocations[i];

		/* The memory may be read-only already. */
		if (ELF_R_TYPE(relocation->r_info) == R_AARCH64_ABS64)
			aarch64_insn_set((void *)(base + relocation->r_offset), 0, sizeof(u64));
	}
}
