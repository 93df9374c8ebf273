// SPDX-License-Identifier: GPL-2.0-only

//! Finds a kernel's functions, and whether they can be replaced.

use crate::btf::{Btf, VOID};
use crate::files::{Folder, INIT, LIST, TEXT, relocatable_vmlinux, vmlinux};
use klp_elf::{Function, Kernel, Match, VMLINUX};

/// A kernel with two functions of one name, one that cannot be traced, and one for the boot.
fn kernel() -> Vec<u8> {
    let mut btf = Btf::new();
    btf.function("start_kernel", VOID, &[]);
    btf.function("notrace", VOID, &[]);
    let int = btf.signed("int", 4);
    btf.function("differs", VOID, &[]);
    btf.function("differs", int, &[]);
    vmlinux(
        &btf,
        &[
            ("show", TEXT + 0x80, true),
            ("show", TEXT + 0x40, false),
            ("single", TEXT + 0xc0, true),
            ("__crc_single", TEXT + 0xc0, false),
            ("notrace", TEXT + 0x100, false),
            ("split.constprop.0", TEXT + 0x140, true),
            ("split.constprop.0.cold", TEXT + 0x180, false),
            ("cmdline_proc_show", TEXT + 0x1c0, true),
            ("start_kernel", INIT + 0x10, true),
            ("setup", TEXT + 0x200, true),
            ("setup", INIT + 0x20, true),
            ("jiffies", 0xffff_ffff_8300_0000, false),
        ],
    )
}

fn function(kernel: &Kernel, name: &str) -> Function {
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    object.function(name)
}

fn traceable(kernel: &Kernel, name: &str) -> Vec<Option<bool>> {
    let matches = function(kernel, name).matches.expect("symbols");
    matches.iter().map(|found| found.traceable).collect()
}

#[test]
fn symbols_of_one_name_are_counted_by_address() {
    let kernel = Folder::new(&kernel()).open();
    let found = |sympos, offset, traceable| Match {
        sympos,
        address: TEXT + offset,
        size: Some(16),
        room: Some(0x40),
        code: true,
        read_only: None,
        per_cpu: false,
        traceable: Some(traceable),
        // Its `endbr64` and the call.
        entry: traceable.then_some(9),
        init: false,
    };
    assert_eq!(
        function(&kernel, "show").matches,
        Some(vec![found(1, 0x40, false), found(2, 0x80, true)])
    );
}

#[test]
fn init_functions_are_recognised() {
    let kernel = Folder::new(&kernel()).open();
    let matches = function(&kernel, "start_kernel").matches.expect("symbols");
    assert!(matches[0].init);
    assert_eq!(traceable(&kernel, "notrace"), [Some(false)]);
    assert!(!function(&kernel, "notrace").matches.expect("symbols")[0].init);
}

#[test]
fn symbols_that_kallsyms_omits_are_ignored() {
    let kernel = Folder::new(&kernel()).open();
    assert_eq!(function(&kernel, "__crc_single").matches, Some(vec![]));
}

#[test]
fn alternatives_are_listed() {
    let kernel = Folder::new(&kernel()).open();
    let split = function(&kernel, "split").others;
    assert_eq!(split.variants, ["split.constprop.0"]);
    let slip = function(&kernel, "cmdline_prok_show").others;
    assert_eq!(slip.similar, ["cmdline_proc_show"]);
    assert!(
        slip.to_string()
            .starts_with("; similar names are `cmdline_proc_show`; "),
        "{slip}"
    );
    let data = function(&kernel, "jiffies");
    assert!(data.others.data);
    let data = data.matches.expect("symbols");
    assert_eq!((data[0].code, data[0].traceable), (false, Some(false)));
    let found = function(&kernel, "show").others;
    assert_eq!(found, klp_elf::Others::default());
}

/// A function that was inlined everywhere has no symbol, whatever names look like its own.
#[test]
fn a_similar_name_does_not_hide_that_a_function_may_be_inlined() {
    let kernel = Folder::new(&kernel()).open();
    for name in ["cmdline_prok_show", "nothing_like_it"] {
        let others = function(&kernel, name).others.to_string();
        assert!(
            others.contains("it was inlined into its callers"),
            "{others}"
        );
    }
    for name in ["split", "jiffies"] {
        let others = function(&kernel, name).others.to_string();
        assert!(!others.contains("inlined"), "{others}");
    }
}

#[test]
fn why_a_prototype_is_not_known() {
    let kernel = Folder::new(&kernel()).open();
    let said = |name| function(&kernel, name).untyped.expect("a reason");
    assert!(
        said("show").contains("has no function `show`"),
        "{}",
        said("show")
    );
    assert!(said("differs").contains("several functions `differs`"));
    assert_eq!(function(&kernel, "notrace").untyped, None);
}

