// SPDX-License-Identifier: GPL-2.0-only

//! Checks good modules, and ones with parts that cannot be checked.

use crate::kernel::{Made, ids};
use crate::patch::{Patch, PatchedObject, replace};
use klp_elf::Error;
use klp_elf::check::{Against, Severity, check};

#[test]
fn a_good_module_is_good() {
    let report = Made::new().check(&Patch::good().build());
    assert_eq!(
        report.to_string(),
        "replaces `show` of vmlinux by `new_show`\n\
         replaces `twin,2` of vmlinux by `new_twin`\n\
         replaces `m_show,1` of m by `new_m_show`\n\
         good"
    );
}

#[test]
fn tables_need_no_symbols_of_their_own() {
    let mut patch = Patch::good();
    patch.named = false;
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0]);
    assert_eq!(report.replaced.len(), 3);
}

#[test]
fn patches_are_recognised_by_their_layout() {
    let mut patch = Patch::good();
    patch.far = true;
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0]);
    assert_eq!(report.replaced.len(), 3);
}

#[test]
fn tables_filled_at_run_time_are_unknown() {
    let mut patch = Patch::good();
    // The table of functions of the second object.
    patch.fills = Some(200 + 168 + 8);
    if let Some(objects) = &mut patch.objects {
        objects[1].functions = None;
    }
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), ["filled-later"], "{report}");
    assert!(report.is_good());
}

#[test]
fn without_a_kernel_the_module_itself_is_checked() {
    let against = Against::nothing();
    let report = check(&Patch::good().build(), &against).expect("a module");
    assert_eq!(ids(&report), ["no-kernel"]);
    assert!(report.is_good());
    let mut patch = Patch::good();
    patch.unlinked = 1;
    let report = check(&patch.build(), &against).expect("a module");
    assert_eq!(ids(&report), ["unlinked", "no-kernel"]);
    assert!(!report.is_good());
}

#[test]
fn unknown_objects_are_reported_once() {
    let mut patch = Patch::good();
    patch.objects = Some(vec![PatchedObject {
        name: Some("elsewhere"),
        functions: Some(vec![
            replace("a", "new_show", 0),
            replace("b", "new_twin", 0),
        ]),
    }]);
    patch.symbols.truncate(1);
    patch.sections.truncate(1);
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), ["object-unknown"]);
    assert!(report.is_good());
}

#[test]
fn an_object_may_have_callbacks_only() {
    let mut patch = Patch::good();
    if let Some(objects) = &mut patch.objects {
        objects[0].functions = Some(Vec::new());
    }
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0]);
    assert_eq!(report.replaced.len(), 1);
}

#[test]
fn symbols_of_other_modules_and_weak_ones() {
    let mut patch = Patch::good();
    patch.undefined.push("helped");
    patch.modinfo[3].1 = "helper";
    assert_eq!(ids(&Made::new().check(&patch.build())), [] as [&str; 0]);

    patch.modinfo[3].1 = "unknown";
    assert_eq!(
        ids(&Made::new().check(&patch.build())),
        ["dependency-unknown"]
    );

    let mut patch = Patch::good();
    patch.undefined.push("spaced");
    patch.modinfo.push(("import_ns", "SPACE"));
    assert_eq!(ids(&Made::new().check(&patch.build())), [] as [&str; 0]);
}

#[test]
fn a_jump_to_the_kernel_is_only_a_warning() {
    let mut patch = Patch::good();
    // call seq_puts becomes jmp seq_puts
    patch.code[1].1 = b"\xe9\0\0\0\0".to_vec();
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), ["leaves-stack"]);
    assert_eq!(report.count(Severity::Warning), 1);
    assert!(report.is_good());
}

#[test]
fn code_that_may_run_later_is_a_warning() {
    let mut patch = Patch::good();
    patch.undefined.push("queue_work_on");
    let report = Made::new().check(&patch.build());
    assert!(ids(&report).contains(&"outlives"), "{report}");
    assert_eq!(report.count(Severity::Warning), 1);
}

#[test]
fn other_files_cannot_be_checked() {
    let against = Against::nothing();
    assert!(matches!(check(b"no module", &against), Err(Error::Elf(_))));
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("this test");
    let error = check(&own, &against).expect_err("no module");
    assert!(error.to_string().contains("give the .ko file"), "{error}");
}
