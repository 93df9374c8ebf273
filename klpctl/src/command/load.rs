// SPDX-License-Identifier: GPL-2.0-only

//! `load` and `replace`: load a patch and wait for its transition.

use std::time::Duration;

use anyhow::Result;
use rustix::io::Errno;
use serde_json::json;

use super::unload::unload_module;
use super::{Answer, Context};
use crate::cli::Load;
use crate::kernel::{Kernel, modules};
use crate::outcome::{Failure, Outcome, Status};
use crate::output;
use crate::patch_file::PatchFile;
use crate::precheck;
use crate::records::Step;
use crate::transition::{self, End, Goal};

/// The number of retries while the kernel returns EBUSY, and the time between them.
const RETRIES: u32 = 5;
const BETWEEN_RETRIES: Duration = Duration::from_secs(2);

/// How long the kernel may take to remove replaced patches from sysfs.
const REMOVAL_MAX: Duration = Duration::from_secs(10);

/// What happens to the loaded patches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// The patch replaces them if it is cumulative.
    Load,
    /// The patch has to replace them.
    Replace,
}

/// A patch that was applied.
pub struct Applied {
    pub name: String,
    pub time: Duration,
    /// The patches that it replaced.
    pub replaced: Vec<String>,
}

pub fn run(context: &mut Context, args: &Load, mode: Mode) -> Outcome<Answer> {
    let file = PatchFile::open(&args.file)?;
    let _lock = context.lock_to_change()?;
    if context.dry_run {
        let warnings = check(context, &file, args.unchecked)?;
        for warning in &warnings {
            context.progress.say(&format!("warning: {warning}"));
        }
        return Ok(Answer::new(
            format!("{} would be loaded\n", file.info.name),
            json!({ "status": "success", "patch": file.info.name, "dry_run": true, "warnings": warnings }),
        ));
    }
    for warning in check(context, &file, args.unchecked)? {
        context.progress.say(&format!("warning: {warning}"));
    }
    let before = context.kernel.patch_names()?;
    let applied = apply(context, &file, args.patience.timeout)?;
    let step = Step {
        loaded: applied.name.clone(),
        replaced: applied.replaced.clone(),
    };
    context.set_step(Some(&step))?;
    context.progress.say(&applied_line(&applied));
    let loaded = context.kernel.patch_names()?;
    if mode == Mode::Replace && before.iter().any(|name| loaded.contains(name)) {
        return Err(Failure::new(
            Status::Failed,
            format!(
                "{} is applied, but it does not replace other patches: {}; remove those with `klpctl unload`",
                applied.name,
                before.join(", ")
            ),
        ));
    }
    Ok(Answer::new(
        "",
        json!({
            "status": "success",
            "patch": applied.name,
            "seconds": applied.time.as_secs_f64(),
            "replaced": applied.replaced,
        }),
    ))
}

/// The message about an applied patch.
pub fn applied_line(applied: &Applied) -> String {
    let mut text = format!(
        "{}: applied in {:.1} s",
        applied.name,
        applied.time.as_secs_f64()
    );
    if !applied.replaced.is_empty() {
        text.push_str(&format!(", replacing {}", applied.replaced.join(", ")));
    }
    text
}

/// Checks a patch that is about to be loaded.
///
/// # Errors
///
/// Those of [`precheck`].
pub fn check(context: &Context, file: &PatchFile, unchecked: bool) -> Outcome<precheck::Warnings> {
    let patches = context.kernel.patches()?;
    match unchecked {
        true => precheck::basics(&context.kernel, file, &patches).map(|()| Vec::new()),
        false => precheck::precheck(&context.kernel, file, &patches),
    }
}

/// Loads a patch and waits for its transition.
///
/// # Errors
///
/// The kernel refused the patch, or its transition stalled. The previous state is restored, unless the status is
/// [`Status::Stuck`].
pub fn apply(context: &mut Context, file: &PatchFile, timeout: Duration) -> Outcome<Applied> {
    let name = file.info.name.clone();
    transition::wait_for_others(&context.kernel, timeout)?;
    let before = enabled(&context.kernel)?;
    context.records.keep(file)?;
    context.progress.say(&format!("{name}: loading"));
    begin_trial(context, &name)?;
    if let Err(failure) = insert(context, file) {
        context.trials().withdraw(&name)?;
        return Err(failure);
    }
    match transition::wait_or_reverse(
        &context.kernel,
        &name,
        Goal::Applied,
        timeout,
        &mut context.progress,
    )? {
        End::Reached(time) => {
            let replaced = replaced(&context.kernel, before)?;
            for old in &replaced {
                // A module that cannot be unloaded is harmless, and `status` shows it.
                if let Err(failure) = unload_module(context, old) {
                    context.progress.say(&format!("warning: {failure}"));
                }
            }
            Ok(Applied {
                name,
                time,
                replaced,
            })
        }
        End::Reverted(blockers) => {
            unload_module(context, &name)?;
            Err(Failure::new(
                Status::Reverted,
                format!(
                    "{name}: the transition did not end within {} s, and was reverted; it was held up by:\n{}",
                    timeout.as_secs(),
                    output::blockers(&blockers)
                ),
            ))
        }
        End::Stuck(blockers) => Err(Failure::new(
            Status::Stuck,
            format!(
                "{name}: the transition did not end within {} s, and cannot be reverted yet; it is held up by:\n{}\
                 it continues when these tasks switch: `klpctl status` shows it, and `klpctl unload {name}` then \
                 unloads the module",
                timeout.as_secs(),
                output::blockers(&blockers)
            ),
        )),
    }
}

