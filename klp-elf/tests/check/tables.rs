// SPDX-License-Identifier: GPL-2.0-only

//! Tables of other tools.

use crate::kernel::{Made, ids};
use crate::patch::{Compact, Patch};

#[test]
fn tables_of_klp_build() {
    let mut patch = Patch::good();
    patch.compact = Some(Compact::KlpBuild { count: 2 });
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0], "{report}");
    let text = report.to_string();
    assert!(text.contains("`show` of vmlinux by `new_show`"), "{text}");
    assert!(text.contains("`twin,2` of vmlinux by `new_twin`"), "{text}");
    assert!(text.contains("`m_show,1` of m by `new_m_show`"), "{text}");
}

#[test]
fn a_table_of_klp_build_that_is_cut_off() {
    let mut patch = Patch::good();
    patch.compact = Some(Compact::KlpBuild { count: 99 });
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), ["table-size"], "{report}");
}

#[test]
fn tables_of_kpatch() {
    let mut patch = Patch::good();
    patch.compact = Some(Compact::Kpatch);
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0], "{report}");
    assert_eq!(report.replaced.len(), 3);
    assert!(
        report
            .to_string()
            .contains("`m_show,1` of m by `new_m_show`")
    );
}

#[test]
fn a_patch_that_is_made_when_the_module_runs() {
    let mut patch = Patch::good();
    patch.compact = Some(Compact::None);
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), ["no-tables"], "{report}");
    assert!(report.is_good());
}
