// SPDX-License-Identifier: GPL-2.0-only

//! Writes stubs of patches.

use crate::btf::{Btf, VOID};
use crate::files::{Folder, INIT, TEXT, vmlinux};
use expect_test::{Expect, expect};
use klp_elf::{Answer, Error, Form, Kernel, Stub, VMLINUX, Wanted};

fn open(btf: &Btf, functions: &[(&str, u64, bool)]) -> Kernel {
    Folder::new(&vmlinux(btf, functions)).open()
}

/// The stub for the one function of `btf`.
fn stub(btf: &Btf, name: &str) -> String {
    let kernel = open(btf, &[(name, TEXT, true)]);
    match Stub::function(&kernel, VMLINUX, name, None) {
        Ok(text) => text,
        Err(error) => format!("{error}\n"),
    }
}

fn check(btf: &Btf, name: &str, expected: &Expect) {
    expected.assert_eq(&stub(btf, name));
}

#[test]
fn noreturn_functions_have_no_stub() {
    let mut btf = Btf::new();
    btf.function("do_exit", VOID, &[]);
    let said = stub(&btf, "do_exit");
    assert!(
        said.starts_with("`do_exit` cannot be replaced: it never returns"),
        "{said}"
    );
}

/// No reference to a structure that is being freed, since its reference count must not be raised again.
#[test]
fn freed_arguments_are_no_references() {
    let mut btf = Btf::new();
    let task = btf.declared("task_struct");
    let task = btf.pointer(task);
    btf.function("__put_task_struct", VOID, &[("tsk", task)]);
    btf.function("get_task", VOID, &[("tsk", task)]);
    let freed = stub(&btf, "__put_task_struct");
    assert!(freed.contains("(tsk: *mut Task)"), "{freed}");
    let kept = stub(&btf, "get_task");
    assert!(kept.contains("(tsk: &Task)"), "{kept}");
}

#[test]
fn a_small_function() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let m = btf.declared("seq_file");
    let m = btf.pointer(m);
    let v = btf.pointer(VOID);
    btf.function("cmdline_proc_show", int, &[("m", m), ("v", v)]);
    check(
        &btf,
        "cmdline_proc_show",
        &expect![[r#"
            use klp::prelude::*;

            // int cmdline_proc_show(struct seq_file *m, void *v)
            #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
                        description = "What it fixes", license = "GPL")]
            fn livepatch_cmdline_proc_show(m: &SeqFile, v: *mut c_void) -> Result<i32> {
                // Write the fixed function here.
                let _ = (m, v);
                Ok(0)
            }
        "#]],
    );
}

#[test]
fn structures_are_declared_and_long_lines_broken() {
    let mut btf = Btf::new();
    let device = btf.structure("net_device", 8, &[]);
    let device = btf.pointer(device);
    let long = btf.unsigned("long unsigned int", 8);
    let pte = btf.structure("", 8, &[("pte", long, 0, 0)]);
    let pte = btf.typedef("pte_t", pte);
    let parameters = [
        ("the_first_device_of_two", device),
        ("the_second_device_of_two", device),
        ("pte", pte),
    ];
    btf.function("__move__Pages", pte, &parameters);
    check(
        &btf,
        "__move__Pages",
        &expect![[r#"
            use klp::prelude::*;

            // pte_t __move__Pages(struct net_device *the_first_device_of_two, struct net_device *the_second_device_of_two, pte_t pte)
            #[livepatch(object = "vmlinux", replaces = "__move__Pages",
                        description = "What it fixes", license = "GPL")]
            fn livepatch_move_pages(
                the_first_device_of_two: *mut NetDevice,
                the_second_device_of_two: *mut NetDevice,
                pte: PteT,
            ) -> PteT {
                // Write the fixed function here.
                let _ = (the_first_device_of_two, the_second_device_of_two, pte);
                PteT::zeroed().into_inner()
            }

            #[kernel_struct("net_device")]
            struct NetDevice;

            #[kernel_struct("pte_t")]
            struct PteT {
                #[write]
                pte: usize,
            }
        "#]],
    );
}

#[test]
fn a_system_call_takes_its_registers() {
    let mut btf = Btf::new();
    let long = btf.signed("long int", 8);
    let registers = btf.structure("pt_regs", 168, &[]);
    let registers = btf.constant(registers);
    let registers = btf.pointer(registers);
    btf.function("__x64_sys_read", long, &[("regs", registers)]);
    let text = stub(&btf, "__x64_sys_read");
    assert!(
        text.contains("fn livepatch_x64_sys_read(regs: &SyscallArgs) -> Result<isize> {"),
        "{text}"
    );
    assert!(!text.contains("kernel_struct"), "{text}");
}

