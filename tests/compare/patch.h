/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Valid and invalid patches: the parameter `case` selects one. Each C file that
 * includes this is a module.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

static char *wanted = "";
module_param_named(case, wanted, charp, 0);
MODULE_PARM_DESC(case, "name of the patch in patch.h");

/* Replacements. */

static int new_version_show(struct seq_file *m, void *v)
{
	seq_puts(m, "version: " KBUILD_MODNAME "\n");
	return 0;
}

static int new_cmdline_show(struct seq_file *m, void *v)
{
	seq_puts(m, "cmdline: " KBUILD_MODNAME "\n");
	return 0;
}

static void new_value(struct seq_file *m)
{
	seq_puts(m, "value: " KBUILD_MODNAME "\n");
}

static void new_other(struct seq_file *m)
{
	seq_puts(m, "other: " KBUILD_MODNAME "\n");
}

static void new_twin(struct seq_file *m)
{
	seq_puts(m, "a twin: " KBUILD_MODNAME "\n");
}

static int new_sleep(struct seq_file *m, void *v)
{
	seq_puts(m, "awake: " KBUILD_MODNAME "\n");
	return 0;
}

/* Callbacks that log the state of the object. */

static void tell(const char *callback, const struct klp_object *obj)
{
	pr_info("%s %s: %s, %s\n", callback, obj->name ?: "vmlinux",
		obj->patched ? "patched" : "not patched",
		obj->mod ? obj->mod->name : "no module");
}

static int pre_patch(struct klp_object *obj)
{
	tell("pre_patch", obj);
	return 0;
}

static int pre_patch_fails(struct klp_object *obj)
{
	tell("pre_patch, which fails", obj);
	return -ENXIO;
}

static void post_patch(struct klp_object *obj)
{
	tell("post_patch", obj);
}

static void pre_unpatch(struct klp_object *obj)
{
	tell("pre_unpatch", obj);
}

static void post_unpatch(struct klp_object *obj)
{
	tell("post_unpatch", obj);
}

#define CALLBACKS(pre)				\
	{					\
		.pre_patch = pre,		\
		.post_patch = post_patch,	\
		.pre_unpatch = pre_unpatch,	\
		.post_unpatch = post_unpatch,	\
	}

/* Callbacks that pass data from patch to patch, by system states. */

#define STATE 17

static struct klp_patch patch;

static int take_over(struct klp_object *obj)
{
	struct klp_state *state = klp_get_state(&patch, STATE);
	struct klp_state *before = klp_get_prev_state(STATE);

	pr_info("pre_patch: state %s, state %d %s, before %s\n",
		state ? "there" : "not there", STATE + 1,
		klp_get_state(&patch, STATE + 1) ? "there" : "not there",
		before ? "there" : "not there");
	if (!state)
		return 0;
	if (before) {
		pr_info("took over version %u: %s\n", before->version,
			before->data ? (char *)before->data : "no data");
		state->data = before->data;
		return 0;
	}
	state->data = kstrdup("data of " KBUILD_MODNAME, GFP_KERNEL);
	return state->data ? 0 : -ENOMEM;
}

/* An earlier patch keeps the data. */
static void give_back(struct klp_object *obj)
{
	struct klp_state *state = klp_get_state(&patch, STATE);

	if (!state)
		return;
	pr_info("post_unpatch: state with %s, before %s\n",
		state->data ? (char *)state->data : "no data",
		klp_get_prev_state(STATE) ? "there" : "not there");
	if (!klp_get_prev_state(STATE))
		kfree(state->data);
	state->data = NULL;
}

#define HANDING_ON { .pre_patch = take_over, .post_unpatch = give_back }

/* Names of the maximum length, and one longer. */

#define TIMES_8(x) x x x x x x x x
#define CHARS_64 TIMES_8("klp_name")
#define CHARS_512 TIMES_8(CHARS_64)
/* MODULE_NAME_LEN is 64 - sizeof(unsigned long). */
#define CHARS_56 "klp_nameklp_nameklp_nameklp_nameklp_nameklp_nameklp_name"

/* The patches. */

#define FUNCS(...) (struct klp_func[]){ __VA_ARGS__, { } }
#define OBJS(...) (struct klp_object[]){ __VA_ARGS__, { } }
#define STATES(...) (struct klp_state[]){ __VA_ARGS__, { } }

#define FUNC(name, new, ...) { .old_name = name, .new_func = new, __VA_ARGS__ }
#define VMLINUX(...) { .funcs = FUNCS(__VA_ARGS__) }
#define TARGET(...) { .name = "klp_cmp_target", .funcs = FUNCS(__VA_ARGS__) }

#define VERSION FUNC("version_proc_show", new_version_show)
#define CMDLINE FUNC("cmdline_proc_show", new_cmdline_show)
#define VALUE FUNC("klp_cmp_value", new_value)
#define OTHER FUNC("klp_cmp_other", new_other)

