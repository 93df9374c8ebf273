// SPDX-License-Identifier: GPL-2.0-only

//! `load` and `replace`.

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

/// How often a load is tried again while the kernel is busy, and how long between.
const RETRIES: u32 = 5;
const BETWEEN_RETRIES: Duration = Duration::from_secs(2);

/// How long the kernel may take to release patches that were replaced.
const RELEASE: Duration = Duration::from_secs(10);

/// What happens to the patches that are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// The patch decides.
    Load,
    /// It has to replace them.
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
                "{} is applied, but it does not replace other patches: {} are still there. `klpctl unload` takes \
                 out what is not wanted",
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
        text.push_str(&format!(
            ", in the place of {}",
            applied.replaced.join(", ")
        ));
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

/// Loads a patch and sees its transition through.
///
/// # Errors
///
/// As for [`run`]; the state before is restored then, unless it is [`Status::Stuck`].
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
    match transition::see_through(
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
                    "{name}: the transition did not end within {} s, and was reverted. It was held up by:\n{}",
                    timeout.as_secs(),
                    output::blockers(&blockers)
                ),
            ))
        }
        End::Stuck(blockers) => Err(Failure::new(
            Status::Stuck,
            format!(
                "{name}: the transition did not end within {} s, and cannot be reverted yet. It is held up by:\n{}\
                 It goes on by itself when these move; `klpctl status` shows it, and `klpctl unload {name}` takes \
                 the module out then",
                timeout.as_secs(),
                output::blockers(&blockers)
            ),
        )),
    }
}

/// The patches that are enabled.
fn enabled(kernel: &Kernel) -> Result<Vec<String>> {
    let patches = kernel.patches()?.into_iter();
    Ok(patches
        .filter(|patch| patch.enabled)
        .map(|patch| patch.name)
        .collect())
}

/// The patches of `before` that were replaced. The kernel disables them before the transition ends, and removes them from
/// sysfs later; this waits for that for a while.
fn replaced(kernel: &Kernel, before: Vec<String>) -> Result<Vec<String>> {
    let left = enabled(kernel)?;
    let replaced: Vec<_> = before.into_iter().filter(|it| !left.contains(it)).collect();
    transition::until(RELEASE, || {
        let names = kernel.patch_names()?;
        Ok(!replaced.iter().any(|name| names.contains(name)))
    })?;
    Ok(replaced)
}

/// An installed patch is loaded at each boot, so it is on trial until the machine is called healthy.
fn begin_trial(context: &Context, name: &str) -> Outcome {
    let release = context.kernel.release()?;
    if context.store.find(&release, name)?.is_some() {
        context.trials().begin(name)?;
    }
    Ok(())
}

/// Loads the module; tries again while the kernel says that it is busy.
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

/// The meaning of the kernel's errno.
fn refusal(context: &Context, file: &PatchFile, errno: Errno, log: &[String]) -> Failure {
    let name = &file.info.name;
    let (status, why) = match errno {
        Errno::KEYREJECTED | Errno::NOKEY | Errno::BADMSG => (
            Status::Signature,
            "its signature is by no key that the kernel trusts, or is damaged".to_owned(),
        ),
        Errno::PERM if context.kernel.wants_signatures().is_some() => (
            Status::Signature,
            "the kernel is locked down, and does not accept its signature".to_owned(),
        ),
        Errno::PERM => (
            Status::Refused,
            "this process may not load modules".to_owned(),
        ),
        Errno::ACCESS => (
            Status::Signature,
            "a security policy forbids it. klpctl loads modules from memory, so IMA has to accept the signature that is \
             appended to a module (`appraise_type=imasig|modsig`)"
                .to_owned(),
        ),
        Errno::BUSY => (
            Status::Conflict,
            "a transition runs, or something else redirects one of the functions".to_owned(),
        ),
        Errno::EXIST => (
            Status::Conflict,
            "a module of that name is loaded".to_owned(),
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
            "it does not go with the kernel, or with the patches that are enabled".to_owned(),
        ),
        Errno::NOMEM => (Status::Failed, "there is no memory for it".to_owned()),
        errno => (Status::Refused, errno.to_string()),
    };
    let mut message = format!("the kernel refused {name}: {why}");
    for line in log {
        message.push_str("\n  kernel: ");
        message.push_str(line);
    }
    Failure::new(status, message)
}

/// Opens the copy of a patch that was kept when it was loaded.
///
/// # Errors
///
/// There is none.
pub fn kept(context: &Context, name: &str) -> Outcome<PatchFile> {
    let path = context.records.module_path(name);
    if !path.is_file() {
        return Err(Failure::new(
            Status::Failed,
            format!("{name} was not loaded by klpctl, so there is no copy of it"),
        ));
    }
    PatchFile::open_as(&path, name, Status::Failed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A patch stays in sysfs for a while after one has replaced it.
    #[test]
    fn a_patch_that_is_still_in_sysfs_has_been_replaced() {
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
