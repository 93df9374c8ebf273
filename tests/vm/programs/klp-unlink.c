// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenario symbols: marks a module as not linked, as it is after the
 * kernel's build. Sets the bytes of its section .klp.unlinked to 1.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	const Elf64_Ehdr *header;
	const Elf64_Shdr *section, *names;
	struct stat info;
	char *file;
	int fd, found = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: klp-unlink MODULE.ko\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || fstat(fd, &info)) {
		perror(argv[1]);
		return 1;
	}
	file = mmap(NULL, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	header = (const Elf64_Ehdr *)file;
	section = (const Elf64_Shdr *)(file + header->e_shoff);
	names = section + header->e_shstrndx;
	for (int i = 0; i < header->e_shnum; i++, section++) {
		if (strcmp(file + names->sh_offset + section->sh_name, ".klp.unlinked"))
			continue;
		memset(file + section->sh_offset, 1, section->sh_size);
		found += section->sh_size;
	}
	printf("%d\n", found);
	return found ? 0 : 1;
}
