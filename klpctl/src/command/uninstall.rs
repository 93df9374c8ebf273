// SPDX-License-Identifier: GPL-2.0-only

//! `uninstall`: removes patches from those that are loaded at boot, and from the kernel.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::boot::load_instead;
use super::install::runs;
use super::remove::remove;
use super::superseded::superseded_by;
use super::unload::{disable, forget, unload_module};
use super::versions::Versions;
use super::{Answer, Context, module_name};
use crate::cli::Uninstall;
use crate::outcome::{Failure, Outcome, Status};
use crate::store::Installed;

pub fn run(context: &mut Context, args: &Uninstall) -> Outcome<Answer> {
    if let Some(other) = args.kernel.as_deref().filter(|it| !runs(context, it))
        && args.now
    {
        let running = context.kernel.release()?;
        return Err(Failure::new(
            Status::Refused,
            format!(
                "`--now` unloads a patch from the running kernel, which is {running}, not {other}; without it, the \
                 patch is uninstalled for {other}"
            ),
        ));
    }
    let _lock = context.lock_to_change()?;
    let all = context.store.all()?;
    let names = matching_names(context, args, &all)?;
    let releases = releases_with(&all, &names, args.kernel.as_deref());
    if releases.is_empty() && !args.missing_ok {
        return Err(not_installed(&all, &names, args.kernel.as_deref()));
    }
    let mut superseded = Vec::new();
    for name in names.iter().filter(|_| args.now) {
        if context.kernel.patch(name)?.is_some() {
            superseded.extend(superseded_by(context, name)?);
        }
    }
    superseded.retain(|it| !names.contains(it));
    if context.dry_run {
        return Ok(would_uninstall(
            context,
            args,
            &names,
            &releases,
            &superseded,
        ));
    }
    for (name, release) in &releases {
        remove(context, release, name)?;
    }
    // Before unloading, so that functions of both stay patched. If one of these is cumulative, it replaces the patch.
    let mut unloaded = load_instead(context, &names, &superseded, args.patience.timeout)?;
    let mut is_unloaded = false;
    for name in names.iter().filter(|_| args.now) {
        if context.kernel.has_module(name) {
            disable(context, name, args.patience.timeout)?;
            unload_module(context, name)?;
            forget(context, name)?;
            context.progress.say(&format!("{name}: unloaded"));
            is_unloaded = true;
        }
    }
    if is_unloaded {
        // Only one of two patches that call the same original can be loaded, so some may have failed above.
        unloaded = load_instead(context, &names, &superseded, args.patience.timeout)?;
    }
    let done = match is_unloaded {
        true => "uninstalled and unloaded",
        false => "uninstalled",
    };
    unloaded.check(&format!("{}: {done}", names.join(", ")))?;
    Ok(Answer::new("", uninstalled(&names, &releases, false)))
}

/// The names of the patches that match the name in the arguments.
fn matching_names(context: &Context, args: &Uninstall, all: &Installs) -> Outcome<Vec<String>> {
    let name = module_name(&args.patch);
    let only = args.kernel.as_deref();
    let installed = all
        .iter()
        .filter(|(release, _)| only.is_none_or(|only| only == release.as_str()));
    let mut versions = Versions::of_installed(installed.flat_map(|(_, patches)| patches));
    if args.now {
        versions.add_loaded(context, context.kernel.patch_names()?)?;
    }
    if args.all_versions {
        let names = versions.all(&name);
        return Ok(match names.is_empty() {
            true => vec![name],
            false => names,
        });
    }
    let one = versions.one(&name).map_err(|mut failure| {
        failure
            .message
            .push_str(", or uninstall all with `--all-versions`");
        failure
    })?;
    Ok(vec![one])
}

fn would_uninstall(
    context: &Context,
    args: &Uninstall,
    names: &[String],
    releases: &Releases,
    superseded: &[String],
) -> Answer {
    let mut text = String::new();
    for (name, release) in releases {
        let _ = writeln!(text, "{name} would be uninstalled for kernel {release}");
    }
    for other in superseded {
        let _ = writeln!(text, "{other} would no longer be superseded");
    }
    for name in names.iter().filter(|_| args.now) {
        if context.kernel.has_module(name) {
            let _ = writeln!(text, "{name} would be unloaded");
        }
    }
    Answer::new(text, uninstalled(names, releases, true))
}

fn uninstalled(names: &[String], releases: &Releases, dry_run: bool) -> serde_json::Value {
    let mut kernels: Vec<_> = releases.iter().map(|(_, release)| release).collect();
    kernels.sort();
    kernels.dedup();
    let mut json = json!({ "status": "success", "patch": names.first(), "patches": names, "kernels": kernels });
    if dry_run {
        json["dry_run"] = json!(true);
    }
    json
}

/// The installed patches, by release.
type Installs = BTreeMap<String, Vec<Installed>>;

/// Names of patches, each with a release for which it is installed.
type Releases = Vec<(String, String)>;

