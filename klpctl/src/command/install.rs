// SPDX-License-Identifier: GPL-2.0-only

//! `install` and `uninstall`: which patches are loaded at boot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::load::{self, apply};
use super::unload::{disable, forget, unload_module};
use super::{Answer, Context, module_name};
use crate::cli::{Install, Uninstall};
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::PatchFile;
use crate::precheck;
use crate::records::Step;
use crate::store::{Installed, release_of};

pub fn install(context: &mut Context, args: &Install) -> Outcome<Answer> {
    // All of them have to be good before anything changes.
    let files = args
        .files
        .iter()
        .map(|path| PatchFile::open(path))
        .collect::<Outcome<Vec<_>>>()?;
    let running = context.kernel.release()?;
    for file in &files {
        let release = release_of(file)?;
        if release == running && !args.unchecked {
            for warning in precheck::lasting(&context.kernel, file)? {
                context.progress.say(&format!("warning: {warning}"));
            }
        }
        if release != running && args.now {
            return Err(Failure::new(
                Status::Refused,
                format!(
                    "{} was built for kernel {release}, and this is {running}: without `--now` it is installed for \
                     when that kernel runs",
                    file.info.name
                ),
            ));
        }
    }
    if context.dry_run {
        return would_install(&files);
    }
    let _lock = context.lock()?;
    let mut json = Vec::new();
    for file in &files {
        json.push(install_one(context, file, args)?);
    }
    Ok(Answer::new(
        "",
        json!({ "status": "success", "installed": json }),
    ))
}

fn would_install(files: &[PatchFile]) -> Outcome<Answer> {
    let mut text = String::new();
    let mut json = Vec::new();
    for file in files {
        let release = release_of(file)?;
        let name = &file.info.name;
        let _ = writeln!(text, "{name} would be installed for kernel {release}");
        json.push(json!({ "patch": name, "kernel": release }));
    }
    Ok(Answer::new(
        text,
        json!({ "status": "success", "installed": json, "dry_run": true }),
    ))
}

fn install_one(
    context: &mut Context,
    file: &PatchFile,
    args: &Install,
) -> Outcome<serde_json::Value> {
    let name = &file.info.name;
    let release = release_of(file)?;
    let before = context.store.find(&release, name)?;
    if context.kernel.patch(name)?.is_some() {
        // From now on it is loaded at each boot, so it is on trial like one that is loaded from there.
        context.trials()?.begin(name)?;
    }
    context.store.install(file)?;
    // What was installed anew deserves another try.
    context.trials()?.release(&release, name)?;
    context
        .progress
        .say(&format!("{name}: installed for kernel {release}"));
    if args.replace {
        supersede(context, &release, name)?;
    }
    if args.now && context.kernel.patch(name)?.is_none() {
        let loaded = load::check(context, file, args.unchecked)
            .and_then(|_| apply(context, file, args.patience.timeout));
        match loaded {
            Ok(applied) => {
                context.progress.say(&load::applied_line(&applied));
                context.set_step(Some(&Step {
                    loaded: applied.name,
                    replaced: applied.replaced,
                }))?;
            }
            Err(failure) => {
                return Err(not_loaded(
                    context,
                    &release,
                    name,
                    before.is_none(),
                    failure,
                ));
            }
        }
    }
    Ok(json!({ "patch": name, "kernel": release, "loaded": context.kernel.patch(name)?.is_some() }))
}

/// A patch that the kernel refuses would be refused at each boot, so it is not kept. One that stalled is.
fn not_loaded(
    context: &Context,
    release: &str,
    name: &str,
    is_new: bool,
    failure: Failure,
) -> Failure {
    let refused = matches!(failure.status, Status::Refused | Status::Signature);
    let then = if refused && is_new {
        match context.store.uninstall(release, name) {
            Ok(_) => "It was not installed".to_owned(),
            Err(error) => format!("It is installed, and could not be removed: {error:#}"),
        }
    } else {
        "It is installed, and will be loaded at the next boot; `klpctl uninstall` takes it out"
            .to_owned()
    };
    Failure::new(
        failure.status,
        format!("{}\n{then}", failure.message.trim_end()),
    )
}

/// Uninstalls all other patches of this release.
fn supersede(context: &mut Context, release: &str, name: &str) -> Outcome {
    for other in context.store.installed(release)? {
        if other.name != name {
            remove(context, release, &other.name)?;
        }
    }
    Ok(())
}

fn remove(context: &mut Context, release: &str, name: &str) -> Outcome<bool> {
    let removed = context.store.uninstall(release, name)?;
    if removed {
        context.trials()?.release(release, name)?;
        context
            .progress
            .say(&format!("{name}: uninstalled for kernel {release}"));
    }
    Ok(removed)
}

pub fn uninstall(context: &mut Context, args: &Uninstall) -> Outcome<Answer> {
    let _lock = (!context.dry_run).then(|| context.lock()).transpose()?;
    let name = module_name(&args.patch);
    let all = context.store.all()?;
    let releases = releases_with(&all, &name, args.kernel.as_deref());
    if releases.is_empty() && !args.missing_ok {
        return Err(not_installed(&all, &name, args.kernel.as_deref()));
    }
    if context.dry_run && !releases.is_empty() {
        return Ok(Answer::new(
            format!(
                "{name} would be uninstalled for kernel {}\n",
                releases.join(", ")
            ),
            json!({ "status": "success", "patch": name, "kernels": releases, "dry_run": true }),
        ));
    }
    for release in &releases {
        remove(context, release, &name)?;
    }
    if args.now && context.kernel.has_module(&name) {
        disable(context, &name, args.patience.timeout)?;
        unload_module(context, &name)?;
        forget(context, &name)?;
        context.progress.say(&format!("{name}: unloaded"));
    }
    Ok(Answer::new(
        "",
        json!({ "status": "success", "patch": name, "kernels": releases }),
    ))
}

/// The patches of each release.
type Installs = BTreeMap<String, Vec<Installed>>;

/// The releases for which a patch is installed; or the one of that name, if it is.
fn releases_with(all: &Installs, name: &str, only: Option<&str>) -> Vec<String> {
    let with = all.iter().filter(|(release, patches)| {
        only.is_none_or(|only| only == release.as_str()) && patches.iter().any(|it| it.name == name)
    });
    with.map(|(release, _)| release.clone()).collect()
}

fn not_installed(all: &Installs, name: &str, only: Option<&str>) -> Failure {
    let known: Vec<_> = all
        .iter()
        .flat_map(|(release, patches)| patches.iter().map(move |it| (release, &it.name)))
        .map(|(release, name)| format!("{name} for {release}"))
        .collect();
    let known = match known.is_empty() {
        true => "nothing is".to_owned(),
        false => format!("there are: {}", known.join(", ")),
    };
    let of = only.map_or_else(String::new, |only| format!(" for kernel {only}"));
    Failure::new(
        Status::Failed,
        format!("{name} is not installed{of}; {known}"),
    )
}
