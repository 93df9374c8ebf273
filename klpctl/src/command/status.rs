// SPDX-License-Identifier: GPL-2.0-only

//! `list`, `status` and `facts`: the state of the machine.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Answer, Context, installed};
use crate::cli::{Facts, FactsFormat};
use crate::kernel::patches::Patch;
use crate::outcome::{Outcome, Status};
use crate::output::tasks;

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

/// The state of the machine.
#[derive(Debug)]
pub struct State {
    pub release: String,
    /// The module klp-core, if it is loaded.
    pub core_module: Option<Patch>,
    pub patches: Vec<Patch>,
    /// Modules of removed patches.
    pub leftover: Vec<String>,
    pub installed: installed::Report,
}

impl State {
    pub fn new(context: &Context) -> Outcome<Self> {
        let release = context.kernel.release()?;
        let patches = context.kernel.patches()?;
        Ok(Self {
            leftover: leftover(context, &patches)?,
            installed: installed::Report::new(context, &release, &patches)?,
            release,
            core_module: context.kernel.core_module()?,
            patches,
        })
    }

    /// [`Status::InTransition`] while a transition is running.
    fn status(&self) -> Status {
        let mut all = self.patches.iter().chain(&self.core_module);
        match all.any(|patch| patch.transition) {
            true => Status::InTransition,
            false => Status::Success,
        }
    }

    /// The text output.
    fn text(&self, context: &Context) -> Outcome<String> {
        let mut text = format!("kernel {}\n", self.release);
        if !context.kernel.has_livepatch() {
            let _ = writeln!(text, "this kernel has no live patching");
        }
        if let Some(core) = &self.core_module {
            let _ = writeln!(text, "klp-core is loaded as a module: {}", core.state());
        }
        if self.patches.is_empty() {
            let _ = writeln!(text, "no patches");
        }
        for patch in &self.patches {
            describe(context, patch, &mut text)?;
        }
        for name in &self.leftover {
            let _ = writeln!(
                text,
                "{name}: not in use, but its module is still loaded; `klpctl unload {name}` unloads it"
            );
        }
        text.push_str(&self.installed.text());
        Ok(text)
    }

    /// The JSON output.
    pub fn json(&self, context: &Context) -> Outcome<Value> {
        let values = self
            .patches
            .iter()
            .map(|patch| value(context, patch))
            .collect::<Outcome<Vec<_>>>()?;
        Ok(json!({
            "status": self.status().word(),
            "kernel": self.release,
            "livepatch": context.kernel.has_livepatch(),
            "core_module": self.core_module.as_ref().map(Patch::state),
            "patches": values,
            "leftover_modules": self.leftover,
            "installed": self.installed.json(),
        }))
    }
}

/// Shows the state; the exit status is [`Status::InTransition`] while a transition is running.
pub fn status(context: &Context) -> Outcome<Answer> {
    let state = State::new(context)?;
    Ok(Answer {
        status: state.status(),
        text: state.text(context)?,
        json: state.json(context)?,
    })
}

/// Prints the state as facts for Ansible or grains for Salt, always with [`Status::Success`].
pub fn facts(context: &Context, args: &Facts) -> Outcome<Answer> {
    let state = State::new(context)?;
    let mut facts = state.json(context)?;
    let mut fixed = Vec::new();
    for patch in state.patches.iter().filter(|it| it.state() == "applied") {
        fixed.extend(fixes(context, patch)?);
    }
    fixed.sort();
    fixed.dedup();
    facts["fixes"] = json!(fixed);
    // Grains share a namespace, so they are put into one grain; facts are named after their file.
    let facts = match args.format {
        FactsFormat::Ansible => facts,
        FactsFormat::Salt => json!({ "klp": facts }),
    };
    Ok(Answer::new(format!("{facts:#}\n"), facts))
}

fn describe(context: &Context, patch: &Patch, text: &mut String) -> Outcome {
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
    Ok(())
}

/// Patches loaded by klpctl that the kernel has removed, whose modules are still loaded.
fn leftover(context: &Context, patches: &[Patch]) -> Outcome<Vec<String>> {
    let mut names = context.records.names();
    names.retain(|name| {
        !patches.iter().any(|patch| patch.name == *name) && context.kernel.has_module(name)
    });
    Ok(names)
}

/// The version of a patch.
pub fn version(context: &Context, patch: &Patch) -> Option<String> {
    let recorded = || context.records.info(&patch.name).ok().flatten()?.version;
    patch.version.clone().or_else(recorded)
}

/// What the patch fixes, if klpctl loaded it: the kernel does not keep this.
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
