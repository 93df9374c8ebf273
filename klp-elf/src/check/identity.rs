// SPDX-License-Identifier: GPL-2.0-only

//! What a module says of itself: is it a livepatch module, and for this kernel?

use super::file::File;
use super::{Against, Place, Problem, Report};
use crate::livepatch::{OBJECT_MAX, UNLINKED};
use crate::module::GPL_COMPATIBLE;

/// Checks it. Gives whether the rest is worth checking.
pub(super) fn check(file: &File<'_>, against: &Against<'_>, report: &mut Report) -> bool {
    if file.section(".gnu.linkonce.this_module").is_none() {
        report.add(Place::Module, Problem::NotFinished);
        return false;
    }
    let info = |key: &str| values(file, key).next();
    let enables = enables(file);
    let marked = info("livepatch").is_some();
    if !enables {
        report.add(Place::Module, Problem::NotEnabled);
    } else if !marked {
        report.add(Place::Modinfo("livepatch"), Problem::NotMarked);
    }
    if !enables && !marked {
        return false;
    }
    match info("license") {
        None => report.add(Place::Modinfo("license"), Problem::NoLicence),
        Some(licence) if !GPL_COMPATIBLE.contains(&licence) => {
            let problem = Problem::Licence(licence.to_owned());
            report.add(Place::Modinfo("license"), problem);
        }
        Some(_) => {}
    }
    let name = info("name").unwrap_or_default();
    if !is_name(name) {
        report.add(Place::Modinfo("name"), Problem::ModuleName(name.to_owned()));
    }
    vermagic(file, info("vermagic"), against, report);
    let unlinked = file.section(UNLINKED);
    if unlinked.is_some_and(|(_, section)| section.data.iter().any(|&byte| byte != 0)) {
        report.add(Place::Section(UNLINKED.into()), Problem::Unlinked);
    }
    true
}

/// The values of a key of `.modinfo`.
pub(super) fn values<'data>(file: &File<'data>, key: &str) -> impl Iterator<Item = &'data str> {
    let data = file.section(".modinfo").map_or(&[][..], |(_, it)| it.data);
    let entries = data.split(|&byte| byte == 0);
    entries.filter_map(move |entry| {
        let rest = std::str::from_utf8(entry).ok()?.strip_prefix(key)?;
        rest.strip_prefix('=')
    })
}

fn enables(file: &File<'_>) -> bool {
    let mut symbols = file.symbols.iter();
    symbols.any(|symbol| symbol.is_undefined() && symbol.name == "klp_enable_patch")
}

/// Is it a name that a module can have?
pub(super) fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    !name.is_empty() && name.len() <= OBJECT_MAX && name.chars().all(fits)
}

fn vermagic(file: &File<'_>, found: Option<&str>, against: &Against<'_>, report: &mut Report) {
    let place = Place::Modinfo("vermagic");
    let Some(found) = found else {
        return report.add(place, Problem::NoVermagic);
    };
    let Some(expected) = against.vermagic.as_deref() else {
        return;
    };
    let (found, expected) = (found.trim(), expected.trim());
    let parts = |text: &str| {
        let (release, rest) = text.split_once(' ').unwrap_or((text, ""));
        (release.to_owned(), rest.to_owned())
    };
    let whole = expected.contains(' ');
    // With versions of symbols, those decide and not the release.
    let versions =
        file.section("__versions").is_some() || file.section("__version_ext_crcs").is_some();
    let same_release = parts(found).0 == parts(expected).0 || (whole && versions);
    let same_rest = !whole || parts(found).1 == parts(expected).1;
    if !same_release || !same_rest {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        report.add(place, Problem::Vermagic { found, expected });
    }
}
