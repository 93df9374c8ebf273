// SPDX-License-Identifier: GPL-2.0-only

//! `boot`: loads the patches installed for the running kernel, and keeps the trial marks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::load::{self, apply};
use super::remove::drop_older_versions;
use super::superseded::Order;
use super::versions::Versions;
use super::{Answer, Context, module_name};
use crate::cli::Boot;
use crate::durable;
use crate::kernel::DISABLED;
use crate::outcome::{Failure, Outcome, Status};
use crate::store::Installed;
use crate::trial::Held;

/// The reasons why patches were not loaded, by patch name. Recorded until the next boot, for `status`.
pub type NotLoaded = BTreeMap<String, String>;

/// The file of [`NotLoaded`] in the folder of the records.
pub const NOT_LOADED: &str = "boot.json";

pub fn run(context: &mut Context, args: &Boot) -> Outcome<Answer> {
    let _lock = context.lock_to_change()?;
    if args.healthy || args.shutdown {
        return end_trials(context, args.healthy);
    }
    if let Some(retry) = &args.retry {
        release(context, retry)?;
    }
    load_all(context, args)
}

/// Ends the trials of this boot: the machine is healthy, or shuts down.
fn end_trials(context: &mut Context, healthy: bool) -> Outcome<Answer> {
    let why = match healthy {
        true => "the machine is healthy",
        false => "the machine is shutting down",
    };
    let patches = if context.dry_run {
        context.trials().on_trial()?
    } else {
        // Trials of earlier boots must be recorded as held out, not ended.
        context.trials().settle()?;
        context.trials().end()?
    };
    if healthy && !context.dry_run {
        drop_older_versions(context)?;
    }
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

/// Allows held-out patches to be loaded again: those named, or all.
fn release(context: &mut Context, names: &[String]) -> Outcome {
    let release = context.kernel.release()?;
    let held = context.trials().held(&release)?;
    let mut installed = context.store.installed(&release)?;
    installed.retain(|it| held.contains_key(&it.name));
    let versions = Versions::of_installed(&installed);
    let names: Vec<_> = match names {
        [] => held.keys().cloned().collect(),
        names => names
            .iter()
            .map(|name| versions.one(&module_name(name)))
            .collect::<Outcome<_>>()?,
    };
    if let Some(name) = names.iter().find(|&name| !held.contains_key(name)) {
        return Err(Failure::new(
            Status::Failed,
            format!("{name} is not held out; `klpctl status` lists the patches that are"),
        ));
    }
    if context.dry_run {
        return Ok(());
    }
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
    let release = context.kernel.release()?;
    if !context.dry_run {
        durable::remove_partial(&context.store.release_dir(&release))?;
        durable::remove_partial(context.store.dir())?;
        context.trials().settle()?;
    }
    let options = LoadOptions {
        timeout: args.patience.timeout,
        unchecked: args.unchecked,
    };
    let installed = context.store.installed(&release)?;
    let done = load_missing(context, &installed, &[], options)?;
    answer(context, &done)
}

/// Loads the patches `superseded`, because those in `gone` will be unloaded. Failures do not prevent that: they are
/// returned, and `status` shows them.
///
/// # Errors
///
/// The patches cannot be read, or failures cannot be recorded.
pub fn load_instead(
    context: &mut Context,
    gone: &[String],
    superseded: &[String],
    timeout: Duration,
) -> Outcome<Unloaded> {
    let release = context.kernel.release()?;
    let mut installed = context.store.installed(&release)?;
    installed.retain(|it| superseded.contains(&it.name));
    let options = LoadOptions {
        timeout,
        unchecked: false,
    };
    if installed.is_empty() {
        return Ok(Unloaded::default());
    }
    let done = load_missing(context, &installed, gone, options)?;
    let path = context.records.dir().join(NOT_LOADED);
    let mut known: NotLoaded = durable::read_json(&path)?.unwrap_or_default();
    known.retain(|name, _| !done.loaded.contains(name));
    known.extend(done.not_loaded.clone());
    durable::write_json(&path, &known)?;
    Ok(Unloaded {
        why: done.not_loaded,
        is_stuck: done.is_stuck,
    })
}

/// Superseded patches that could not be loaded again.
#[derive(Debug, Default)]
pub struct Unloaded {
    why: NotLoaded,
    is_stuck: bool,
}

impl Unloaded {
    /// Fails if there are any. `done` describes what was done nevertheless.
    ///
    /// # Errors
    ///
    /// [`Status::Failed`], or [`Status::Stuck`] if a transition is still running.
    pub fn check(&self, done: &str) -> Outcome {
        if self.why.is_empty() {
            return Ok(());
        }
        let status = match self.is_stuck {
            true => Status::Stuck,
            false => Status::Failed,
        };
        Err(Failure::new(
            status,
            format!(
                "{done}, but superseded patches were not loaded again:\n{}\n`klpctl boot` retries",
                lines(&self.why)
            ),
        ))
    }
}

/// The patches with their reasons, one or more lines each.
fn lines(not_loaded: &NotLoaded) -> String {
    let lines = not_loaded
        .iter()
        .map(|(name, why)| format!("  {name}: {}", why.trim_end().replace('\n', "\n    ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// The options for loading patches.
#[derive(Clone, Copy)]
struct LoadOptions {
    timeout: Duration,
    unchecked: bool,
}

/// Loads the missing ones of these patches. Those in `gone` count as missing.
fn load_missing(
    context: &mut Context,
    installed: &[Installed],
    gone: &[String],
    options: LoadOptions,
) -> Outcome<Done> {
    let held = context.trials().held(&context.kernel.release()?)?;
    let mut done = Done::default();
    let mut order = Order::new(context, installed, &[])?;
    loop {
        // The last loaded patch may have replaced others.
        let mut patches = context.kernel.patches()?;
        patches.retain(|it| !gone.contains(&it.name));
        order.update(context, &patches)?;
        let Some(next) = next(context, installed, &order, &held, &done)? else {
            break;
        };
        let name = next.name.clone();
        if let Some(why) = held.get(&name) {
            let why = format!("held out: {why}; `klpctl boot --retry {name}` retries it");
            done.not_loaded.insert(name, why);
            continue;
        }
        match load_one(context, next, options) {
            Ok(()) => done.loaded.push(name),
            Err(failure) => {
                context.progress.say(&format!("error: {failure}"));
                let stuck = failure.status == Status::Stuck;
                done.not_loaded.insert(name, failure.message);
                if stuck {
                    done.is_stuck = true;
                    // No other transition can start.
                    break;
                }
            }
        }
    }
    done.superseded = superseded(installed, &order, &held, &done);
    Ok(done)
}

/// The results of loading installed patches.
#[derive(Default)]
struct Done {
    loaded: Vec<String>,
    not_loaded: NotLoaded,
    /// The superseded patches, each with the patch that supersedes it.
    superseded: BTreeMap<String, String>,
    /// A transition stalled and could not be reverted.
    is_stuck: bool,
}

impl Done {
    /// Whether a patch of that name was loaded or has failed.
    fn has(&self, name: &str) -> bool {
        self.loaded.iter().any(|it| it == name) || self.not_loaded.contains_key(name)
    }

    /// Whether a patch of that name is held out or has failed.
    fn is_out(&self, held: &Held, name: &str) -> bool {
        held.contains_key(name) || self.not_loaded.contains_key(name)
    }
}

/// The next patch to load. Superseded ones come only after the cumulative one has failed: loading them first would cost
/// time, and could crash the machine.
fn next<'a>(
    context: &Context,
    installed: &'a [Installed],
    order: &Order,
    held: &Held,
    done: &Done,
) -> Outcome<Option<&'a Installed>> {
    let is_out = |name: &str| done.is_out(held, name);
    for it in installed {
        let is_due = !done.has(&it.name) && order.by(&it.name, is_out).is_none();
        if is_due && context.kernel.patch(&it.name)?.is_none() {
            return Ok(Some(it));
        }
    }
    Ok(None)
}

fn superseded(
    installed: &[Installed],
    order: &Order,
    held: &Held,
    done: &Done,
) -> BTreeMap<String, String> {
    let is_out = |name: &str| done.is_out(held, name);
    let names = installed.iter().map(|it| &it.name);
    let others = names.filter(|&name| !done.has(name));
    let by =
        others.filter_map(|name| Some((name.clone(), order.by(name, is_out)?.name.to_owned())));
    by.collect()
}

fn load_one(context: &mut Context, installed: &Installed, options: LoadOptions) -> Outcome {
    let file = installed.open()?;
    context.kernel.load_dependencies(&file.info.depends);
    for warning in load::check(context, &file, options.unchecked)? {
        context.progress.say(&format!("warning: {warning}"));
    }
    if context.dry_run {
        return Ok(());
    }
    let applied = apply(context, &file, options.timeout)?;
    context.progress.say(&load::applied_line(&applied));
    Ok(())
}

fn answer(context: &Context, done: &Done) -> Outcome<Answer> {
    let Done {
        loaded,
        not_loaded,
        superseded,
        is_stuck: _,
    } = done;
    let mut text = String::new();
    if context.dry_run {
        for name in loaded {
            text.push_str(&format!("{name} would be loaded\n"));
        }
        for (name, by) in superseded {
            text.push_str(&format!("{name} is superseded by {by}\n"));
        }
    } else {
        durable::write_json(&context.records.dir().join(NOT_LOADED), not_loaded)?;
    }
    if not_loaded.is_empty() {
        return Ok(Answer::new(
            text,
            json!({ "status": "success", "loaded": loaded, "not_loaded": {}, "superseded": superseded, "dry_run": context.dry_run }),
        ));
    }
    Err(Failure::new(
        Status::Failed,
        format!(
            "{} of {} installed patches were not loaded:\n{}",
            not_loaded.len(),
            not_loaded.len() + loaded.len(),
            lines(not_loaded)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Patience;
    use crate::command::install::tests::{RELEASE, applied, hold, machine};
    use crate::store::tests::module;

    const BOOT: Boot = Boot {
        healthy: false,
        shutdown: false,
        retry: None,
        patience: Patience {
            timeout: Duration::ZERO,
        },
        unchecked: true,
    };

    /// A dry-run context with these patches installed.
    fn installed(dir: &std::path::Path, patches: &[(&str, &str)]) -> Context {
        let mut context = machine(dir);
        std::fs::create_dir_all(dir.join("sys/kernel/livepatch")).expect("a folder");
        for (name, more) in patches {
            let file = module(name, RELEASE, more);
            context.store.install(&file).expect("written");
        }
        context.dry_run = true;
        context
    }

    const CUMULATIVE: &str = "klp_replace=Y\0";

    #[test]
    fn superseded_patches_are_not_loaded_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let patches = [("a", ""), ("b", CUMULATIVE), ("c", CUMULATIVE), ("d", "")];
        let mut context = installed(dir.path(), &patches);
        let answer = run(&mut context, &BOOT).expect("all of them match");
        assert_eq!(answer.json["loaded"], json!(["c", "d"]));
        assert_eq!(answer.json["superseded"], json!({ "a": "c", "b": "c" }));
    }

    #[test]
    fn superseded_patches_are_not_loaded_on_top() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = installed(dir.path(), &[("a", ""), ("b", CUMULATIVE), ("c", "")]);
        applied(dir.path(), "b");
        let answer = run(&mut context, &BOOT).expect("all of them match");
        assert_eq!(answer.json["loaded"], json!(["c"]));
    }

    #[test]
    fn the_previous_version_is_loaded_until_the_newer_one_is_healthy() {
        let dir = tempfile::tempdir().expect("a folder");
        let series = format!("{CUMULATIVE}klp_series=fix\0");
        let patches = [
            ("fix_1_1", series.as_str()),
            ("other", ""),
            ("fix_1_2", &series),
        ];
        let mut context = installed(dir.path(), &patches);
        hold(dir.path(), "fix_1_2");
        let failure = run(&mut context, &BOOT).expect_err("one is held out");
        assert!(failure.message.contains("1 of 3"), "{failure}");
        let mut healthy = |loaded: &str| {
            context.dry_run = false;
            applied(dir.path(), loaded);
            let healthy = Boot {
                healthy: true,
                ..BOOT
            };
            run(&mut context, &healthy).expect("it is");
            let installed = context.store.installed(RELEASE).expect("readable");
            installed.into_iter().map(|it| it.name).collect::<Vec<_>>()
        };
        assert_eq!(healthy("fix_1_1"), ["fix_1_1", "other", "fix_1_2"]);
        std::fs::remove_dir_all(dir.path().join("sys/kernel/livepatch/fix_1_1")).expect("removed");
        assert_eq!(healthy("fix_1_2"), ["other", "fix_1_2"]);
    }

    #[test]
    fn failures_to_load_superseded_patches_are_reported() {
        let dir = tempfile::tempdir().expect("a folder");
        let patches = [("fix", "depends=missing\0"), ("all", CUMULATIVE)];
        let mut context = installed(dir.path(), &patches);
        applied(dir.path(), "all");
        context.dry_run = false;
        let [gone, superseded] = ["all", "fix"].map(|it| vec![it.to_owned()]);
        let mut instead = |superseded: &[String]| {
            let unloaded = load_instead(&mut context, &gone, superseded, Duration::ZERO);
            unloaded
                .expect("readable")
                .check("all: uninstalled and unloaded")
        };
        instead(&[]).expect("nothing is to be loaded");
        let failure = instead(&superseded).expect_err("it needs a module");
        assert_eq!(failure.status, Status::Failed);
        for part in [
            "all: uninstalled and unloaded, but",
            "\n  fix: fix needs the module missing",
        ] {
            assert!(failure.message.contains(part), "{failure}");
        }
        let known = durable::read_json::<NotLoaded>(&dir.path().join("run").join(NOT_LOADED));
        assert!(known.expect("readable").expect("there").contains_key("fix"));
    }

    #[test]
    fn excluded_patches_supersede_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let unmet = format!("{CUMULATIVE}depends=missing\0");
        let patches = [
            ("a", ""),
            ("b", CUMULATIVE),
            ("c", ""),
            ("d", &unmet),
            ("e", ""),
        ];
        let mut context = installed(dir.path(), &patches);
        let failure = run(&mut context, &BOOT).expect_err("one lacks a module");
        assert!(failure.message.contains("1 of 4"), "{failure}");
        hold(dir.path(), "b");
        let failure = run(&mut context, &BOOT).expect_err("one more is held out");
        assert!(failure.message.contains("2 of 5"), "{failure}");
        // A mark of a superseded patch does not count.
        context.trials().release(RELEASE, "b").expect("written");
        hold(dir.path(), "a");
        let failure = run(&mut context, &BOOT).expect_err("one lacks a module");
        assert!(failure.message.contains("1 of 4"), "{failure}");
    }
}
