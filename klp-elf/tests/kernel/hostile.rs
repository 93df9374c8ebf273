// SPDX-License-Identifier: GPL-2.0-only

//! Type information with code, escape sequences and ends of comments as names. The printed Rust has exactly
//! the expected items.

use crate::btf::{Btf, VOID};
use crate::files::{Folder, INIT, TEXT, vmlinux};
use klp_elf::{Kernel, Object, Stub, VMLINUX, Wanted};
use quote::ToTokens as _;
use syn::Item;

/// Malicious names, each with the word `evil`.
const NAMES: [&str; 10] = [
    "a\nfn evil() {}",
    "a;\r\n}\nstatic evil: u8 = 0;\n//",
    "a) { evil!() }\nfn b(",
    "a */ evil /*",
    "a\"]\nconst evil: () = ();\n#[doc = \"",
    "a\u{202e}evil\u{2066}",
    "a\u{2028}evil",
    "\u{1b}]0;evil\x07",
    "evil name",
    "1evil",
];

/// A name that ends each other one.
const LONG: &str = "evil";

fn long() -> String {
    LONG.repeat(200)
}

/// Types in which everything has such a name.
fn types(name: &str) -> Btf {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    // Names of integers may have several words.
    let odd = btf.signed(&format!("{name}\n"), 4);
    let declared = btf.declared(name);
    let member = btf.structure("inner", 4, &[(name, int, 0, 0)]);
    let members = [
        ("first", int, 0, 0),
        (name, odd, 32, 0),
        (name, member, 64, 0),
        ("bits", odd, 96, 3),
        (name, int, 99, 5),
    ];
    let structure = btf.structure("s", 16, &members);
    let hidden = btf.structure(name, 8, &[("a", int, 0, 0), (name, int, 32, 0)]);
    let alias = btf.typedef(name, structure);
    let tagged = btf.tag(name, alias);
    let mode = btf.enumeration(name, 4, true);
    let union = btf.union(name, 8, &[(name, int)]);
    let callback = btf.prototype(hidden, &[(name, union), (name, odd)]);
    let callback = btf.pointer(callback);
    let pointers = [declared, hidden, alias, tagged, union, odd].map(|ty| btf.pointer(ty));
    let array = btf.array(alias, 3);
    let array = btf.pointer(array);
    let mut parameters = vec![(name, mode), (name, callback), ("array", array)];
    parameters.extend(pointers.map(|ty| (name, ty)));
    btf.function("show", odd, &parameters);
    btf.function("value", structure, &[("s", structure)]);
    btf.function(name, int, &[]);
    btf.function("hidden", VOID, &[(name, hidden)]);
    btf
}

/// Runs `test` with a kernel of these types.
fn with(name: &str, test: impl FnOnce(&Kernel, &Object<'_>)) {
    let names = ["show", "value", "hidden", name];
    let functions: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| (*name, TEXT + number * 16, true))
        .chain([("other", INIT, true)])
        .collect();
    let folder = Folder::new(&vmlinux(&types(name), &functions));
    let kernel = folder.open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    test(&kernel, &object);
}

/// The items of a file: what they are, and their names.
fn items(text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    let items = file.items.iter().map(|item| match item {
        Item::Use(item) => item.to_token_stream().to_string(),
        Item::Fn(item) => format!("fn {}", item.sig.ident),
        Item::Struct(item) => format!("struct {}", item.ident),
        other => panic!("an item of another kind: {}", other.to_token_stream()),
    });
    items.collect()
}

/// The view of a structure with all its members.
fn whole(name: &str) -> Wanted<'_> {
    Wanted {
        object: VMLINUX,
        name,
        of: None,
        members: &[],
    }
}

/// Text for people: no control characters but the ends of lines, and nothing of the names.
#[track_caller]
fn clean(text: &str) {
    let odd = |c: &char| c.is_control() && *c != '\n' || !c.is_ascii();
    assert_eq!(text.chars().find(odd), None, "{text:?}");
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn stubs_have_the_items_that_they_should_have() {
    let long = long();
    for name in NAMES.into_iter().chain([long.as_str()]) {
        with(name, |kernel, _| {
            let text = Stub::function(kernel, VMLINUX, "show", None).expect("a stub");
            clean(&text);
            let structure = "struct S";
            let expected = ["use klp :: prelude :: * ;", "fn livepatch_show", structure];
            let found = items(&text);
            // A structure behind a typedef without a name has its tag.
            assert_eq!(found, expected, "{name:?}:\n{text}");
            assert!(
                text.contains("no C identifiers, and are left out"),
                "{text}"
            );

            let text = Stub::function(kernel, VMLINUX, "value", None).expect("a stub");
            clean(&text);
            let expected = ["use klp :: prelude :: * ;", "fn livepatch_value", structure];
            assert_eq!(items(&text), expected, "{name:?}:\n{text}");

            let text = Stub::structure(kernel, &whole("s")).expect("a view");
            clean(&text);
            assert_eq!(items(&text), ["struct S"], "{name:?}:\n{text}");
        });
    }
}

#[test]
fn invalid_names_are_not_found_and_escaped() {
    for name in NAMES {
        with(name, |kernel, object| {
            let names: Vec<String> = object.functions().map(|name| name.to_string()).collect();
            assert_eq!(names, ["show", "value", "hidden"]);
            for error in [
                Stub::function(kernel, VMLINUX, name, None).err(),
                Stub::structure(kernel, &whole(name)).err(),
                Stub::function(kernel, VMLINUX, "hidden", None).err(),
                Stub::function(kernel, name, "show", None).err(),
            ] {
                let text = error.expect("an error").to_string();
                let odd = |c: char| c.is_control() || (!c.is_ascii() && !c.is_alphanumeric());
                assert!(!text.contains(odd), "{text:?}");
            }
            let function = object.function(&format!("{name}x"));
            let text = format!("{} {} {function:?}", function.name, function.others);
            assert!(!text.contains(char::is_control), "{text:?}");
        });
    }
}

#[test]
fn similar_names_are_shown_escaped() {
    let functions = [("show_\x1b[2J\n::error::", TEXT, true)];
    let kernel = Folder::new(&vmlinux(&Btf::new(), &functions)).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    let function = object.function("show_.[2J.::error::");
    let text = function.others.to_string();
    let shown = "; similar names are `show_\\u{1b}[2J\\n::error::`; ";
    assert!(text.starts_with(shown), "{text:?}");
}

#[test]
fn keywords_stay_raw_identifiers() {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let members = [
        ("type", int, 0, 0),
        ("fn", int, 32, 0),
        ("self", int, 64, 0),
    ];
    let structure = btf.structure("match", 12, &members);
    let pointer = btf.pointer(structure);
    btf.function("show", int, &[("impl", int), ("crate", pointer)]);
    let kernel = Folder::new(&vmlinux(&btf, &[("show", TEXT, true)])).open();
    let text = Stub::function(&kernel, VMLINUX, "show", None).expect("a stub");
    assert!(text.contains("(r#impl: i32, crate_: *mut Match)"), "{text}");
    items(&text);
    let text = Stub::structure(&kernel, &whole("match")).expect("a view");
    assert!(
        text.contains("r#type: i32,\n    r#fn: i32,\n    #[path(\"self\")]\n    self_: i32,"),
        "{text}"
    );
    items(&text);
}
