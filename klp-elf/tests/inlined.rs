// SPDX-License-Identifier: GPL-2.0-only

//! Reads inlined functions from the debug information of real compilers.

#![cfg(feature = "debug-info")]

use klp_elf::inlined::{Definition, Error, Index, read};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// `leaf` is inlined into `middle`, and that into `outer` and `other`; `shared` is in a header.
const SOURCE: &str = r#"
#include "include/linux/types.h"

extern void sink(int);

static inline __attribute__((always_inline)) int leaf(int a)
{
	sink(a);
	return a + 1;
}

static inline __attribute__((always_inline)) int middle(int a)
{
	return leaf(a) * 2;
}

int outer(int a)
{
	return middle(a) + shared(a);
}

__attribute__((section(".text.other"))) int other(int a)
{
	a = leaf(a);
	return middle(a);
}

__attribute__((noinline)) static int alone(int a)
{
	sink(a);
	return a;
}

int caller(int a)
{
	return alone(a) + 1;
}
"#;

const HEADER: &str = r#"
extern void sink(int);

static inline __attribute__((always_inline)) int shared(int a)
{
	sink(a);
	return a - 1;
}
"#;

struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().expect("a folder"));
        let include = fixture.path("include/linux");
        fs::create_dir_all(&include).expect("folders");
        fs::create_dir(fixture.path("fs")).expect("a folder");
        fs::write(include.join("types.h"), HEADER).expect("written");
        fs::write(fixture.path("fs/file.c"), SOURCE).expect("written");
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn compile(&self, flags: &[&str]) -> PathBuf {
        let object = self.path("file.o");
        let mut command = Command::new("cc");
        command
            .current_dir(self.0.path())
            .args(["-O2", "-I.", "-c"]);
        command.args(flags).args(["fs/file.c", "-o"]).arg(&object);
        assert!(command.status().expect("a C compiler").success());
        object
    }

    fn index(&self, file: &Path) -> Index {
        let text = read(file).expect("debug information").text();
        let path = self.path("index");
        fs::write(&path, text).expect("written");
        Index::open(&path).expect("an index")
    }
}

fn only(index: &Index, name: &str) -> Definition {
    let mut found = index.named(name).expect("readable");
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

fn callers(index: &Index, name: &str) -> Vec<String> {
    let callers = only(index, name).callers;
    callers.iter().map(ToString::to_string).collect()
}

fn check(index: &Index) {
    assert_eq!(
        callers(index, "leaf"),
        [
            "`other` (fs/file.c:14, through `middle`)",
            "`other` (fs/file.c:24)",
            "`outer` (fs/file.c:14, through `middle`)",
        ]
    );
    assert_eq!(
        callers(index, "middle"),
        ["`other` (fs/file.c:25)", "`outer` (fs/file.c:19)"]
    );
    let leaf = only(index, "leaf");
    assert_eq!((leaf.file.as_str(), leaf.line), ("fs/file.c", 6));
    assert!(leaf.entries.is_empty(), "it has no copy of its own");
    assert_eq!(callers(index, "shared"), ["`outer` (fs/file.c:19)"]);
    assert_eq!(only(index, "shared").file, "include/linux/types.h");
    let alone = only(index, "alone");
    assert!(alone.callers.is_empty());
    assert_eq!(alone.entries.len(), 1);
    assert!(index.named("lea").expect("readable").is_empty());
    assert!(index.named("zzz").expect("readable").is_empty());
    assert!(index.named("").expect("readable").is_empty());
}

#[test]
fn callers_are_named_with_the_place_of_the_call() {
    let fixture = Fixture::new();
    for flags in [
        &["-g", "-gdwarf-5"][..],
        &["-g", "-gdwarf-4"],
        &["-g", "-gdwarf-5", "-gz=zlib"],
        &["-g", "-gdwarf-4", "-gz=zlib"],
    ] {
        check(&fixture.index(&fixture.compile(flags)));
    }
}

#[test]
fn the_functions_of_headers_can_be_left_out() {
    let fixture = Fixture::new();
    let object = fixture.compile(&["-g"]);
    let found = read(&object).expect("debug information").without_headers();
    let path = fixture.path("index");
    fs::write(&path, found.text()).expect("written");
    let index = Index::open(&path).expect("an index");
    assert!(index.named("shared").expect("readable").is_empty());
    assert_eq!(callers(&index, "middle").len(), 2);
}

#[test]
fn separate_debug_information_is_read() {
    let fixture = Fixture::new();
    let object = fixture.compile(&["-g"]);
    let (linked, split) = (fixture.path("linked.so"), fixture.path("split.debug"));
    let run = |program: &str, arguments: &[&Path]| {
        let status = Command::new(program).args(arguments).status();
        assert!(status.expect("a program").success(), "{program}");
    };
    let shared = Path::new("-shared");
    let id = Path::new("-Wl,--build-id");
    run("cc", &[shared, id, &object, Path::new("-o"), &linked]);
    run(
        "objcopy",
        &[Path::new("--only-keep-debug"), &linked, &split],
    );
    let index = fixture.index(&split);
    check(&index);
    let id = klp_elf::inlined::build_id(&linked).expect("readable");
    assert!(id.is_some());
    assert_eq!(index.build_id().expect("readable"), id);
}

#[test]
fn files_without_debug_information_say_so() {
    let fixture = Fixture::new();
    let object = fixture.compile(&["-g0"]);
    assert!(matches!(read(&object), Err(Error::None { .. })));
    let text = fixture.path("fs/file.c");
    assert!(matches!(read(&text), Err(Error::Elf { .. })));
    let missing = fixture.path("missing");
    assert!(matches!(read(&missing), Err(Error::Read { .. })));
    assert!(matches!(Index::open(&text), Err(Error::Index { .. })));
}

#[test]
fn split_debug_information_is_refused_with_advice() {
    let fixture = Fixture::new();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let object = fixture.compile(&["-g", version, "-gsplit-dwarf"]);
        let error = read(&object).err().expect("refused").to_string();
        assert!(error.contains("CONFIG_DEBUG_INFO_SPLIT"), "{error}");
    }
}

