// SPDX-License-Identifier: GPL-2.0-only

//! Checks that a module is a livepatch module for this kernel.

use super::info::Info;
use super::{Against, Place, Problem, Report};
use crate::Module;
use crate::elf::is_undefined;
use crate::livepatch::{UNLINKED, is_module_name};
use crate::module::GPL_COMPATIBLE;
use crate::text::Name;

/// Checks it. Returns whether the other checks are useful.
pub(super) fn check(
    module: &Module<'_>,
    info: &Info<'_>,
    against: &Against<'_>,
    report: &mut Report,
) -> bool {
    let has = |section: &[u8]| module.elf.sections.find(section).is_some();
    if !has(b".gnu.linkonce.this_module") {
        report.add(Place::Module, Problem::NotFinished);
        return false;
    }
    let enables = enables(module);
    let marked = info.value("livepatch").is_some();
    if !enables {
        report.add(Place::Module, Problem::NotEnabled);
    } else if !marked {
        report.add(Place::Modinfo("livepatch"), Problem::NotMarked);
    }
    if !enables && !marked {
        return false;
    }
    let is_compatible = |licence: &[u8]| GPL_COMPATIBLE.iter().any(|it| it.as_bytes() == licence);
    match info.value("license") {
        None => report.add(Place::Modinfo("license"), Problem::NoLicence),
        Some(licence) if !is_compatible(licence) => {
            let problem = Problem::Licence(Name::new(licence));
            report.add(Place::Modinfo("license"), problem);
        }
        Some(_) => {}
    }
    let name = info.value("name").unwrap_or_default();
    if !is_module_name(name) {
        report.add(Place::Modinfo("name"), Problem::ModuleName(Name::new(name)));
    }
    let versions = has(b"__versions") || has(b"__version_ext_crcs");
    vermagic(info.value("vermagic"), versions, against, report);
    let unlinked = module.elf.sections.find(UNLINKED.as_bytes());
    if unlinked.is_some_and(|section| module.elf.bytes(section).iter().any(|&byte| byte != 0)) {
        report.add(Place::Section(UNLINKED.into()), Problem::Unlinked);
    }
    true
}

/// The functions that pass a patch to the livepatch core; the second is klp-core's.
pub(super) const ENABLING: [&[u8]; 2] = [b"klp_enable_patch", b"klp_register_patch"];

fn enables(module: &Module<'_>) -> bool {
    let symbols = module.elf.symbols;
    let mut all = symbols.all.iter();
    all.any(|symbol| is_undefined(symbol) && ENABLING.contains(&symbols.name(symbol)))
}

fn vermagic(found: Option<&[u8]>, versions: bool, against: &Against<'_>, report: &mut Report) {
    let place = Place::Modinfo("vermagic");
    let Some(found) = found else {
        return report.add(place, Problem::NoVermagic);
    };
    let Some(expected) = against.vermagic.as_deref() else {
        return;
    };
    let (found, expected) = (found.trim_ascii(), expected.as_bytes().trim_ascii());
    let whole = expected.contains(&b' ');
    // With symbol versions, the kernel ignores the release.
    let same_release = parts(found).0 == parts(expected).0 || (whole && versions);
    let same_rest = !whole || parts(found).1 == parts(expected).1;
    if !same_release || !same_rest {
        let (found, expected) = (Name::new(found), Name::new(expected));
        report.add(place, Problem::Vermagic { found, expected });
    }
}

/// The release and the rest of a version magic.
fn parts(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == b' ') {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (text, &[]),
    }
}
