// SPDX-License-Identifier: GPL-2.0-only

//! Checks a patch before it is loaded. The kernel refuses most problems too, with an errno and a line in its log; these
//! checks report them before anything changes, with the remedy.

use anyhow::{Context as _, Result};
use klp_elf::Modules;
use klp_elf::check::{Against, Report, Severity, check};

use crate::kernel::Kernel;
use crate::kernel::identity::Identity;
use crate::kernel::patches::Patch;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::{Info, PatchFile};

/// Problems that do not prevent loading.
pub type Warnings = Vec<String>;

/// Checks whether the kernel would accept this patch.
///
/// # Errors
///
/// [`Status::Refused`], [`Status::Signature`] or [`Status::Conflict`], with the remedy.
pub fn precheck(kernel: &Kernel, file: &PatchFile, patches: &[Patch]) -> Outcome<Warnings> {
    basics(kernel, file, patches)?;
    let report = matching_report(kernel, file)?;
    let mut warnings = warnings(&report);
    warnings.extend(other_users(kernel, &report, patches)?);
    Ok(warnings)
}

/// Checks a patch that is loaded later: all that does not depend on the loaded patches.
///
/// # Errors
///
/// Those of [`precheck`].
pub fn for_later(kernel: &Kernel, file: &PatchFile) -> Outcome<Warnings> {
    signature(kernel, file)?;
    Ok(warnings(&matching_report(kernel, file)?))
}

/// The report of a patch without errors.
fn matching_report(kernel: &Kernel, file: &PatchFile) -> Outcome<Report> {
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
    same_builds(kernel, file, &report)?;
    Ok(report)
}

/// Checks that the loaded builds of patched modules are those of the checked files.
fn same_builds(kernel: &Kernel, file: &PatchFile, report: &Report) -> Outcome {
    let mut objects: Vec<_> = report
        .replaced
        .iter()
        .map(|it| it.object.escaped())
        .filter(|object| object != "vmlinux" && kernel.has_module(object))
        .collect();
    objects.sort();
    objects.dedup();
    let folder = kernel.module_folder()?;
    if objects.is_empty() || !folder.is_dir() {
        return Ok(());
    }
    let files = Modules::find(&[folder]).map_err(|error| anyhow::anyhow!("{error}"))?;
    for object in objects {
        // The patch was not checked against a module outside of the folder.
        let Some(path) = files.get(&object) else {
            continue;
        };
        let on_disk = Identity::of_file(&path).map_err(|error| anyhow::anyhow!("{error}"))?;
        if let Some(what) = kernel.loaded_identity(&object)?.differs(&on_disk) {
            return Err(Failure::new(
                Status::Refused,
                format!(
                    "{} patches the module {object}, but the loaded build of {object} is not the one in {}: its {what} \
                     differs, so the checks against that file do not apply to it; load that build of {object}, or \
                     reboot, or skip the checks with `--unchecked`",
                    file.info.name,
                    path.display()
                ),
            ));
        }
    }
    Ok(())
}