/// Damaged files return a result or an error, and do not panic.
#[test]
fn damaged_debug_information_does_not_panic() {
    let fixture = Fixture::new();
    let whole = fs::read(fixture.compile(&["-g"])).expect("readable");
    let damaged = fixture.path("damaged.o");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let place = usize::try_from(state).expect("64 bits") % bytes.len();
            bytes[place] = (state >> 56) as u8;
        }
        fs::write(&damaged, bytes).expect("written");
        if let Ok(found) = read(&damaged) {
            found.text();
        }
    }
}

#[test]
fn a_damaged_index_is_an_error() {
    let fixture = Fixture::new();
    let path = fixture.path("index");
    let open = |text: &str| {
        fs::write(&path, text).expect("written");
        Index::open(&path).and_then(|index| index.named("b"))
    };
    assert!(open("!klp-inlined 1 \nb\tf.c\t1\t@\t10\n").is_ok());
    for text in [
        "",
        "!klp-inlined 2 \n",
        "!klp-inlined 1 \nb\tf.c\tx\t@\t10\n",
        "!klp-inlined 1 \nb\tf.c\t1\t@\tx\n",
        "!klp-inlined 1 \nb\tf.c\n",
        "!klp-inlined 1 \nb\tf.c\t1\t@\t10",
    ] {
        assert!(open(text).is_err(), "{text}");
    }
    let long = format!("!klp-inlined 1 \n{}\n", "b".repeat(200_000));
    assert!(open(&long).is_err());
}

/// Each name is found at any position of a long index.
#[test]
fn bisection_finds_every_name() {
    let fixture = Fixture::new();
    let mut lines: Vec<String> = (0..2000)
        .map(|number| {
            format!(
                "f{number}\t{}.c\t1\t@\t{number:x}\n",
                "d".repeat(number % 90)
            )
        })
        .collect();
    lines.sort();
    let path = fixture.path("index");
    fs::write(&path, format!("!klp-inlined 1 ab\n{}", lines.concat())).expect("written");
    let index = Index::open(&path).expect("an index");
    for number in 0..2000 {
        assert_eq!(only(&index, &format!("f{number}")).entries, [number]);
    }
    assert!(index.named("f2000").expect("readable").is_empty());
    assert!(index.named("e").expect("readable").is_empty());
}
