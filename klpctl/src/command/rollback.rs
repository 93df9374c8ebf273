// SPDX-License-Identifier: GPL-2.0-only

//! `rollback`: undoes the last `load` or `replace`.
//!
//! The replaced patches are loaded on top of the one that replaced them, which is then unloaded, so functions of both
//! stay patched.

use serde_json::json;

use super::load::{apply, recorded};
use super::unload::{disable, note_installed, unload_module};
use super::{Answer, Context};
use crate::cli::Patience;
use crate::outcome::{Failure, Outcome, Status};

pub fn run(context: &mut Context, patience: Patience) -> Outcome<Answer> {
    let _lock = context.lock_to_change()?;
    let step = context.records.step()?.ok_or_else(|| {
        Failure::new(
            Status::Failed,
            "there is nothing to undo: klpctl has not loaded a patch since the machine booted, or that was undone",
        )
    })?;
    if context.kernel.patch(&step.loaded)?.is_none() {
        return Err(Failure::new(
            Status::Failed,
            format!(
                "there is nothing to undo: {} is no longer loaded",
                step.loaded
            ),
        ));
    }
    // All copies are opened before anything changes.
    let files = step
        .replaced
        .iter()
        .map(|name| recorded(context, name))
        .collect::<Outcome<Vec<_>>>()?;
    if context.dry_run {
        let again = match step.replaced.is_empty() {
            true => String::new(),
            false => format!("{} would be loaded again, and ", step.replaced.join(", ")),
        };
        return Ok(Answer::new(
            format!("{again}{} would be unloaded\n", step.loaded),
            json!({ "status": "success", "unloaded": step.loaded, "loaded": step.replaced, "dry_run": true }),
        ));
    }
    let mut loaded: Vec<String> = Vec::new();
    for file in &files {
        if let Err(failure) = apply(context, file, patience.timeout) {
            unload_all(context, &loaded, patience);
            return Err(failure);
        }
        loaded.push(file.info.name.clone());
    }
    // A cumulative patch among them has already replaced it.
    if let Err(failure) = disable(context, &step.loaded, patience.timeout) {
        unload_all(context, &loaded, patience);
        return Err(failure);
    }
    if context.kernel.has_module(&step.loaded) {
        unload_module(context, &step.loaded)?;
    }
    context.set_step(None)?;
    context
        .progress
        .say(&format!("{}: rolled back", step.loaded));
    note_installed(context, &step.loaded)?;
    Ok(Answer::new(
        "",
        json!({ "status": "success", "unloaded": step.loaded, "loaded": loaded }),
    ))
}

/// Unloads the patches that a failed rollback has loaded.
fn unload_all(context: &mut Context, loaded: &[String], patience: Patience) {
    for name in loaded.iter().rev() {
        let result =
            disable(context, name, patience.timeout).and_then(|()| unload_module(context, name));
        if let Err(failure) = result {
            context.progress.say(&format!("warning: {failure}"));
        }
    }
}