/// The releases for which the patches `names` are installed, limited to `only` if given.
fn releases_with(all: &Installs, names: &[String], only: Option<&str>) -> Releases {
    let mut found = Vec::new();
    for (release, patches) in all {
        if only.is_none_or(|only| only == release) {
            let patches = patches.iter().filter(|it| names.contains(&it.name));
            found.extend(patches.map(|it| (it.name.clone(), release.clone())));
        }
    }
    found
}

fn not_installed(all: &Installs, names: &[String], only: Option<&str>) -> Failure {
    let name = names.join(", ");
    let known: Vec<_> = all
        .iter()
        .flat_map(|(release, patches)| patches.iter().map(move |it| (release, &it.name)))
        .map(|(release, name)| format!("{name} for {release}"))
        .collect();
    let known = match known.is_empty() {
        true => "no patch is installed".to_owned(),
        false => format!("installed patches: {}", known.join(", ")),
    };
    let of = only.map_or_else(String::new, |only| format!(" for kernel {only}"));
    Failure::new(
        Status::Failed,
        format!("{name} is not installed{of}; {known}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::{PATIENCE, RELEASE, SERIES, applied, machine, names};
    use crate::store::tests::{file, module};
    use std::fs;

    #[test]
    fn a_dry_run_unloads_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        context.dry_run = true;
        // Unloading it would fail, because no such module is loaded.
        fs::create_dir_all(dir.path().join("sys/module/klp_is_not_there")).expect("a folder");
        let args = Uninstall {
            patch: "klp_is_not_there".to_owned(),
            kernel: None,
            now: true,
            missing_ok: true,
            all_versions: false,
            patience: PATIENCE,
        };
        run(&mut context, &args).expect("nothing is done");
    }

    #[test]
    fn superseded_patches_are_loaded_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        for (name, more) in [("fix", ""), ("all", "klp_replace=Y\0"), ("later", "")] {
            let patch = module(name, RELEASE, more);
            context.store.install(&patch).expect("written");
        }
        applied(dir.path(), "all");
        context.dry_run = true;
        let mut args = Uninstall {
            patch: "all".to_owned(),
            kernel: None,
            now: true,
            missing_ok: false,
            all_versions: false,
            patience: PATIENCE,
        };
        let would = |context: &mut Context, args: &Uninstall| {
            let answer = run(context, args).expect("nothing is done");
            answer.text.contains("fix would no longer be superseded")
        };
        assert!(would(&mut context, &args));
        args.now = false;
        assert!(!would(&mut context, &args));
    }

    #[test]
    fn versions_are_uninstalled_by_their_series() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        for (name, more) in [
            ("other", "klp_replace=Y\0"),
            ("fix_1_1", SERIES),
            ("fix_1_2", SERIES),
        ] {
            let patch = module(name, RELEASE, more);
            context.store.install(&patch).expect("written");
            context.records.keep(&patch).expect("written");
        }
        let args = |patch: &str| Uninstall {
            patch: patch.to_owned(),
            kernel: Some(RELEASE.to_owned()),
            now: true,
            missing_ok: false,
            all_versions: false,
            patience: PATIENCE,
        };
        let failure = run(&mut context, &args("fix")).expect_err("which one?");
        for part in ["fix_1_1, fix_1_2", "`--all-versions`"] {
            assert!(failure.message.contains(part), "{failure}");
        }
        applied(dir.path(), "fix_1_2");
        context.dry_run = true;
        let mut all = args("fix");
        all.all_versions = true;
        let text = run(&mut context, &all).expect("nothing is done").text;
        assert_eq!(
            text,
            "fix_1_1 would be uninstalled for kernel 6.12.1\n\
             fix_1_2 would be uninstalled for kernel 6.12.1\n\
             other would no longer be superseded\n\
             fix_1_2 would be unloaded\n"
        );
        context.dry_run = false;
        all.now = false;
        run(&mut context, &all).expect("uninstalled");
        assert_eq!(names(&context), ["other"]);
        run(&mut context, &all).expect_err("nothing is installed");
        // A patch that is only loaded is not installed.
        context.dry_run = true;
        let failure = run(&mut context, &args("fix")).expect_err("it is not installed");
        assert!(
            failure.message.contains("fix_1_2 is not installed"),
            "{failure}"
        );
        let missing_ok = Uninstall {
            missing_ok: true,
            ..args("fix")
        };
        let text = run(&mut context, &missing_ok).expect("it is loaded").text;
        assert!(text.contains("fix_1_2 would be unloaded"), "{text}");
    }

    #[test]
    fn unloading_needs_the_running_kernel() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let old = file("fix", "6.12.0", b"1");
        context.store.install(&old).expect("written");
        context.dry_run = true;
        let args = Uninstall {
            patch: "fix".to_owned(),
            kernel: Some("6.12.0".to_owned()),
            now: true,
            missing_ok: false,
            all_versions: false,
            patience: PATIENCE,
        };
        let failure = run(&mut context, &args).expect_err("refused");
        assert!(failure.message.contains("`--now`"), "{failure}");
    }
}