#[test]
fn a_function_of_nothing() {
    let mut btf = Btf::new();
    btf.function("schedule", VOID, &[]);
    let text = stub(&btf, "schedule");
    let body = "fn livepatch_schedule() {\n    // Write the fixed function here.\n}\n";
    assert!(text.ends_with(body), "{text}");
}

#[test]
fn every_member_of_a_structure() {
    let mut btf = Btf::new();
    let byte = btf.unsigned("unsigned char", 1);
    let int = btf.signed("int", 4);
    let long = btf.unsigned("unsigned long", 8);
    let other = btf.declared("other");
    let other = btf.constant(other);
    let other = btf.pointer(other);
    let lock = btf.structure("mutex", 24, &[("owner", long, 0, 0)]);
    let union = btf.union("", 8, &[("pointer", other), ("number", int)]);
    let buffer = btf.array(byte, 3);
    let rest = btf.array(byte, 0);
    let members = [
        ("type", int, 0, 0),
        ("low", int, 32, 3),
        ("high", int, 35, 5),
        ("next", int, 40, 8),
        ("lock", lock, 64, 0),
        ("", union, 256, 0),
        ("fooBar", buffer, 320, 0),
        ("rest", rest, 344, 0),
    ];
    btf.structure("sample", 48, &members);
    let kernel = open(&btf, &[("f", TEXT, true)]);
    let text = view(&kernel, &[]).expect("a structure");
    expect![[r##"
        #[kernel_struct("sample")]
        struct Sample {
            r#type: i32,
            low: i8,
            high: i8,
            next: i8,
            lock: klp::sync::Mutex,
            pointer: *const Other,
            number: i32,
            #[path("fooBar")]
            foo_bar: [u8; 3],
            // unsigned char rest[0]: `[u8]` with `#[counted_by(its_length, unsafe)]`
        }

        #[kernel_struct("other")]
        struct Other;
    "##]]
    .assert_eq(&text);
    let error = Stub::structure(
        &kernel,
        &Wanted {
            name: "none",
            ..SAMPLE
        },
    );
    let error = error.expect_err("no such structure").to_string();
    assert!(error.contains("no structure or union `none`"), "{error}");
}

#[test]
fn locks_counts_and_lists_have_their_types() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let long = btf.signed("long", 8);
    let count = btf.structure("", 4, &[("counter", int, 0, 0)]);
    let atomic = btf.typedef("atomic_t", count);
    let count = btf.structure("", 8, &[("counter", long, 0, 0)]);
    let wide = btf.typedef("atomic64_t", count);
    let wide = btf.typedef("atomic_long_t", wide);
    let spinlock = btf.structure("spinlock", 4, &[("raw", int, 0, 0)]);
    let spinlock = btf.typedef("spinlock_t", spinlock);
    let node = btf.structure("list_head", 16, &[("next", long, 0, 0)]);
    let head = btf.structure("hlist_head", 8, &[("first", long, 0, 0)]);
    let union = btf.union("", 4, &[("one", spinlock), ("other", atomic)]);
    let members = [
        ("lock", spinlock, 0, 0),
        ("users", atomic, 32, 0),
        ("pages", wide, 64, 0),
        ("node", node, 128, 0),
        ("files", head, 256, 0),
        ("", union, 320, 0),
    ];
    btf.structure("sample", 48, &members);
    let kernel = open(&btf, &[("f", TEXT, true)]);
    let text = view(&kernel, &[]).expect("a structure");
    expect![[r##"
        #[kernel_struct("sample")]
        struct Sample {
            lock: klp::sync::SpinLock,
            users: klp::sync::Atomic<i32>,
            pages: klp::sync::Atomic<i64>,
            node: klp::list::ListNode,
            // struct hlist_head files: `klp::list::HList<Entry>` with `#[list(its_node, unsafe)]`
            // In a union: while C uses it as a lock, write `#[active(unsafe)]` and `klp::sync::SpinLock`.
            one: Spinlock,
            other: klp::sync::Atomic<i32>,
        }

        #[kernel_struct("spinlock")]
        struct Spinlock;
    "##]]
    .assert_eq(&text);
}

const SAMPLE: Wanted<'_> = Wanted {
    object: VMLINUX,
    name: "sample",
    of: None,
    members: &[],
};

/// The stub for a structure with all its members.
pub(crate) fn structure(kernel: &Kernel, object: &str, name: &str) -> Result<String, Error> {
    let wanted = Wanted {
        object,
        name,
        ..SAMPLE
    };
    Stub::structure(kernel, &wanted)
}

/// The stub for these members of the structure `sample`.
fn view(kernel: &Kernel, members: &[&str]) -> Result<String, Error> {
    let members: Vec<_> = members.iter().map(|member| (*member).to_owned()).collect();
    let members = &members;
    Stub::structure(kernel, &Wanted { members, ..SAMPLE })
}

#[test]
fn some_members_of_a_structure() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let byte = btf.unsigned("unsigned char", 1);
    let inner = btf.structure("", 4, &[("state", byte, 0, 0), ("type", byte, 8, 0)]);
    let other = btf.structure("other", 8, &[("a", int, 0, 0)]);
    let other = btf.pointer(other);
    let members = [
        ("common", inner, 0, 0),
        ("type", int, 32, 0),
        ("next", other, 64, 0),
    ];
    btf.structure("sample", 16, &members);
    let kernel = open(&btf, &[("f", TEXT, true)]);
    let text = view(&kernel, &["common.state", "common.type", "type"]).expect("members");
    expect![[r##"
        #[kernel_struct("sample")]
        struct Sample {
            #[path("common.state")]
            state: u8,
            #[path("common.type")]
            r#type: u8,
            #[path("type")]
            type_2: i32,
        }
    "##]]
    .assert_eq(&text);
    let text = view(&kernel, &["next"]).expect("a member");
    expect![[r##"
        #[kernel_struct("sample")]
        struct Sample {
            next: *mut Other,
        }

        #[kernel_struct("other")]
        struct Other;
    "##]]
    .assert_eq(&text);
    for (path, said) in [
        (
            "common.stat",
            "`sample` has no member `common.stat`: that inner structure has no member `stat`",
        ),
        ("type.x", "`type` is `int`, which has no members of its own"),
        (
            "next.a",
            "`next` is `struct other *`, which has no members of its own",
        ),
    ] {
        let error = view(&kernel, &[path]).expect_err("no member").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn structures_of_one_name_get_distinct_names() {
    let btf = crate::structures::two_of_a_name();
    let kernel = open(&btf, &[("first", TEXT, true), ("second", TEXT + 16, true)]);
    let mut stub = Stub::new(&kernel);
    let items = ["first", "second"].map(|name| stub.add(VMLINUX, name, None).expect("a stub"));
    assert!(items[0].contains("(slot: *mut Slot)"), "{}", items[0]);
    assert!(items[1].contains("(slot: *mut SlotStruct)"), "{}", items[1]);
    expect![[r##"
        #[kernel_struct("slot", of = "first")]
        struct Slot;

        #[kernel_struct("slot", of = "second")]
        struct SlotStruct;
    "##]]
    .assert_eq(&stub.declarations());
    let slot = Wanted {
        name: "slot",
        ..SAMPLE
    };
    let error = Stub::structure(&kernel, &slot)
        .expect_err("two")
        .to_string();
    assert!(error.contains("has 2 structures `slot`"), "{error}");
    let of = Some("second");
    expect![[r##"
        #[kernel_struct("slot", of = "second")]
        struct Slot {
            number: isize,
        }
    "##]]
    .assert_eq(&Stub::structure(&kernel, &Wanted { of, ..slot }).expect("one"));
}

#[test]
fn a_structure_that_points_to_one_of_several() {
    let mut btf = crate::structures::two_of_a_name();
    let int = btf.signed("int", 4);
    let slot = btf.structure("slot", 8, &[("only", int, 0, 0)]);
    let pointer = btf.pointer(slot);
    btf.structure("sample", 16, &[("to", pointer, 0, 0), ("in", slot, 64, 0)]);
    let kernel = open(&btf, &[("f", TEXT, true)]);
    expect![[r##"
        #[kernel_struct("sample")]
        struct Sample {
            to: *mut c_void,
            // struct slot in: a view of it needs `of = "a_function"`
        }
    "##]]
    .assert_eq(&view(&kernel, &[]).expect("a structure"));
}

#[test]
fn several_share_declarations_and_have_names_of_their_own() {
    let mut btf = Btf::new();
    let page = btf.structure("page", 64, &[]);
    let page = btf.pointer(page);
    for name in ["get_page", "__get_page", "put_page"] {
        btf.function(name, VOID, &[("page", page)]);
    }
    let functions = [
        ("get_page", TEXT, true),
        ("__get_page", TEXT + 16, true),
        ("put_page", TEXT + 32, true),
        ("put_page", TEXT + 48, true),
    ];
    let kernel = open(&btf, &functions);
    let mut stub = Stub::new(&kernel);
    let mut add = |name, sympos| stub.add(VMLINUX, name, sympos).expect("a stub");
    let items = [
        add("get_page", None),
        add("__get_page", None),
        add("put_page", Some(2)),
        add("put_page", Some(1)),
    ];
    assert!(items[0].contains("fn livepatch_get_page("));
    assert!(items[1].contains("fn livepatch_get_page_2("));
    assert!(
        items[2]
            .contains("#[livepatch(object = \"vmlinux\", replaces = \"put_page\", sympos = 2)]")
    );
    assert!(items[3].contains("fn livepatch_put_page_2("));
    assert_eq!(stub.declarations().matches("struct Page;").count(), 1);
}

#[test]
fn irreplaceable_functions_and_reasons() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let double = btf.float("double", 8);
    let byte = btf.unsigned("unsigned char", 1);
    let packed = btf.structure("packed", 5, &[("a", byte, 0, 0), ("b", int, 8, 0)]);
    let empty = btf.structure("empty", 0, &[]);
    btf.function("printk", int, &[("level", int), ("", 0)]);
    btf.function("half", double, &[]);
    btf.function("pack", VOID, &[("it", packed)]);
    btf.function("nothing", VOID, &[("", empty)]);
    for name in ["twice", "untraced", "boot"] {
        btf.function(name, VOID, &[]);
    }
    let functions = [
        ("printk", TEXT, true),
        ("half", TEXT + 16, true),
        ("pack", TEXT + 32, true),
        ("nothing", TEXT + 48, true),
        ("twice", TEXT + 64, true),
        ("twice", TEXT + 80, true),
        ("untraced", TEXT + 96, false),
        ("boot", INIT, true),
        ("untyped", TEXT + 112, true),
    ];
    let kernel = open(&btf, &functions);
    let said = |name, sympos| match Stub::function(&kernel, VMLINUX, name, sympos) {
        Ok(text) => text,
        Err(error) => error.to_string() + "\n",
    };
    let names = [
        "printk", "half", "pack", "nothing", "twice", "untraced", "boot", "untyped", "hlaf",
    ];
    let mut text: String = names.iter().map(|name| said(name, None)).collect();
    text += &said("twice", Some(3));
    expect![[r#"
        `printk` cannot be replaced: it takes a variable number of arguments (`...`), and functions in Rust do not
        `half` cannot be replaced: its result `double` has a type that Rust has no equal of
        `pack` cannot be replaced: its argument `struct packed it` is passed by value, and is packed or holds floating-point numbers
        `nothing` cannot be replaced: its argument `struct empty arg1` is a structure of no size
        `twice` cannot be replaced: `vmlinux` has 2 symbols of that name; say which one with `sympos`, 1 to 2 in the order of /proc/kallsyms
        `untraced` cannot be replaced: the kernel cannot trace it (it is `notrace`, `inline`, assembly, or Rust)
        `boot` cannot be replaced: it is `__init`, and gone once the kernel has booted
        the arguments of `untyped` are not known: the type information has no function `untyped`; it leaves out those that the compiler changed, and static ones that differ
        `vmlinux` has no function `hlaf`; similar names are `half`; if C has one of that name, it was inlined into its callers, or its part of the kernel was not built
        `twice` cannot be replaced: `vmlinux` has 2 of that name, and no number 3
    "#]]
    .assert_eq(&text);
    let error = Stub::function(&kernel, "nowhere", "f", None).expect_err("no such module");
    assert!(
        error
            .to_string()
            .contains("nothing is known of module `nowhere`")
    );
}

/// The one function of `btf` in a form.
fn formed(btf: &Btf, name: &str, form: Form) -> String {
    let kernel = open(btf, &[(name, TEXT, true)]);
    let text = Stub::with(&kernel, form).whole(VMLINUX, name, None);
    text.unwrap_or_else(|error| error.to_string())
}

#[test]
fn one_that_calls_the_original() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let m = btf.declared("seq_file");
    let m = btf.pointer(m);
    // A keyword of replacements, and one of Rust.
    let parameters = [("m", m), ("original", int), ("type", int)];
    btf.function("show", int, &parameters);
    btf.function("clear", VOID, &[("m", m)]);
    let text = formed(&btf, "show", Form::Wrap);
    expect![[r#"
        use klp::prelude::*;

        // int show(struct seq_file *m, int original, int type)
        #[livepatch(object = "vmlinux", replaces = "show",
                    description = "What it fixes", license = "GPL")]
        fn livepatch_show(m: &SeqFile, original_: i32, r#type: i32) -> Result<i32> {
            // Check here what the original does not check.
            original(m, original_, r#type)
        }
    "#]]
    .assert_eq(&text);
    let text = formed(&btf, "clear", Form::Wrap);
    assert!(text.ends_with("(m: &SeqFile) {\n    // Check here what the original does not check.\n    original(m)\n}\n"), "{text}");
}

#[test]
fn a_stub_that_only_returns() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let foo = btf.structure("foo", 8, &[]);
    let foo = btf.pointer(foo);
    btf.function("open_foo", int, &[("foo", foo), ("type", int)]);
    let answer = |text: &str| Form::Returns(text.parse().expect("an answer"));
    let text = formed(&btf, "open_foo", answer("-EPERM"));
    expect![[r#"
        use klp::prelude::*;

        // int open_foo(struct foo *foo, int type)
        #[livepatch(object = "vmlinux", replaces = "open_foo",
                    description = "Emergency: open_foo only answers -EPERM", license = "GPL")]
        fn livepatch_open_foo(_foo: *mut c_void, _type: i32) -> Result<i32> {
            Err(EPERM)
        }
    "#]]
    .assert_eq(&text);
}

#[test]
fn return_values_have_the_result_types() {
    let mut btf = Btf::new();
    let long = btf.signed("long int", 8);
    let ssize = btf.typedef("ssize_t", long);
    let unsigned = btf.unsigned("unsigned int", 4);
    let short = btf.signed("short int", 2);
    let bool_ = btf.boolean();
    let foo = btf.structure("foo", 16, &[("a", long, 0, 0), ("b", long, 64, 0)]);
    let pointer = btf.pointer(foo);
    for (name, result) in [
        ("size", ssize),
        ("number", unsigned),
        ("small", short),
        ("check", bool_),
        ("find", pointer),
        ("value", foo),
        ("stop", VOID),
    ] {
        btf.function(name, result, &[]);
    }
    let answer = |name: &str, text: &str| {
        let answer: Answer = text.parse().expect("an answer");
        let text = formed(&btf, name, Form::Returns(answer));
        match text.split_once("fn livepatch_") {
            Some((_, function)) => function.to_owned(),
            None => text,
        }
    };
    for (name, text, expected) in [
        (
            "size",
            "-EINVAL",
            "size() -> Result<isize> {\n    Err(EINVAL)\n}\n",
        ),
        (
            "size",
            "-22",
            "size() -> Result<isize> {\n    Err(EINVAL)\n}\n",
        ),
        (
            "size",
            "-EOPNOTSUPP",
            "size() -> Result<isize> {\n    // -EOPNOTSUPP\n    Err(Error::from_errno(-95))\n}\n",
        ),
        ("size", "4096", "size() -> isize {\n    4096\n}\n"),
        ("size", "-5000", "size() -> isize {\n    -5000\n}\n"),
        (
            "number",
            "0xffffffff",
            "number() -> u32 {\n    4294967295\n}\n",
        ),
        ("small", "-1", "small() -> i16 {\n    -1\n}\n"),
        ("check", "false", "check() -> bool {\n    false\n}\n"),
        ("check", "1", "check() -> bool {\n    true\n}\n"),
        (
            "find",
            "NULL",
            "find() -> Returned<c_void> {\n    Returned::null()\n}\n",
        ),
        (
            "find",
            "-ENOMEM",
            "find() -> Result<Returned<c_void>> {\n    // For callers that look for it as IS_ERR() does; \
             others follow it.\n    Err(ENOMEM)\n}\n",
        ),
        ("stop", "void", "stop() {\n}\n"),
    ] {
        assert_eq!(answer(name, text), expected, "{name} {text}");
    }
    for (name, text, why) in [
        (
            "size",
            "NULL",
            "it returns `ssize_t` (a number, or an errno such as `-EPERM`), and `NULL` is none",
        ),
        ("size", "0x8000000000000000", "is none"),
        (
            "number",
            "-EPERM",
            "it returns `unsigned int` (a number that is not negative)",
        ),
        ("number", "0x100000000", "is none"),
        ("small", "40000", "is none"),
        ("check", "-EPERM", "it returns `bool` (`true` or `false`)"),
        ("check", "2", "is none"),
        (
            "find",
            "16",
            "it returns `struct foo *` (`NULL`, or for some callers an errno)",
        ),
        ("find", "true", "is none"),
        (
            "value",
            "0",
            "it returns `struct foo` (which is to be written by hand)",
        ),
        (
            "stop",
            "0",
            "it returns nothing (write `void`), and `0` is none",
        ),
        ("size", "void", "is none"),
    ] {
        let said = answer(name, text);
        assert!(
            said.starts_with(&format!("`{name}` cannot answer that: ")),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    }
}
