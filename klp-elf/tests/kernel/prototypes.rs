// SPDX-License-Identifier: GPL-2.0-only

//! Prints prototypes in C, and the Rust types for them.

use crate::btf::{Btf, VOID};
use crate::files::Folder;
use klp_elf::{Kind, Prototype, VMLINUX, rust};

/// The prototype of the last function of that name.
fn prototype(btf: &Btf, name: &str) -> Prototype {
    let kernel = Folder::new(&btf.finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    object.function(name).prototype.expect("its prototype")
}

/// The Rust type of an argument, and that of a result.
fn in_rust(make: impl Fn(&mut Btf) -> u32) -> (String, Option<String>, Option<String>) {
    let mut btf = Btf::new();
    let ty = make(&mut btf);
    btf.function("f", ty, &[("x", ty)]);
    let prototype = prototype(&btf, "f");
    let argument = rust::argument(&prototype.parameters[0].ty);
    (
        prototype.to_string(),
        argument,
        rust::result(&prototype.result),
    )
}

fn check(make: impl Fn(&mut Btf) -> u32, c: &str, argument: &str, result: &str) {
    let expected = (
        c.to_owned(),
        Some(argument.to_owned()),
        Some(result.to_owned()),
    );
    assert_eq!(in_rust(make), expected);
}

#[test]
fn integers_by_size_and_sign() {
    check(
        |btf| btf.signed("int", 4),
        "int f(int x)",
        "i32",
        "Result<i32>",
    );
    check(
        |btf| btf.unsigned("unsigned int", 4),
        "unsigned int f(unsigned int x)",
        "u32",
        "u32",
    );
    check(|btf| btf.unsigned("char", 1), "char f(char x)", "u8", "u8");
    check(|btf| btf.boolean(), "bool f(bool x)", "bool", "bool");
    check(
        |btf| btf.signed("short int", 2),
        "short f(short x)",
        "i16",
        "i16",
    );
    check(
        |btf| btf.signed("long long int", 8),
        "long long f(long long x)",
        "i64",
        "Result<i64>",
    );
}

#[test]
fn a_long_is_of_pointer_size_under_any_name() {
    // gcc and clang call it differently.
    for name in ["long unsigned int", "unsigned long"] {
        let make = |btf: &mut Btf| {
            let long = btf.unsigned(name, 8);
            let inner = btf.typedef("__kernel_ulong_t", long);
            btf.typedef("size_t", inner)
        };
        check(make, "size_t f(size_t x)", "usize", "usize");
    }
    let make = |btf: &mut Btf| {
        let long = btf.signed("long int", 8);
        btf.typedef("ssize_t", long)
    };
    check(make, "ssize_t f(ssize_t x)", "isize", "Result<isize>");
}

#[test]
fn enumerations_are_integers_but_no_errno() {
    check(
        |btf| btf.enumeration("state", 4, true),
        "enum state f(enum state x)",
        "i32",
        "i32",
    );
    check(
        |btf| btf.enumeration("state", 4, false),
        "enum state f(enum state x)",
        "u32",
        "u32",
    );
}

#[test]
fn pointers() {
    let structure = |btf: &mut Btf| btf.structure("sk_buff", 8, &[]);
    check(
        |btf| {
            let to = structure(btf);
            btf.pointer(to)
        },
        "struct sk_buff *f(struct sk_buff *x)",
        "*mut SkBuff",
        "Returned<SkBuff>",
    );
    check(
        |btf| {
            let to = structure(btf);
            let to = btf.constant(to);
            let to = btf.pointer(to);
            btf.pointer(to)
        },
        "const struct sk_buff **f(const struct sk_buff **x)",
        "*mut *const SkBuff",
        "Returned<*const SkBuff>",
    );
    check(
        |btf| btf.pointer(VOID),
        "void *f(void *x)",
        "*mut c_void",
        "Returned<c_void>",
    );
    check(
        |btf| {
            let char = btf.unsigned("char", 1);
            let char = btf.constant(char);
            let user = btf.tag("user", char);
            btf.pointer(user)
        },
        "const char __user *f(const char __user *x)",
        "*const c_char",
        "Returned<c_char>",
    );
}

#[test]
fn wrappers_are_references_as_arguments_only() {
    check(
        |btf| {
            let to = btf.declared("seq_file");
            btf.pointer(to)
        },
        "struct seq_file *f(struct seq_file *x)",
        "&SeqFile",
        "Returned<SeqFile>",
    );
    check(
        |btf| {
            let to = btf.structure("file", 8, &[]);
            let to = btf.constant(to);
            btf.pointer(to)
        },
        "const struct file *f(const struct file *x)",
        "&LocalFile",
        "Returned<File>",
    );
}

#[test]
fn function_pointers_and_arrays_go_around_the_name() {
    let make = |btf: &mut Btf| {
        let int = btf.signed("int", 4);
        let pointer = btf.pointer(VOID);
        let function = btf.prototype(int, &[("", pointer), ("", 0)]);
        let function = btf.pointer(function);
        btf.constant(function)
    };
    check(
        make,
        "int (*const f(int (*const x)(void *, ...)))(void *, ...)",
        "*const c_void",
        "Returned<c_void>",
    );
    let make = |btf: &mut Btf| {
        let int = btf.signed("int", 4);
        let array = btf.array(int, 4);
        let array = btf.array(array, 2);
        btf.pointer(array)
    };
    check(
        make,
        "int (*f(int (*x)[2][4]))[2][4]",
        "*mut [[i32; 4]; 2]",
        "Returned<[[i32; 4]; 2]>",
    );
}

#[test]
fn types_without_a_rust_equivalent_are_none() {
    for make in [
        |btf: &mut Btf| btf.float("double", 8),
        |btf: &mut Btf| btf.signed("__int128", 16),
    ] {
        let (_, argument, result) = in_rust(make);
        assert_eq!((argument, result), (None, None));
    }
    assert_eq!(in_rust(|_| VOID).2.as_deref(), Some("()"));
}

#[test]
fn structures_of_a_taken_or_the_same_name_get_another() {
    let mut btf = Btf::new();
    let mut parameters = Vec::new();
    for tag in ["task", "net_device", "netDevice", "_8250_port"] {
        let to = btf.structure(tag, 8, &[]);
        parameters.push(("", btf.pointer(to)));
    }
    btf.function("f", VOID, &parameters);
    let mut names = rust::Names::default();
    let prototype = prototype(&btf, "f");
    let types = prototype.parameters.iter();
    let types: Vec<_> = types
        .map(|parameter| names.argument(&parameter.ty))
        .collect();
    let expected = [
        "TaskStruct",
        "NetDevice",
        "NetDeviceStruct",
        "Struct8250Port",
    ];
    assert_eq!(types, expected.map(|name| Some(format!("*mut {name}"))));
}

#[test]
fn arguments_have_names_that_rust_allows() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let names = [
        "type",
        "self",
        "",
        "x",
        "x",
        "dwFlags",
        "skb__nullable",
        "_",
        "__v",
    ];
    let parameters = names.map(|name| (name, int));
    btf.function("f", VOID, &parameters);
    assert_eq!(
        rust::argument_names(&prototype(&btf, "f")),
        [
            "r#type",
            "self_",
            "arg3",
            "x",
            "x_2",
            "dw_flags",
            "skb_nullable",
            "arg8",
            "__v"
        ]
    );
}

#[test]
fn no_parameters_and_any_number_of_them() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    btf.function("none", VOID, &[]);
    btf.function("many", VOID, &[("first", int), ("", 0)]);
    assert_eq!(prototype(&btf, "none").to_string(), "void none(void)");
    let many = prototype(&btf, "many");
    assert_eq!(many.to_string(), "void many(int first, ...)");
    assert!(many.variadic);
    assert_eq!(many.parameters.len(), 1);
}

#[test]
fn a_structure_behind_typedefs_has_all_their_names() {
    let mut btf = Btf::new();
    let inner = btf.structure("", 8, &[]);
    let inner = btf.typedef("inner_t", inner);
    let outer = btf.volatile(inner);
    let outer = btf.typedef("outer_t", outer);
    btf.function("f", outer, &[]);
    let prototype = prototype(&btf, "f");
    let Kind::Aggregate { names } = &prototype.result.kind else {
        panic!("a structure");
    };
    assert_eq!(*names, ["outer_t", "inner_t"]);
    assert_eq!(prototype.to_string(), "outer_t f(void)");
}