#define WITH_CALLBACKS(object, pre, ...) \
	{ .name = object, .funcs = FUNCS(__VA_ARGS__), .callbacks = CALLBACKS(pre) }

static const struct patch_case {
	const char *name;
	struct klp_object *objs;
	struct klp_state *states;
	bool replace;
	bool no_patch;
	bool no_module;
} cases[] = {
	/* Valid. */
	{ "plain", OBJS(VMLINUX(VERSION)) },
	{ "two-functions", OBJS(VMLINUX(VERSION, CMDLINE)) },
	{ "other-function", OBJS(VMLINUX(CMDLINE)) },
	{ "two-objects", OBJS(VMLINUX(VERSION), TARGET(VALUE, OTHER)) },
	{ "object-only", OBJS(TARGET(VALUE)) },
	{ "sympos-0-unique", OBJS(TARGET(VALUE)) },
	{ "sympos-1-unique", OBJS(TARGET(FUNC("klp_cmp_value", new_value, .old_sympos = 1))) },
	{ "sympos-1", OBJS(TARGET(FUNC("klp_cmp_twin", new_twin, .old_sympos = 1))) },
	{ "sympos-2", OBJS(TARGET(FUNC("klp_cmp_twin", new_twin, .old_sympos = 2))) },
	{ "sympos-both", OBJS(TARGET(FUNC("klp_cmp_twin", new_twin, .old_sympos = 2),
				     FUNC("klp_cmp_twin", new_twin, .old_sympos = 1))) },
	{ "sleep", OBJS(TARGET(FUNC("klp_cmp_sleep", new_sleep), VALUE)) },
	{ "sleep-replace", OBJS(TARGET(FUNC("klp_cmp_sleep", new_sleep))), .replace = true },
	{ "replace", OBJS(VMLINUX(VERSION)), .replace = true },
	{ "replace-other", OBJS(VMLINUX(CMDLINE)), .replace = true },
	{ "empty-table", OBJS({ .funcs = (struct klp_func[]){ { } } }) },
	{ "no-objects", (struct klp_object[]){ { } } },
	{ "replace-no-objects", (struct klp_object[]){ { } }, .replace = true },
	{ "callbacks", OBJS(WITH_CALLBACKS(NULL, pre_patch, VERSION),
			    WITH_CALLBACKS("klp_cmp_target", pre_patch, VALUE)) },
	{ "callbacks-only", OBJS({ .funcs = (struct klp_func[]){ { } },
				   .callbacks = CALLBACKS(pre_patch) }) },
	{ "callbacks-replace", OBJS(WITH_CALLBACKS(NULL, pre_patch, VERSION)), .replace = true },
	{ "callbacks-sleep", OBJS(WITH_CALLBACKS("klp_cmp_target", pre_patch,
						 FUNC("klp_cmp_sleep", new_sleep))) },
	{ "late-object", OBJS(VMLINUX(VERSION), { .name = "klp_cmp_holder",
		.funcs = FUNCS(FUNC("on_call", new_other)), .callbacks = CALLBACKS(pre_patch) }) },
	{ "longest-object", OBJS({ .name = &CHARS_56[1], .funcs = FUNCS(VALUE) }) },
	{ "state-1", OBJS({ .funcs = FUNCS(VERSION), .callbacks = HANDING_ON }),
	  STATES({ .id = STATE, .version = 1 }) },
	{ "state-2", OBJS({ .funcs = FUNCS(VERSION), .callbacks = HANDING_ON }),
	  STATES({ .id = STATE, .version = 2 }) },
	{ "state-2-replace", OBJS({ .funcs = FUNCS(VERSION), .callbacks = HANDING_ON }),
	  STATES({ .id = STATE, .version = 2 }), .replace = true },
	{ "state-other", OBJS({ .funcs = FUNCS(CMDLINE), .callbacks = HANDING_ON }),
	  STATES({ .id = STATE + 1, .version = 5 }) },
	{ "no-states", OBJS({ .funcs = FUNCS(CMDLINE), .callbacks = HANDING_ON }) },

	/* Refused by the first checks. */
	{ "no-patch", .no_patch = true },
	{ "no-module", OBJS(VMLINUX(VERSION)), .no_module = true },
	{ "null-objs" },
	{ "null-funcs", OBJS({ .name = "klp_cmp_target" }) },
	{ "null-funcs-second", OBJS(VMLINUX(VERSION), { .name = "klp_cmp_target" }) },
	/* Invalid on any kernel. */
	{ "null-new-func", OBJS(VMLINUX(CMDLINE, FUNC("version_proc_show", NULL))) },
	{ "null-old-name", OBJS(VMLINUX(CMDLINE, FUNC(NULL, new_version_show))) },
	{ "null-names-sympos", OBJS(VMLINUX(CMDLINE, FUNC(NULL, NULL, .old_sympos = 2))) },
	{ "empty-old-name", OBJS(VMLINUX(CMDLINE, FUNC("", new_version_show))) },
	{ "empty-old-name-target", OBJS(TARGET(FUNC("", new_version_show))) },
	{ "long-object", OBJS({ .name = CHARS_56, .funcs = FUNCS(VALUE) }) },
	{ "long-function", OBJS(VMLINUX(FUNC(CHARS_512, new_version_show))) },
	{ "longest-function", OBJS(TARGET(FUNC(&CHARS_512[1], new_version_show))) },
	{ "long-sysfs-name", OBJS(TARGET(FUNC(&CHARS_512[300], new_version_show))) },
	{ "function-twice", OBJS(VMLINUX(VERSION, VERSION)) },
	{ "function-twice-sympos",
	  OBJS(VMLINUX(VERSION, FUNC("version_proc_show", new_version_show, .old_sympos = 1))) },
	{ "object-twice", OBJS(VMLINUX(VERSION), VMLINUX(CMDLINE)) },
	{ "target-twice", OBJS(TARGET(VALUE), TARGET(OTHER)) },
	{ "object-named-vmlinux", OBJS({ .name = "vmlinux", .funcs = FUNCS(VERSION) }) },
	{ "object-is-attribute", OBJS({ .name = "enabled", .funcs = FUNCS(VALUE) }) },
	{ "slash-in-names", OBJS({ .name = "klp/cmp", .funcs = FUNCS(FUNC("a/b", new_value)) }) },
	/* Invalid for this kernel, or for the module. */
	{ "unknown-function", OBJS(VMLINUX(FUNC("klp_cmp_no_such_function", new_version_show))) },
	{ "unknown-second", OBJS(VMLINUX(VERSION, FUNC("klp_cmp_no_such_function", new_value))) },
	{ "unknown-function-sympos",
	  OBJS(VMLINUX(FUNC("klp_cmp_no_such_function", new_value, .old_sympos = 2))) },
	{ "ambiguous", OBJS(VMLINUX(FUNC("version_show", new_version_show))) },
	{ "sympos-too-large",
	  OBJS(VMLINUX(FUNC("version_show", new_version_show, .old_sympos = 9999))) },
	{ "sympos-2-unique",
	  OBJS(VMLINUX(FUNC("version_proc_show", new_version_show, .old_sympos = 2))) },
	{ "not-a-function", OBJS(VMLINUX(FUNC("version_proc_show", (void *)0x1000))) },
	{ "not-traceable", OBJS(VMLINUX(VERSION, FUNC("trace_clock_local", new_version_show))) },
	{ "not-code", OBJS(VMLINUX(FUNC("linux_banner", new_version_show))) },
	{ "module-function-in-vmlinux", OBJS(VMLINUX(FUNC("klp_cmp_value", new_value))) },
	{ "vmlinux-function-in-module", OBJS(TARGET(FUNC("version_proc_show", new_version_show))) },
	{ "target-unknown", OBJS(TARGET(FUNC("klp_cmp_no_such_function", new_value))) },
	{ "target-unknown-second",
	  OBJS(VMLINUX(VERSION), TARGET(VALUE, FUNC("klp_cmp_no_such_function", new_value))) },
	{ "target-ambiguous", OBJS(TARGET(FUNC("klp_cmp_twin", new_twin))) },
	{ "target-sympos-too-large",
	  OBJS(TARGET(FUNC("klp_cmp_twin", new_twin, .old_sympos = 3))) },
	{ "target-untraced", OBJS(TARGET(VALUE, FUNC("klp_cmp_untraced", new_value))) },
	{ "target-untraced-callbacks", OBJS(WITH_CALLBACKS(NULL, pre_patch, VERSION),
		WITH_CALLBACKS("klp_cmp_target", pre_patch, FUNC("klp_cmp_untraced", new_value))) },
	{ "target-not-a-function", OBJS(TARGET(FUNC("klp_cmp_value", (void *)0x1000))) },
	{ "pre-patch-fails", OBJS(WITH_CALLBACKS(NULL, pre_patch_fails, VERSION)) },
	{ "pre-patch-fails-second", OBJS(WITH_CALLBACKS(NULL, pre_patch, VERSION),
		WITH_CALLBACKS("klp_cmp_target", pre_patch_fails, VALUE)) },
};

static const struct patch_case *find_case(void)
{
	for (int i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(cases[i].name, wanted))
			return &cases[i];
	return NULL;
}

static int __init patch_init(void)
{
	const struct patch_case *this = find_case();

	if (!this) {
		pr_err("there is no case '%s'\n", wanted);
		return -ENOTTY;
	}
	if (!this->no_module)
		patch.mod = THIS_MODULE;
	patch.objs = this->objs;
	patch.states = this->states;
	patch.replace = this->replace;
	return klp_enable_patch(this->no_patch ? NULL : &patch);
}

static void __exit patch_exit(void)
{
}

module_init(patch_init);
module_exit(patch_exit);
MODULE_DESCRIPTION("Livepatch comparison: valid and invalid patches");
MODULE_LICENSE("GPL");