#[test]
fn bare_btf_has_no_symbols() {
    let mut btf = Btf::new();
    btf.function("known", VOID, &[]);
    let kernel = Folder::new(&btf.finish()).open();
    let known = function(&kernel, "known");
    assert_eq!(known.matches, None);
    assert!(known.prototype.is_some());
    assert_eq!(function(&kernel, "knwon").others.similar, ["known"]);
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    assert_eq!(object.functions().collect::<Vec<_>>(), ["known"]);
}

#[test]
fn the_symbols_of_the_running_kernel_come_first() {
    let mut folder = Folder::new(&kernel());
    // Loaded 16 MiB higher.
    let text = "ffffffff82000000 T _text\n\
                ffffffff82000040 t show\n\
                ffffffff82000080 t show\n\
                ffffffff820000c0 T new\n\
                ffffffff820000d0 D last\n\
                ffffffffc0000000 t show\t[loaded]\n";
    folder.sources.kallsyms = Some(folder.add("kallsyms", text.as_bytes()));
    let kernel = folder.open();
    assert_eq!(traceable(&kernel, "show"), [Some(false), Some(true)]);
    assert_eq!(traceable(&kernel, "new"), [Some(true)]);
    assert_eq!(function(&kernel, "notrace").matches, Some(vec![]));
    let loaded = kernel.object("loaded").expect("readable").expect("loaded");
    let show = loaded.function("show");
    assert_eq!(show.matches.expect("symbols").len(), 1);
    assert!(
        show.untyped
            .expect("a reason")
            .contains("file of module `loaded`")
    );
    assert!(kernel.object("other").expect("readable").is_none());
}

#[test]
fn hidden_addresses_are_refused() {
    let mut folder = Folder::new(&kernel());
    let text = b"0000000000000000 T _text\n0000000000000000 t show\n";
    folder.sources.kallsyms = Some(folder.add("kallsyms", text));
    let error = Kernel::open(folder.sources).err().expect("no addresses");
    assert!(error.to_string().ends_with("copy it as root"), "{error}");
}

#[test]
fn the_list_of_the_running_kernel_counts_where_it_is_clear() {
    let mut folder = Folder::new(&kernel());
    let text = b"single\nshow [some_module]\nsplit.constprop.0\n";
    folder.sources.traceable = Some(folder.add("traceable", text));
    let kernel = folder.open();
    assert_eq!(traceable(&kernel, "single"), [Some(true)]);
    assert_eq!(traceable(&kernel, "cmdline_proc_show"), [Some(false)]);
    assert_eq!(traceable(&kernel, "show"), [Some(false), Some(false)]);

    // Init functions are never listed.
    folder.sources.traceable = Some(folder.add("traceable", b"setup\n"));
    assert_eq!(
        traceable(&folder.open(), "setup"),
        [Some(true), Some(false)]
    );

    // The list has one of two; the kernel's file shows which.
    folder.sources.traceable = Some(folder.add("traceable", b"show\n"));
    assert_eq!(traceable(&folder.open(), "show"), [Some(false), Some(true)]);

    // Without a list in the file it is unknown.
    let mut bare = Folder::new(&Btf::new().finish());
    let text = b"ffffffff82000040 t show\nffffffff82000080 t show\n";
    bare.sources.kallsyms = Some(bare.add("kallsyms", text));
    bare.sources.traceable = Some(bare.add("traceable", b"show\n"));
    assert_eq!(traceable(&bare.open(), "show"), [None, None]);
}

fn entries(kernel: &Kernel, name: &str) -> Vec<Option<u64>> {
    let matches = function(kernel, name).matches.expect("symbols");
    matches.iter().map(|found| found.entry).collect()
}

#[test]
fn places_are_in_the_relocations_of_a_kernel_that_relocates_itself() {
    let functions = [("quiet", TEXT, false), ("show", TEXT + 0x40, true)];
    let folder = Folder::new(&relocatable_vmlinux(&Btf::new(), &functions));
    let known = folder.open();
    assert_eq!(entries(&known, "show"), [Some(9)]);
    assert_eq!(entries(&known, "quiet"), [None]);
}

