// SPDX-License-Identifier: GPL-2.0-only

//! What would keep a patch from being loaded. The kernel refuses most of it too, with an errno and a line in its
//! log; here it is said before anything changes, and with what to do.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use klp_elf::check::{Against, Report, Severity, check};
use klp_elf::{Kernel as Known, Sources};

use crate::kernel::Kernel;
use crate::kernel::patches::Patch;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::{Info, PatchFile};

/// What the kernel tells of itself: where it stands, and under which name the checks read it.
const ANSWERS: [(&str, &str); 2] = [
    ("proc/kallsyms", "kallsyms"),
    ("sys/kernel/tracing/available_filter_functions", "traceable"),
];

/// What does not keep a patch from being loaded, and is worth a line.
pub type Warnings = Vec<String>;

/// Checks whether the kernel would take this patch.
///
/// # Errors
///
/// [`Status::Refused`], [`Status::Signature`] or [`Status::Conflict`], with what to do.
pub fn precheck(kernel: &Kernel, file: &PatchFile, patches: &[Patch]) -> Outcome<Warnings> {
    basics(kernel, file, patches)?;
    let report = good_report(kernel, file)?;
    let mut warnings = warnings(&report);
    warnings.extend(neighbours(kernel, &report, patches)?);
    Ok(warnings)
}

/// What can be said of a patch that is to be loaded at some time: what does not depend on what is loaded now.
///
/// # Errors
///
/// Those of [`precheck`].
pub fn lasting(kernel: &Kernel, file: &PatchFile) -> Outcome<Warnings> {
    signature(kernel, file)?;
    Ok(warnings(&good_report(kernel, file)?))
}

/// The report of a patch that goes with the running kernel.
fn good_report(kernel: &Kernel, file: &PatchFile) -> Outcome<Report> {
    let report = report(kernel, file)?;
    if !report.is_good() {
        let errors = report
            .findings
            .iter()
            .filter(|it| it.severity() == Severity::Error);
        let errors: Vec<_> = errors.map(|it| format!("  {it}")).collect();
        return Err(Failure::new(
            Status::Refused,
            format!(
                "{} does not fit this kernel:\n{}",
                file.info.name,
                errors.join("\n")
            ),
        ));
    }
    Ok(report)
}

/// What can be said without looking into kernel and patch.
///
/// # Errors
///
/// Those of [`precheck`].
pub fn basics(kernel: &Kernel, file: &PatchFile, patches: &[Patch]) -> Outcome {
    let info = &file.info;
    let name = &info.name;
    if !kernel.has_livepatch() {
        return Err(Failure::new(
            Status::Refused,
            "this kernel has no live patching (CONFIG_LIVEPATCH), or sysfs is not mounted",
        ));
    }
    if patches.iter().any(|patch| patch.name == *name) {
        return Err(Failure::new(
            Status::Conflict,
            format!("{name} is loaded already"),
        ));
    }
    if kernel.has_module(name) {
        return Err(Failure::new(
            Status::Conflict,
            format!(
                "a module {name} is loaded that is not, or no longer, a patch in use; `klpctl unload {name}` \
                 unloads it"
            ),
        ));
    }
    let release = kernel.release()?;
    match info.release() {
        Some(found) if found != release => {
            return Err(Failure::new(
                Status::Refused,
                format!("{name} was built for kernel {found}, and this is {release}"),
            ));
        }
        _ => {}
    }
    signature(kernel, file)?;
    let missing: Vec<_> = info
        .depends
        .iter()
        .filter(|module| !kernel.has_module(module))
        .collect();
    if let Some(first) = missing.first() {
        return Err(Failure::new(
            Status::Refused,
            format!(
                "{name} needs the module {first}, which is not loaded; `modprobe {first}` loads it"
            ),
        ));
    }
    Ok(())
}

/// Does the kernel want a signature where there is none?
fn signature(kernel: &Kernel, file: &PatchFile) -> Outcome {
    let Info { name, signed, .. } = &file.info;
    match kernel.wants_signatures() {
        Some(why) if !signed => Err(Failure::new(
            Status::Signature,
            format!(
                "this kernel loads signed modules only: {why}, and {name} is not signed; `klpctl sign` signs it"
            ),
        )),
        _ => Ok(()),
    }
}

/// Checks the module against the kernel that runs.
fn report(kernel: &Kernel, file: &PatchFile) -> Result<Report> {
    let dir = tempfile::tempdir().context("there is no room for a copy of the kernel's symbols")?;
    let sources = sources(kernel, dir.path())?;
    let known = match sources.vmlinux.is_file() {
        true => Some(Known::open(sources).map_err(|error| anyhow::anyhow!("{error}"))?),
        // Without CONFIG_DEBUG_INFO_BTF the kernel tells nothing; what the module alone shows is checked.
        false => None,
    };
    let against = match &known {
        Some(known) => Against::kernel(known).map_err(|error| anyhow::anyhow!("{error}"))?,
        None => Against::nothing(),
    };
    let against = against.release(&kernel.release()?);
    check(&file.module, &against)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("{} could not be checked", file.info.name))
}