/// Runs the checks that need neither symbols nor types.
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
            format!("{name} is already loaded"),
        ));
    }
    if kernel.has_module(name) {
        return Err(Failure::new(
            Status::Conflict,
            format!(
                "a module {name} is already loaded, but is not, or no longer, a patch in use; \
                 `klpctl unload {name}` unloads it"
            ),
        ));
    }
    let release = kernel.release()?;
    match info.release() {
        Some(found) if found != release => {
            return Err(Failure::new(
                Status::Refused,
                format!("{name} was built for kernel {found}, but the running kernel is {release}"),
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

/// Checks that the module has a signature if the kernel requires one.
fn signature(kernel: &Kernel, file: &PatchFile) -> Outcome {
    let Info { name, signed, .. } = &file.info;
    match kernel.requires_signatures() {
        Some(why) if !signed => Err(Failure::new(
            Status::Signature,
            format!(
                "{name} is not signed, and this kernel loads signed modules only: {why}; `klpctl sign` signs it"
            ),
        )),
        _ => Ok(()),
    }
}

/// Checks the module against the running kernel.
fn report(kernel: &Kernel, file: &PatchFile) -> Result<Report> {
    let metadata = kernel.metadata()?;
    // Without type information of the kernel, only the module itself is checked.
    let against = match &metadata.reference {
        Some(reference) => {
            Against::kernel(reference).map_err(|error| anyhow::anyhow!("{error}"))?
        }
        None => Against::nothing(),
    };
    let against = against.release(&kernel.release()?);
    check(&file.module, &against)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("cannot check {}", file.info.name))
}

fn warnings(report: &Report) -> Warnings {
    let warnings = report
        .findings
        .iter()
        .filter(|it| it.severity() == Severity::Warning);
    warnings.map(|it| format!("{it}")).collect()
}

/// Other users attached to the functions.
fn other_users(kernel: &Kernel, report: &Report, patches: &[Patch]) -> Outcome<Warnings> {
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
                "{}, and a function can have only one redirection; see `enabled_functions` in /sys/kernel/tracing",
                describe(first)
            ),
        ));
    }
    Ok(attached.iter().map(describe).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::fs;

    use klp_elf::Name;
    use klp_elf::check::Replaced;

    fn file(info: Info) -> PatchFile {
        PatchFile {
            info,
            module: Vec::new(),
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
    fn matching_patches_pass() {
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
            "fix was built for kernel 6.12.2, but the running kernel is 6.12.1"
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

    /// A module file with this build ID note and source version.
    pub(crate) fn module(build_id: &[u8], srcversion: &str) -> Vec<u8> {
        use object::write::{Object, StandardSegment};
        use object::{Architecture, BinaryFormat, Endianness, SectionKind};
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let segment = object.segment_name(StandardSegment::Data).to_vec();
        let mut add = |name: &str, kind, data: &[u8]| {
            let section = object.add_section(segment.clone(), name.as_bytes().to_vec(), kind);
            object.set_section_data(section, data.to_vec(), 1);
        };
        let modinfo = format!("name=disk\0srcversion={srcversion}\0");
        add(".modinfo", SectionKind::Data, modinfo.as_bytes());
        add(".note.gnu.build-id", SectionKind::Note, build_id);
        object.write().expect("an object")
    }

    /// The error for a patch of the module `disk` when these builds are loaded and on the disk.
    fn build_mismatch(loaded: (&[u8], &str), on_disk: (&[u8], &str)) -> Option<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |path: &str, content: &[u8]| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("not the root")).expect("a folder");
            fs::write(path, content).expect("a file");
        };
        write("proc/sys/kernel/osrelease", b"6.12.1\n");
        write("sys/module/disk/notes/.note.gnu.build-id", loaded.0);
        write("sys/module/disk/srcversion", loaded.1.as_bytes());
        write(
            "lib/modules/6.12.1/kernel/disk.ko",
            &module(on_disk.0, on_disk.1),
        );
        let mut report = Report::default();
        for object in ["vmlinux", "disk", "not_loaded"] {
            let name = |text: &str| Name::new(text.as_bytes());
            report.replaced.push(Replaced {
                object: name(object),
                function: name("read_it"),
                sympos: 0,
                by: name("fixed"),
            });
        }
        let result = same_builds(&Kernel::at(dir.path()), &file(info()), &report);
        result.err().map(|failure| {
            assert_eq!(failure.status, Status::Refused);
            failure.message
        })
    }

    #[test]
    fn another_build_of_a_module_is_loaded() {
        assert_eq!(build_mismatch((b"1", "A\n"), (b"1", "A")), None);
        let message = build_mismatch((b"1", "A\n"), (b"2", "A")).expect("refused");
        assert!(message.contains("its build ID differs"), "{message}");
        let message = build_mismatch((b"1", "A\n"), (b"1", "B")).expect("refused");
        assert!(message.contains("its srcversion differs"), "{message}");
    }
}
