// SPDX-License-Identifier: GPL-2.0-only

//! `list` and `status`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Answer, Context};
use crate::kernel::patches::Patch;
use crate::outcome::{Outcome, Status};
use crate::transition::tasks;

/// All patches, one line each.
pub fn list(context: &Context) -> Outcome<Answer> {
    let patches = context.kernel.patches()?;
    let mut text = String::new();
    let width = patches
        .iter()
        .map(|patch| patch.name.len())
        .max()
        .unwrap_or(0);
    for patch in &patches {
        let version = version(context, patch).unwrap_or_else(|| "-".to_owned());
        let count = patch.function_count();
        let functions = if count == 1 {
            "1 function".to_owned()
        } else {
            format!("{count} functions")
        };
        let fixes = fixes(context, patch)?.join(", ");
        let line = format!(
            "{:width$}  {:9}  {version}  {functions}  {fixes}",
            patch.name,
            patch.state()
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let values = patches
        .iter()
        .map(|patch| value(context, patch))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Answer::new(
        text,
        json!({ "status": "success", "patches": values }),
    ))
}

/// The state of the machine. Its exit status is [`Status::InTransition`] while a transition runs.
pub fn status(context: &Context) -> Outcome<Answer> {
    let patches = context.kernel.patches()?;
    let mut text = String::new();
    let release = context.kernel.release()?;
    let _ = writeln!(text, "kernel {release}");
    if !context.kernel.has_livepatch() {
        let _ = writeln!(text, "this kernel has no live patching");
    }
    if patches.is_empty() {
        let _ = writeln!(text, "no patches");
    }
    for patch in &patches {
        let _ = write!(text, "{}: {}", patch.name, patch.state());
        if let Some(version) = version(context, patch) {
            let _ = write!(text, ", version {version}");
        }
        let _ = writeln!(text);
        if patch.transition {
            let count = context.kernel.blocker_count(patch);
            let _ = writeln!(
                text,
                "  {} left; `klpctl blockers` names them",
                tasks(count)
            );
        }
        let fixes = fixes(context, patch)?;
        if !fixes.is_empty() {
            let _ = writeln!(text, "  fixes {}", fixes.join(", "));
        }
        for object in &patch.objects {
            let names: Vec<_> = object
                .functions
                .iter()
                .map(|function| function.name.as_str())
                .collect();
            let waits = if object.patched == Some(false) {
                " (not loaded)"
            } else {
                ""
            };
            let _ = writeln!(text, "  {}{waits}: {}", object.name, names.join(", "));
        }
    }
    let leftover = leftover(context, &patches)?;
    for name in &leftover {
        let _ = writeln!(
            text,
            "{name}: replaced, its module is still loaded; `klpctl unload {name}` unloads it"
        );
    }
    let values = patches
        .iter()
        .map(|patch| value(context, patch))
        .collect::<Outcome<Vec<_>>>()?;
    let in_transition = patches.iter().any(|patch| patch.transition);
    let status = if in_transition {
        Status::InTransition
    } else {
        Status::Success
    };
    Ok(Answer {
        status,
        text,
        json: json!({
            "status": status.word(),
            "kernel": release,
            "livepatch": context.kernel.has_livepatch(),
            "patches": values,
            "leftover_modules": leftover,
        }),
    })
}

/// Patches that klpctl has loaded and the kernel has let go, whose modules are there still.
fn leftover(context: &Context, patches: &[Patch]) -> Outcome<Vec<String>> {
    let Some(step) = context.records.step()? else {
        return Ok(Vec::new());
    };
    let mut names = step.replaced;
    names.push(step.loaded);
    names.retain(|name| {
        !patches.iter().any(|patch| patch.name == *name) && context.kernel.has_module(name)
    });
    Ok(names)
}

fn version(context: &Context, patch: &Patch) -> Option<String> {
    let recorded = || context.records.info(&patch.name).ok().flatten()?.version;
    patch.version.clone().or_else(recorded)
}

/// What the patch fixes, if klpctl has loaded it: the kernel does not keep it.
pub fn fixes(context: &Context, patch: &Patch) -> Outcome<Vec<String>> {
    let info = context.records.info(&patch.name)?;
    Ok(info.map(|info| info.fixes).unwrap_or_default())
}

fn value(context: &Context, patch: &Patch) -> Outcome<Value> {
    let mut value = serde_json::to_value(patch).map_err(anyhow::Error::from)?;
    value["state"] = json!(patch.state());
    value["version"] = json!(version(context, patch));
    value["fixes"] = json!(fixes(context, patch)?);
    if patch.transition {
        value["tasks_left"] = json!(context.kernel.blocker_count(patch));
    }
    Ok(value)
}
