// SPDX-License-Identifier: GPL-2.0-only

//! `unload`: disables a patch and unloads its module.

use std::time::Duration;

use rustix::io::Errno;
use serde_json::json;

use super::{Answer, Context, module_name};
use crate::cli::Unload;
use crate::kernel::modules;
use crate::outcome::{Failure, Outcome, Status};
use crate::output;
use crate::transition::{self, End, Goal, until};

/// How long a module may be in use after its patch was removed: a process may be reading its sysfs files.
const IN_USE_MAX: Duration = Duration::from_secs(10);

pub fn run(context: &mut Context, args: &Unload) -> Outcome<Answer> {
    let _lock = context.lock_to_change()?;
    let mut name = module_name(&args.patch);
    // A leftover module is found by its module name only.
    if !context.kernel.has_module(&name) {
        name = context.loaded_name(&name)?;
    }
    let known = context.kernel.patch(&name)?;
    if known.is_none() && !context.kernel.has_module(&name) {
        return Err(context.no_patch(&name));
    }
    if context.dry_run {
        return Ok(Answer::new(
            format!("{name} would be disabled and unloaded\n"),
            json!({ "status": "success", "patch": name, "dry_run": true }),
        ));
    }
    disable(context, &name, args.patience.timeout)?;
    unload_module(context, &name)?;
    forget(context, &name)?;
    context.progress.say(&format!("{name}: unloaded"));
    note_installed(context, &name)?;
    Ok(Answer::new(
        "",
        json!({ "status": "success", "patch": name }),
    ))
}

/// Notes that an installed patch is loaded again at the next boot.
pub fn note_installed(context: &mut Context, name: &str) -> Outcome {
    let release = context.kernel.release()?;
    if context.store.find(&release, name)?.is_some() {
        context.progress.say(&format!(
            "note: {name} is still installed, and will be loaded at the next boot; `klpctl uninstall {name}` \
             removes it"
        ));
    }
    Ok(())
}

/// Removes the record of the last step if it loaded the patch `name`.
pub fn forget(context: &Context, name: &str) -> Outcome {
    let step = context.records.step()?.filter(|step| step.loaded != name);
    context.set_step(step.as_ref())
}

/// Disables a patch and waits for the transition. A patch that the kernel does not have counts as disabled.
///
/// # Errors
///
/// [`Status::Reverted`] if the transition stalled: the patch is applied again. [`Status::Stuck`].
pub fn disable(context: &mut Context, name: &str, timeout: Duration) -> Outcome {
    let Some(patch) = context.kernel.patch(name)? else {
        return Ok(());
    };
    if patch.enabled {
        // A running transition of this patch is reversed; that of another patch has to end first.
        if !patch.transition {
            transition::wait_for_others(&context.kernel, timeout)?;
        }
        context.progress.say(&format!("{name}: disabling"));
        context.kernel.set_enabled(name, false)?;
    }
    match transition::wait_or_reverse(
        &context.kernel,
        name,
        Goal::Gone,
        timeout,
        &mut context.progress,
    )? {
        End::Reached(_) => Ok(()),
        End::Reverted(blockers) => Err(Failure::new(
            Status::Reverted,
            format!(
                "{name}: disabling did not end within {} s, and was reverted; it was held up by:\n{}",
                timeout.as_secs(),
                output::blockers(&blockers)
            ),
        )),
        End::Stuck(blockers) => Err(Failure::new(
            Status::Stuck,
            format!(
                "{name}: disabling did not end within {} s; it is held up by:\n{}`klpctl status` shows its progress",
                timeout.as_secs(),
                output::blockers(&blockers)
            ),
        )),
    }
}

/// Unloads the module of a removed patch.
///
/// # Errors
///
/// The module is in use, as always after a forced transition.
pub fn unload_module(context: &Context, name: &str) -> Outcome {
    let mut last = Errno::AGAIN;
    let unloaded = until(IN_USE_MAX, || {
        match modules::unload(name) {
            // ENOENT: it was unloaded meanwhile.
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(errno) => last = errno,
        }
        Ok(!matches!(last, Errno::AGAIN | Errno::BUSY))
    })?;
    let gone = unloaded && !context.kernel.has_module(name);
    if gone {
        context.trials().withdraw(name)?;
        return Ok(());
    }
    let references = context.kernel.module_references(name).unwrap_or(0);
    let why = match last {
        Errno::AGAIN | Errno::BUSY => format!(
            "it is in use ({references} references); after `force` it stays in use until the next boot"
        ),
        errno => errno.to_string(),
    };
    Err(Failure::new(
        Status::Failed,
        format!("{name} is disabled, but its module could not be unloaded: {why}"),
    ))
}
