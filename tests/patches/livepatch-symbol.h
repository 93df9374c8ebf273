/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIVEPATCH_SYMBOL_H
#define LIVEPATCH_SYMBOL_H

/* GNU as needs quotes around names with commas; clang adds them itself. */
#ifdef __clang__
#define LINK_NAME(name) __asm__(name)
#else
#define LINK_NAME(name) __asm__("\"" name "\"")
#endif

/*
 * Declares the symbol `name` of an object. It is weak, so that modpost accepts it. Only the assembler knows that,
 * because a compiler can load the address of a weak symbol from a global offset table.
 */
#define LIVEPATCH_SYMBOL(object, name, declaration)				\
	__asm__(".weak \".klp.sym." object "." name ",0\"");			\
	extern declaration LINK_NAME(".klp.sym." object "." name ",0")

#endif