#[test]
fn entries_reach_to_the_end_of_the_traced_call() {
    let mut folder = Folder::new(&kernel());
    let known = folder.open();
    assert_eq!(entries(&known, "show"), [None, Some(9)]);
    assert_eq!(entries(&known, "jiffies"), [None]);

    // An image without symbols, and what its kernel says.
    let mut bare = Folder::new(&Btf::new().finish());
    let text = b"ffffffff82000040 t show\nffffffff82000080 t show\nffffffff820000c0 t quiet\n\
                 ffffffff82000100 t end\n";
    bare.sources.kallsyms = Some(bare.add("kallsyms", text));
    assert_eq!(entries(&bare.open(), "show"), [None, None]);
    let sites = b"ffffffff82000084 show\nffffffff82000040 show\n\
                  ffffffff820000c0 quiet [m]\nno address\n\n";
    bare.sources.sites = Some(bare.add("sites", sites));
    let known = bare.open();
    assert_eq!(entries(&known, "show"), [Some(5), Some(9)]);
    assert_eq!(entries(&known, "quiet"), [None]);
    assert_eq!(traceable(&known, "show"), [Some(true), Some(true)]);
    assert_eq!(traceable(&known, "quiet"), [Some(false)]);

    // The list of the running kernel takes precedence over the file.
    folder.sources.sites = Some(folder.add("sites", b"ffffffff81000080 show\n"));
    assert_eq!(entries(&folder.open(), "show"), [None, Some(5)]);
    folder.sources.sites = Some(folder.add("sites", b"\n"));
    assert_eq!(entries(&folder.open(), "show"), [None, Some(9)]);
}

#[test]
fn data_has_a_size_and_similar_names() {
    let kernel = Folder::new(&kernel()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    let found = object.variable("jiffies").matches.expect("symbols");
    assert_eq!((found[0].code, found[0].size), (false, Some(16)));
    let missing = object.variable("jifies");
    assert_eq!(missing.matches, Some(Vec::new()));
    assert_eq!(missing.similar, ["jiffies"]);
}

/// Linking can give init data the letter of code, and without the kernel's file there is nothing else.
#[test]
fn areas_of_vmlinux_are_known_by_their_bounds() {
    let mut bare = Folder::new(&Btf::new().finish());
    let text = b"ffffffff81000000 T _stext\nffffffff81000040 t show\nffffffff81001000 T _etext\n\
                 ffffffff82000000 D __start_rodata\nffffffff82000100 D linux_banner\n\
                 ffffffff82000180 T table\nffffffff82001000 T __end_rodata\n\
                 ffffffff83000000 T _sdata\nffffffff83000040 T init_task\n\
                 ffffffff83000060 t pernet_list\nffffffff83000070 T jiffies\n\
                 ffffffff83000070 T jiffies_64\nffffffff83000078 T _edata\n\
                 ffffffff84000000 D __init_begin\nffffffff84000000 T _sinittext\n\
                 ffffffff84000010 T start_kernel\nffffffff84000100 T _einittext\n\
                 ffffffff84000180 t exit_proc\nffffffff84000200 D __per_cpu_start\n\
                 ffffffff84000240 D runqueues\nffffffff84000300 D __per_cpu_end\n\
                 ffffffff84001000 R __init_end\nffffffff85000000 b tainted_mask\n";
    bare.sources.kallsyms = Some(bare.add("kallsyms", text));
    let kernel = bare.open();
    let of = |name| function(&kernel, name).matches.expect("symbols")[0];
    let kind = |name| {
        let found = of(name);
        (found.code, found.read_only, found.per_cpu, found.init)
    };
    let no = Some(false);
    assert_eq!(kind("show"), (true, no, false, false));
    for name in ["linux_banner", "table"] {
        assert_eq!(kind(name), (false, Some(true), false, false), "{name}");
    }
    for name in ["init_task", "pernet_list", "jiffies_64", "tainted_mask"] {
        assert_eq!(kind(name), (false, no, false, false), "{name}");
    }
    for name in ["start_kernel", "exit_proc"] {
        assert_eq!(kind(name), (true, no, false, true), "{name}");
    }
    assert_eq!(kind("runqueues"), (false, no, true, false));
    assert_eq!(of("init_task").room, Some(0x20));
    assert_eq!(of("jiffies").room, Some(8));
    assert_eq!(of("tainted_mask").room, None);
}

/// The compiler's guards behind an object count as its size.
#[test]
fn with_kasan_the_sizes_of_data_are_not_known() {
    let size = |functions: &[(&str, u64, bool)], name: &str| {
        let kernel = Folder::new(&vmlinux(&Btf::new(), functions)).open();
        let vmlinux = kernel.object(VMLINUX).expect("readable").expect("itself");
        let matches = vmlinux.variable(name).matches.expect("symbols");
        matches.first().expect("one").size
    };
    let plain = [("f", TEXT, true), ("counter", LIST, false)];
    assert_eq!(size(&plain, "counter"), Some(16));
    let padded = [
        plain[0],
        plain[1],
        ("__asan_register_globals", TEXT + 16, false),
    ];
    assert_eq!(size(&padded, "counter"), None);
    assert_eq!(size(&padded, "f"), Some(16));
}
