// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenarios ftrace-users-*: counts the calls of a kernel function with a BPF program at its
 * entry or at its end, as a tracing tool does.
 *
 *     klp-bpf fentry|fexit FUNCTION [MODULE]
 *                           attaches, prints the ID of its map, and runs until it is killed
 *     klp-bpf calls MAP...  prints for each map how many calls its program has seen, and for fexit the
 *                           return value of the last one
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BTF_INFO_KIND and BTF_INFO_VLEN of older headers use fewer bits. */
#define KIND(type) ((type)->info >> 24 & 0x7f)
#define COUNT(type) ((type)->info & 0xffffff)

/* The map's value, which a program writes and `calls` reads. */
struct seen {
	uint64_t calls;
	uint64_t returned;
};

static void fail(const char *what, const char *of)
{
	fprintf(stderr, "klp-bpf: %s %s: %s\n", what, of, strerror(errno));
	exit(1);
}

static void refuse(const char *what, const char *of)
{
	fprintf(stderr, "klp-bpf: %s %s\n", what, of);
	exit(1);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/*
 * Type information of vmlinux or of a module. A module's type IDs and string
 * offsets continue those of vmlinux.
 */

struct types {
	const char *strings;
	uint32_t strings_size;
	const struct btf_type **type;
	uint32_t count;
};

static void *read_file(const char *path)
{
	size_t size = 0, room = 1 << 20;
	char *data = malloc(room);
	int fd = open(path, O_RDONLY);
	ssize_t got;

	if (fd < 0 || !data)
		fail("reading", path);
	while ((got = read(fd, data + size, room - size)) > 0) {
		size += got;
		if (size == room)
			data = realloc(data, room *= 2);
		if (!data)
			fail("reading", path);
	}
	if (got < 0 || size < sizeof(struct btf_header))
		fail("reading", path);
	close(fd);
	return data;
}

/* The size of the data after a type. */
static size_t rest(const struct btf_type *type)
{
	switch (KIND(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return 12;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return 12 * COUNT(type);
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return 8 * COUNT(type);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	refuse("unknown kind of type in", "/sys/kernel/btf");
	return 0;
}

static struct types read_types(const char *object, const struct types *base)
{
	struct types types = { .count = base ? base->count : 1 };
	const struct btf_header *header;
	const char *at, *end;
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", object);
	header = read_file(path);
	types.strings = (const char *)header + header->hdr_len + header->str_off;
	types.strings_size = header->str_len;
	at = (const char *)header + header->hdr_len + header->type_off;
	end = at + header->type_len;
	/* Each type has at least a struct btf_type. */
	types.type = calloc(types.count + header->type_len / sizeof(struct btf_type),
			    sizeof(*types.type));
	if (!types.type)
		fail("reading", path);
	if (base)
		memcpy(types.type, base->type, base->count * sizeof(*types.type));
	while (at < end) {
		const struct btf_type *type = (const struct btf_type *)at;

		types.type[types.count++] = type;
		at += sizeof(*type) + rest(type);
	}
	return types;
}

/* Finds the type ID of a function; with `base`, of one that is not in `base`. */
static uint32_t find_function(const struct types *types, const struct types *base,
			      const char *name)
{
	for (uint32_t id = base ? base->count : 1; id < types->count; id++) {
		uint32_t offset = types->type[id]->name_off;
		const char *found;

		if (KIND(types->type[id]) != BTF_KIND_FUNC)
			continue;
		if (base && offset >= base->strings_size)
			found = types->strings + (offset - base->strings_size);
		else
			found = (base ? base : types)->strings + offset;
		if (!strcmp(found, name))
			return id;
	}
	refuse("no type information of", name);
	return 0;
}

/* Opens the kernel's type information of a module. */
static int open_types(const char *module)
{
	union bpf_attr attr = { };

	for (;;) {
		struct bpf_btf_info info = { };
		union bpf_attr open_attr = { }, info_attr = { };
		char name[64] = "";
		int fd;

		if (bpf(BPF_BTF_GET_NEXT_ID, &attr))
			fail("looking for the types of", module);
		open_attr.btf_id = attr.start_id = attr.next_id;
		fd = bpf(BPF_BTF_GET_FD_BY_ID, &open_attr);
		if (fd < 0)
			continue;
		info.name = (uintptr_t)name;
		info.name_len = sizeof(name);
		info_attr.info.bpf_fd = fd;
		info_attr.info.info = (uintptr_t)&info;
		info_attr.info.info_len = sizeof(info);
		if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &info_attr) && info.kernel_btf &&
		    !strcmp(name, module))
			return fd;
		close(fd);
	}
}

/* Attaches a program, and prints the ID of its map. */
static void attach(const char *kind, const char *function, const char *module)
{
	int is_fexit = !strcmp(kind, "fexit");
	union bpf_attr map_attr = { }, info_attr = { }, load_attr = { }, link_attr = { };
	struct bpf_map_info info = { };
	struct types vmlinux, types;
	static char log[1 << 16];
	uint32_t id, arguments;
	int map, program;

	vmlinux = types = read_types("vmlinux", NULL);
	if (module)
		types = read_types(module, &vmlinux);
	id = find_function(&types, module ? &vmlinux : NULL, function);
	arguments = COUNT(types.type[types.type[id]->type]);

	map_attr.map_type = BPF_MAP_TYPE_ARRAY;
	map_attr.key_size = sizeof(uint32_t);
	map_attr.value_size = sizeof(struct seen);
	map_attr.max_entries = 1;
	map = bpf(BPF_MAP_CREATE, &map_attr);
	if (map < 0)
		fail("making a map for", function);
	info_attr.info.bpf_fd = map;
	info_attr.info.info = (uintptr_t)&info;
	info_attr.info.info_len = sizeof(info);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &info_attr))
		fail("asking for the map of", function);

	/* R1 points to the arguments, which the return value follows for fexit. */
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 0 },
		{ .code = BPF_LDX | BPF_DW | BPF_MEM, .dst_reg = BPF_REG_4,
		  .src_reg = BPF_REG_1, .off = 8 * arguments },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | BPF_ATOMIC, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_3, .off = offsetof(struct seen, calls), .imm = BPF_ADD },
		{ .code = BPF_STX | BPF_DW | BPF_MEM, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_4, .off = offsetof(struct seen, returned) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	/* fentry has no return value. */
	if (!is_fexit)
		code[1] = code[0];
	load_attr.prog_type = BPF_PROG_TYPE_TRACING;
	load_attr.expected_attach_type = is_fexit ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
	load_attr.insns = (uintptr_t)code;
	load_attr.insn_cnt = sizeof(code) / sizeof(*code);
	load_attr.license = (uintptr_t)"GPL";
	load_attr.attach_btf_id = id;
	if (module)
		load_attr.attach_btf_obj_fd = open_types(module);
	load_attr.log_buf = (uintptr_t)log;
	load_attr.log_size = sizeof(log);
	load_attr.log_level = 1;
	program = bpf(BPF_PROG_LOAD, &load_attr);
	if (program < 0) {
		fputs(log, stderr);
		fail("loading a program for", function);
	}
	link_attr.link_create.prog_fd = program;
	link_attr.link_create.attach_type = load_attr.expected_attach_type;
	if (bpf(BPF_LINK_CREATE, &link_attr) < 0)
		fail("attaching to", function);
	printf("%u\n", info.id);
	fclose(stdout);
}

static void print_calls(const char *number)
{
	union bpf_attr open_attr = { .map_id = strtoul(number, NULL, 10) };
	union bpf_attr read_attr = { };
	struct seen seen = { };
	uint32_t key = 0;
	int map = bpf(BPF_MAP_GET_FD_BY_ID, &open_attr);

	if (map < 0)
		fail("opening map", number);
	read_attr.map_fd = map;
	read_attr.key = (uintptr_t)&key;
	read_attr.value = (uintptr_t)&seen;
	if (bpf(BPF_MAP_LOOKUP_ELEM, &read_attr))
		fail("reading map", number);
	printf("%llu %llu\n", (unsigned long long)seen.calls, (unsigned long long)seen.returned);
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "calls")) {
		for (int i = 2; i < argc; i++)
			print_calls(argv[i]);
		return 0;
	}
	if (argc < 3 || argc > 4 || (strcmp(argv[1], "fentry") && strcmp(argv[1], "fexit"))) {
		fprintf(stderr, "usage: klp-bpf fentry|fexit FUNCTION [MODULE]\n"
				"       klp-bpf calls MAP...\n");
		return 2;
	}
	attach(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
	/* The kernel detaches the program when this process is killed. */
	for (;;)
		pause();
}
