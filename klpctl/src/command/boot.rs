// SPDX-License-Identifier: GPL-2.0-only

//! `boot`: loads what is installed for the running kernel, and keeps the marks of what is on trial.

use std::collections::BTreeMap;

use serde_json::json;

use super::load::{self, apply};
use super::{Answer, Context, module_name};
use crate::cli::Boot;
use crate::durable;
use crate::kernel::DISABLED;
use crate::outcome::{Failure, Outcome, Status};
use crate::store::Installed;

/// Why patches were not loaded, by name. Kept until the next boot, for `status`.
pub type NotLoaded = BTreeMap<String, String>;

/// Where that is kept, in the folder of the records.
pub const NOT_LOADED: &str = "boot.json";

pub fn run(context: &mut Context, args: &Boot) -> Outcome<Answer> {
    if args.healthy || args.shutdown {
        return end_trials(context, args.healthy);
    }
    if let Some(retry) = &args.retry {
        release(context, retry)?;
    }
    load_all(context, args)
}

/// Ends the trials of this boot: the machine is healthy, or goes down in order.
fn end_trials(context: &mut Context, healthy: bool) -> Outcome<Answer> {
    let why = match healthy {
        true => "the machine is healthy",
        false => "the machine shuts down in order",
    };
    let patches = if context.dry_run {
        context.trials().on_trial()?
    } else {
        let _lock = context.lock()?;
        // What went down before this boot must not be forgotten with it.
        context.trials().settle()?;
        context.trials().end()?
    };
    if !patches.is_empty() && !context.dry_run {
        context.progress.say(&format!(
            "{why}: no longer on trial: {}",
            patches.join(", ")
        ));
    }
    let text = match (context.dry_run, patches.is_empty()) {
        (true, false) => format!("{} would no longer be on trial\n", patches.join(", ")),
        _ => String::new(),
    };
    Ok(Answer::new(
        text,
        json!({ "status": "success", "patches": patches, "dry_run": context.dry_run }),
    ))
}

/// Lets patches that were held out be loaded again: those named, or all.
fn release(context: &mut Context, names: &[String]) -> Outcome {
    let release = context.kernel.release()?;
    let held = context.trials().held(&release)?;
    let names: Vec<_> = match names {
        [] => held.keys().cloned().collect(),
        names => names.iter().map(|name| module_name(name)).collect(),
    };
    if let Some(name) = names.iter().find(|&name| !held.contains_key(name)) {
        return Err(Failure::new(
            Status::Failed,
            format!("{name} is not held out; `klpctl status` says what is"),
        ));
    }
    if context.dry_run {
        return Ok(());
    }
    let _lock = context.lock()?;
    for name in &names {
        context.trials().release(&release, name)?;
    }
    Ok(())
}

fn load_all(context: &mut Context, args: &Boot) -> Outcome<Answer> {
    if context.kernel.forbids_patches() {
        context.progress.say(&format!(
            "the kernel's command line has {DISABLED}: no patch is loaded"
        ));
        return Ok(Answer::new(
            "",
            json!({ "status": "success", "disabled": true, "loaded": [], "not_loaded": {} }),
        ));
    }
    let _lock = (!context.dry_run).then(|| context.lock()).transpose()?;
    let release = context.kernel.release()?;
    if !context.dry_run {
        durable::remove_partial(&context.store.release_dir(&release))?;
        durable::remove_partial(context.store.dir())?;
        context.trials().settle()?;
    }
    let held = context.trials().held(&release)?;
    let mut loaded = Vec::new();
    let mut not_loaded = NotLoaded::new();
    for installed in context.store.installed(&release)? {
        let name = installed.name.clone();
        if context.kernel.patch(&name)?.is_some() {
            continue;
        }
        if let Some(why) = held.get(&name) {
            not_loaded.insert(
                name.clone(),
                format!("held out: {why}; `klpctl boot --retry {name}` tries it again"),
            );
            continue;
        }
        match load_one(context, &installed, args) {
            Ok(()) => loaded.push(name),
            Err(failure) => {
                context.progress.say(&format!("error: {failure}"));
                let stuck = failure.status == Status::Stuck;
                not_loaded.insert(name, failure.message);
                if stuck {
                    // No other transition can begin.
                    break;
                }
            }
        }
    }
    answer(context, &loaded, &not_loaded)
}

fn load_one(context: &mut Context, installed: &Installed, args: &Boot) -> Outcome {
    let file = installed.open()?;
    context.kernel.load_dependencies(&file.info.depends);
    for warning in load::check(context, &file, args.unchecked)? {
        context.progress.say(&format!("warning: {warning}"));
    }
    if context.dry_run {
        return Ok(());
    }
    let applied = apply(context, &file, args.patience.timeout)?;
    context.progress.say(&load::applied_line(&applied));
    Ok(())
}

fn answer(context: &Context, loaded: &[String], not_loaded: &NotLoaded) -> Outcome<Answer> {
    let mut text = String::new();
    if context.dry_run {
        for name in loaded {
            text.push_str(&format!("{name} would be loaded\n"));
        }
    } else {
        durable::write_json(&context.records.dir().join(NOT_LOADED), not_loaded)?;
    }
    if not_loaded.is_empty() {
        return Ok(Answer::new(
            text,
            json!({ "status": "success", "loaded": loaded, "not_loaded": {}, "dry_run": context.dry_run }),
        ));
    }
    let lines: Vec<_> = not_loaded
        .iter()
        .map(|(name, why)| format!("  {name}: {}", why.trim_end().replace('\n', "\n    ")))
        .collect();
    Err(Failure::new(
        Status::Failed,
        format!(
            "{} of {} installed patches were not loaded:\n{}",
            not_loaded.len(),
            not_loaded.len() + loaded.len(),
            lines.join("\n")
        ),
    ))
}
