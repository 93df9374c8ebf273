// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with members of every kind, for the patch `views`.
 *
 *     echo 1 > step     calls klp_view_step(), which does nothing until it is patched
 *     cat state         shows the values of the members
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

enum klp_view_mode { KLP_VIEW_IDLE, KLP_VIEW_BUSY };

struct klp_view_part {
	u32 id;
	u64 sum;
};

struct klp_view_box {
	u64 cookie;
	struct klp_view_part part;
};

/* `value` is at an odd address. */
struct klp_view_wire {
	u8 tag;
	u32 value;
} __packed;

struct klp_view {
	struct {
		u8 kind;
		struct {
			u16 state;
		} deep;
	} head;
	unsigned int ready : 1;
	unsigned int level : 3;
	int delta : 12;
	union {
		u64 whole;
		struct {
			u32 low;
			u32 high;
		};
	};
	u16 slots[4];
	char name[8];
	bool on;
	enum klp_view_mode mode;
	struct klp_view *next;		/* NULL in the last one */
	struct klp_view_part *owner;
	struct klp_view_part *failed;	/* an ERR_PTR() */
	const char *label;
	void *private;			/* a struct klp_view_box */
	struct klp_view __rcu *peer;
	struct klp_view_part part;
	unsigned int count;
	u32 items[];
};

static struct klp_view_box box = {
	.cookie = 0x1122334455667788,
	.part = { .id = 7, .sum = 70 },
};

static struct klp_view_wire wire = { .tag = 1, .value = 0x01020304 };

static struct klp_view second = {
	.slots = { 20, 21, 22, 23 },
	.name = "second",
	.label = "two",
	.owner = &box.part,
};

static struct klp_view first = {
	.head = { .kind = 3, .deep = { .state = 500 } },
	.ready = 1,
	.level = 5,
	.delta = -100,
	.whole = 0x0000000200000001,
	.slots = { 10, 11, 12, 13 },
	.name = "first",
	.on = true,
	.mode = KLP_VIEW_BUSY,
	.next = &second,
	.owner = &box.part,
	.label = "one",
	.private = &box,
	.part = { .id = 9, .sum = 90 },
	.count = 3,
	.items = { 100, 200, 300 },
};

/*
 * Functions that patches replace or call are not inlined. They are not static: with one caller, the
 * compiler would not pass constant arguments.
 */
void klp_view_touch(struct klp_view *view);
int klp_view_step(struct klp_view *view, struct klp_view_part *part,
		  struct klp_view_wire *unaligned);

/* Changes a member that the caller may have read before. */
noinline void klp_view_touch(struct klp_view *view)
{
	view->part.sum++;
}

noinline int klp_view_step(struct klp_view *view, struct klp_view_part *part,
			   struct klp_view_wire *unaligned)
{
	return view->count + part->id + unaligned->tag > 1000 ? -ERANGE : 0;
}

static int step_set(const char *value, const struct kernel_param *param)
{
	return klp_view_step(&first, &box.part, &wire);
}

static int state_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer,
			  "%u %u %u %u %d %u %u %u,%u,%u,%u %d %d %s %u %llu %u,%u,%u %x %s\n",
			  first.head.kind, first.head.deep.state, first.ready, first.level,
			  first.delta, first.low, first.high, first.slots[0], first.slots[1],
			  first.slots[2], first.slots[3], first.on, first.mode,
			  first.next ? first.next->name : "-", first.count, first.part.sum,
			  first.items[0], first.items[1], first.items[2], wire.value, first.name);
}

static const struct kernel_param_ops step_ops = { .set = step_set };
static const struct kernel_param_ops state_ops = { .get = state_get };

module_param_cb(step, &step_ops, NULL, 0200);
MODULE_PARM_DESC(step, "calls klp_view_step()");
module_param_cb(state, &state_ops, NULL, 0444);
MODULE_PARM_DESC(state, "the values of the members");

static int __init klp_view_target_init(void)
{
	first.failed = ERR_PTR(-ENODEV);
	second.failed = ERR_PTR(-EBUSY);
	RCU_INIT_POINTER(first.peer, &second);
	return 0;
}

static void __exit klp_view_target_exit(void)
{
}

module_init(klp_view_target_init);
module_exit(klp_view_target_exit);
MODULE_DESCRIPTION("Target of the test patch `views`");
MODULE_LICENSE("GPL");