/// The names of the enabled patches.
fn enabled(kernel: &Kernel) -> Result<Vec<String>> {
    let patches = kernel.patches()?.into_iter();
    Ok(patches
        .filter(|patch| patch.enabled)
        .map(|patch| patch.name)
        .collect())
}

/// The patches in `before` that were replaced. The kernel disables them before the transition ends, and removes them from
/// sysfs later; this waits up to [`REMOVAL_MAX`] for the removal.
fn replaced(kernel: &Kernel, before: Vec<String>) -> Result<Vec<String>> {
    let left = enabled(kernel)?;
    let replaced: Vec<_> = before.into_iter().filter(|it| !left.contains(it)).collect();
    transition::until(REMOVAL_MAX, || {
        let names = kernel.patch_names()?;
        Ok(!replaced.iter().any(|name| names.contains(name)))
    })?;
    Ok(replaced)
}

/// Puts the patch on trial if it is installed, because it is then loaded at each boot.
fn begin_trial(context: &Context, name: &str) -> Outcome {
    let release = context.kernel.release()?;
    if context.store.find(&release, name)?.is_some() {
        context.trials().begin(name)?;
    }
    Ok(())
}

/// Loads the module; retries on EBUSY.
fn insert(context: &mut Context, file: &PatchFile) -> Outcome {
    let name = &file.info.name;
    let mut tries = 0;
    loop {
        let log = context.kernel.log();
        let Err(errno) = modules::load(&file.module) else {
            return Ok(());
        };
        if errno == Errno::BUSY && tries < RETRIES {
            tries += 1;
            std::thread::sleep(BETWEEN_RETRIES);
            continue;
        }
        let lines = log.about(name);
        return Err(refusal(context, file, errno, &lines));
    }
}

/// The failure for an errno of the kernel.
fn refusal(context: &Context, file: &PatchFile, errno: Errno, log: &[String]) -> Failure {
    let name = &file.info.name;
    let (status, why) = match errno {
        Errno::KEYREJECTED | Errno::NOKEY | Errno::BADMSG => (
            Status::Signature,
            "its signature is damaged, or not by a key that the kernel trusts".to_owned(),
        ),
        Errno::PERM if context.kernel.requires_signatures().is_some() => (
            Status::Signature,
            "the kernel is locked down, and does not accept its signature".to_owned(),
        ),
        Errno::PERM => (
            Status::Refused,
            "this process is not permitted to load modules".to_owned(),
        ),
        Errno::ACCESS => (
            Status::Signature,
            "a security policy forbids it; klpctl loads modules from memory, so an IMA policy has to accept appended \
             signatures (`appraise_type=imasig|modsig`)"
                .to_owned(),
        ),
        Errno::BUSY => (
            Status::Conflict,
            "a transition is running, or one of the functions has another redirection".to_owned(),
        ),
        Errno::EXIST => (
            Status::Conflict,
            "a module of that name is already loaded".to_owned(),
        ),
        Errno::NOEXEC => (
            Status::Refused,
            "it was built for another kernel".to_owned(),
        ),
        Errno::NOENT => (
            Status::Refused,
            "a symbol that it needs is missing".to_owned(),
        ),
        Errno::INVAL => (
            Status::Refused,
            "it is not compatible with the kernel or with the enabled patches".to_owned(),
        ),
        Errno::NOMEM => (Status::Failed, "out of memory".to_owned()),
        errno => (Status::Refused, errno.to_string()),
    };
    let mut message = format!("the kernel refused {name}: {why}");
    for line in log {
        message.push_str("\n  kernel: ");
        message.push_str(line);
    }
    Failure::new(status, message)
}

/// Opens the recorded copy of a patch.
///
/// # Errors
///
/// There is no copy, or it cannot be read.
pub fn recorded(context: &Context, name: &str) -> Outcome<PatchFile> {
    let path = context.records.module_path(name);
    if !path.is_file() {
        return Err(Failure::new(
            Status::Failed,
            format!("there is no copy of {name}: it was not loaded by klpctl"),
        ));
    }
    PatchFile::open_as(&path, name, Status::Failed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A replaced patch stays in sysfs for a while.
    #[test]
    fn disabled_patches_count_as_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, enabled: &str| {
            let folder = dir.path().join("sys/kernel/livepatch").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("enabled"), enabled).unwrap();
            fs::write(folder.join("transition"), "0\n").unwrap();
            folder
        };
        let old = write("old", "1\n");
        write("registered", "0\n");
        let kernel = Kernel::at(dir.path());
        let before = enabled(&kernel).unwrap();
        write("new", "1\n");
        write("old", "0\n");
        let release = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            fs::remove_dir_all(old).unwrap();
        });
        assert_eq!(replaced(&kernel, before).unwrap(), ["old"]);
        assert_eq!(kernel.patch_names().unwrap(), ["new", "registered"]);
        release.join().unwrap();
    }
}