/// Where the kernel's types, symbols and modules are. Its answers in procfs have no size, so they are copied.
fn sources(kernel: &Kernel, dir: &Path) -> Result<Sources> {
    let mut copies = Vec::new();
    for (path, name) in ANSWERS {
        let copy = dir.join(name);
        copies.push(match fs::read(kernel.path(path)) {
            Ok(text) if !text.is_empty() => {
                fs::write(&copy, text)
                    .with_context(|| format!("cannot write {}", copy.display()))?;
                Some(copy)
            }
            _ => None,
        });
    }
    let modules = kernel.path("lib/modules").join(kernel.release()?);
    let traceable = copies.pop().flatten();
    Ok(Sources {
        vmlinux: kernel.path("sys/kernel/btf/vmlinux"),
        kallsyms: copies.pop().flatten(),
        traceable,
        modules: Some(modules)
            .filter(|path| path.is_dir())
            .into_iter()
            .collect(),
        ..Sources::default()
    })
}

fn warnings(report: &Report) -> Warnings {
    let warnings = report
        .findings
        .iter()
        .filter(|it| it.severity() == Severity::Warning);
    warnings.map(|it| format!("{it}")).collect()
}

/// What else is attached to the functions.
fn neighbours(kernel: &Kernel, report: &Report, patches: &[Patch]) -> Outcome<Warnings> {
    let functions: Vec<String> = report
        .replaced
        .iter()
        .map(|it| it.function.escaped().to_string())
        .collect();
    let names: Vec<&str> = functions.iter().map(String::as_str).collect();
    let attached = kernel.attached(&names, |name| {
        patches.iter().any(|patch| patch.replaces(name))
    });
    let describe = |it: &crate::kernel::tracing::Attached| {
        format!("{} is attached to {}", it.what, it.function)
    };
    if let Some(first) = attached.iter().find(|it| it.excludes) {
        return Err(Failure::new(
            Status::Conflict,
            format!(
                "{}: only one may redirect a function. `enabled_functions` in /sys/kernel/tracing shows it",
                describe(first)
            ),
        ));
    }
    Ok(attached.iter().map(describe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::modules::Image;

    fn file(info: Info) -> PatchFile {
        PatchFile {
            info,
            module: Vec::new(),
            image: Image::Unpacked(Vec::new()),
        }
    }

    fn info() -> Info {
        Info {
            name: "fix".to_owned(),
            vermagic: Some("6.12.1 SMP preempt mod_unload ".to_owned()),
            ..Info::default()
        }
    }

    /// The status and message for a kernel of these files.
    fn refusal(files: &[(&str, &str)], info: Info) -> Option<(Status, String)> {
        let dir = tempfile::tempdir().expect("a folder");
        let all = [
            ("proc/sys/kernel/osrelease", "6.12.1\n"),
            ("sys/kernel/livepatch/x", ""),
        ];
        for (path, text) in all.iter().chain(files) {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("not the root")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let result = basics(&Kernel::at(dir.path()), &file(info), &[]);
        result
            .err()
            .map(|failure| (failure.status, failure.message))
    }

    #[test]
    fn what_fits_passes() {
        assert_eq!(refusal(&[], info()), None);
    }

    #[test]
    fn another_kernel_is_refused() {
        let other = Info {
            vermagic: Some("6.12.2 SMP".to_owned()),
            ..info()
        };
        let (status, message) = refusal(&[], other).expect("refused");
        assert_eq!(status, Status::Refused);
        assert_eq!(
            message,
            "fix was built for kernel 6.12.2, and this is 6.12.1"
        );
    }

    #[test]
    fn unsigned_under_lockdown() {
        let lockdown = [(
            "sys/kernel/security/lockdown",
            "none [integrity] confidentiality\n",
        )];
        assert_eq!(
            refusal(&lockdown, info()).expect("refused").0,
            Status::Signature
        );
        let signed = Info {
            signed: true,
            ..info()
        };
        assert_eq!(refusal(&lockdown, signed), None);
    }

    #[test]
    fn names_and_dependencies() {
        let loaded = [("sys/module/fix/refcnt", "0\n")];
        assert_eq!(
            refusal(&loaded, info()).expect("refused").0,
            Status::Conflict
        );
        let needs = Info {
            depends: vec!["disk".to_owned()],
            ..info()
        };
        let (status, message) = refusal(&[], needs.clone()).expect("refused");
        assert_eq!(status, Status::Refused);
        assert!(message.contains("modprobe disk"), "{message}");
        assert_eq!(refusal(&[("sys/module/disk/refcnt", "0\n")], needs), None);
    }
}
