// SPDX-License-Identifier: GPL-2.0-only

//! `install`: adds patches to those that are loaded at boot.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use super::installed::is_other_build;
use super::load::{self, apply};
use super::remove::remove;
use super::superseded::superseding;
use super::versions::{Versions, check_name, series};
use super::{Answer, Context};
use crate::cli::Install;
use crate::durable;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::PatchFile;
use crate::precheck;
use crate::records::Step;
use crate::store::{Installed, release_of};
use crate::units;

pub fn install(context: &mut Context, args: &Install) -> Outcome<Answer> {
    // All files are checked before anything changes.
    let files = args
        .files
        .iter()
        .map(|path| PatchFile::open(path))
        .collect::<Outcome<Vec<_>>>()?;
    for file in &files {
        let release = release_of(file)?;
        let runs = runs(context, &release);
        check_name(context, &release, file)?;
        if runs && !args.unchecked {
            for warning in precheck::for_later(&context.kernel, file)? {
                context.progress.say(&format!("warning: {warning}"));
            }
        }
        if args.now && !runs {
            let running = context.kernel.release()?;
            return Err(Failure::new(
                Status::Refused,
                format!(
                    "{} was built for kernel {release}, but the running kernel is {running}; without `--now` it is \
                     installed for that kernel",
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
    warn_about_shutdown(context)?;
    Ok(Answer::new(
        "",
        json!({ "status": "success", "installed": json }),
    ))
}

/// Warns if patches are on trial and nothing tells an orderly shutdown from a crash, as after a package installation that
/// was not allowed to start units.
fn warn_about_shutdown(context: &mut Context) -> Outcome {
    if !context.trials().on_trial()?.is_empty() && units::is_inactive(&context.kernel, units::TRIAL)
    {
        context.progress.say(&format!(
            "warning: {0} is not active, so the next shutdown counts as a crash, and patches on trial are held out \
             after it; `systemctl start {0}` prevents that",
            units::TRIAL
        ));
    }
    Ok(())
}

/// Whether this kernel is running. False without procfs, as while an image is built.
pub(super) fn runs(context: &Context, release: &str) -> bool {
    context
        .kernel
        .release()
        .is_ok_and(|running| running == release)
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
    let runs = runs(context, &release);
    check_name(context, &release, file)?;
    let is_loaded = runs && context.kernel.patch(name)?.is_some();
    let before = Before::find(context, &release, name)?;
    if let Some(why) = context.trials().held(&release)?.remove(name)
        && before.as_ref().is_some_and(|it| it.module == file.module)
    {
        // A package whose script was interrupted by the crash is configured again unattended.
        context.progress.say(&format!(
            "warning: {name} is installed, but stays held out: {why}; `klpctl boot --retry {name}` retries it"
        ));
        return Ok(json!({ "patch": name, "kernel": release, "loaded": is_loaded }));
    }
    let mut superseded = superseding(context, &release, name)?;
    if args.replace {
        superseded = None;
    }
    let is_same = before.as_ref().is_some_and(|it| it.module == file.module);
    let versions = Versions::of_installed(&context.store.installed(&release)?);
    let is_version = |by: &str| versions.all(series(&file.info)).iter().any(|it| it == by);
    if let Some(by) = superseded.take_if(|by| is_same && !is_version(&by.name))
        && (by.loaded || !args.now)
    {
        // Its package may be configured again at any time.
        context.progress.say(&format!(
            "note: {name} is installed, but is superseded by {}, so it is not loaded",
            by.name
        ));
        return Ok(json!({ "patch": name, "kernel": release, "loaded": false }));
    }
    // A patch that is newer than a cumulative one must not be replaced by it.
    let goes_last = superseded.is_some_and(|by| by.installed);
    let position = Position {
        goes_last,
        is_new: before.is_none(),
        loaded: match runs {
            true => context.kernel.patch_names()?,
            false => Vec::new(),
        },
    };
    if is_loaded && before.is_none() {
        // It will be loaded at each boot, so it is on trial.
        context.trials().begin(name)?;
    }
    context.store.install(file)?;
    if is_loaded && !is_same && another_build_is_loaded(context, &release, name)? {
        // The loaded build is no longer installed. The installed one is on trial once it is loaded.
        context.trials().withdraw(name)?;
    }
    context
        .progress
        .say(&format!("{name}: installed for kernel {release}"));
    if args.now
        && !is_loaded
        && let Err(failure) = load_now(context, file, args)
    {
        if !is_refused(&failure) {
            take_position(context, &release, file, &position)?;
        }
        return Err(undo_if_refused(context, &release, name, before, failure));
    }
    take_position(context, &release, file, &position)?;
    // The mark was for another build.
    context.trials().release(&release, name)?;
    if args.replace {
        // Only after success: a machine must not lose its patches for one that is refused.
        uninstall_others(context, &release, name)?;
    }
    if is_loaded {
        note_other_build(context, &release, name)?;
    }
    let loaded = runs && context.kernel.patch(name)?.is_some();
    Ok(json!({ "patch": name, "kernel": release, "loaded": loaded }))
}

/// The position of a patch in the load order.
struct Position {
    /// It goes to the end.
    goes_last: bool,
    /// No patch of its name was installed before.
    is_new: bool,
    /// The patches that were loaded before.
    loaded: Vec<String>,
}

/// Moves an installed patch to its position, and uninstalls its other versions. The loaded version stays until the
/// machine is [healthy](super::remove::drop_older_versions): it is superseded, and loaded again if the machine goes down
/// with the new one.
fn take_position(
    context: &mut Context,
    release: &str,
    file: &PatchFile,
    position: &Position,
) -> Outcome {
    let name = &file.info.name;
    if position.goes_last {
        context.store.move_last(release, name)?;
    }
    if file.info.series.is_none() {
        return Ok(());
    }
    let installed = context.store.installed(release)?;
    let mut others = Versions::of_installed(&installed).all(series(&file.info));
    others.retain(|other| other != name);
    let before = installed.iter().take_while(|it| it.name != *name);
    let before: Vec<_> = before.map(|it| it.name.as_str()).collect();
    for other in &others {
        let is_kept = position.loaded.contains(other) || !position.is_new;
        if !(file.info.cumulative && is_kept && before.contains(&other.as_str())) {
            remove(context, release, other)?;
        }
    }
    Ok(())
}

/// Whether the loaded build of a patch is not the installed one.
fn another_build_is_loaded(context: &Context, release: &str, name: &str) -> Outcome<bool> {
    let installed = context.store.find(release, name)?;
    Ok(installed.is_some_and(|it| is_other_build(context, &it)))
}

/// Notes that another build of the patch stays loaded.
fn note_other_build(context: &mut Context, release: &str, name: &str) -> Outcome {
    if another_build_is_loaded(context, release, name)? {
        context.progress.say(&format!(
            "note: another build of {name} stays loaded until the next boot; `klpctl unload {name}` and `klpctl boot` \
             load the installed one, with the functions unpatched in between; a cumulative patch with another name \
             leaves no gap"
        ));
    }
    Ok(())
}

fn load_now(context: &mut Context, file: &PatchFile, args: &Install) -> Outcome {
    load::check(context, file, args.unchecked)?;
    let applied = apply(context, file, args.patience.timeout)?;
    context.progress.say(&load::applied_line(&applied));
    context.set_step(Some(&Step {
        loaded: applied.name,
        replaced: applied.replaced,
    }))
}

/// The patch of the same name that was installed before.
struct Before {
    path: PathBuf,
    module: Vec<u8>,
}

impl Before {
    fn find(context: &Context, release: &str, name: &str) -> Outcome<Option<Self>> {
        let Some(Installed { path, .. }) = context.store.find(release, name)? else {
            return Ok(None);
        };
        let module = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Self { path, module }))
    }
}

/// Whether the patch would also be refused at each boot.
fn is_refused(failure: &Failure) -> bool {
    matches!(failure.status, Status::Refused | Status::Signature)
}

/// Restores the previous state if the patch was refused, because it would be refused at each boot. A patch that stalled
/// stays installed. Adds this to the failure.
fn undo_if_refused(
    context: &Context,
    release: &str,
    name: &str,
    before: Option<Before>,
    failure: Failure,
) -> Failure {
    let done = match (is_refused(&failure), before) {
        (true, None) => context
            .store
            .uninstall(release, name)
            .map(|_| "it was not installed"),
        (true, Some(before)) => durable::write(&before.path, &before.module)
            .map(|()| "it was not installed; the previously installed build stays"),
        (false, _) => context
            .trials()
            .release(release, name)
            .map(|_| {
                "it is installed, and will be loaded at the next boot; `klpctl uninstall` removes it"
            }),
    };
    let then = done.map_or_else(
        |error| format!("it is installed, but its state could not be updated: {error:#}"),
        str::to_owned,
    );
    Failure::new(
        failure.status,
        format!("{}\n{then}", failure.message.trim_end()),
    )
}

/// Uninstalls all other patches for this release.
fn uninstall_others(context: &mut Context, release: &str, name: &str) -> Outcome {
    for other in context.store.installed(release)? {
        if other.name != name {
            remove(context, release, &other.name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::Patience;
    use crate::kernel::Kernel;
    use crate::output::Progress;
    use crate::records::Records;
    use crate::store::Store;
    use crate::store::tests::{file, module};
    use std::path::Path;
    use std::time::Duration;

    pub(crate) const RELEASE: &str = "6.12.1";

    /// The context of a machine with this kernel release, without live patching.
    pub(crate) fn machine(dir: &Path) -> Context {
        let proc = dir.join("proc/sys/kernel");
        fs::create_dir_all(proc.join("random")).expect("a folder");
        fs::write(proc.join("osrelease"), RELEASE).expect("a file");
        fs::write(proc.join("random/boot_id"), "1").expect("a file");
        Context {
            is_root: true,
            lock_patience: Duration::ZERO,
            kernel: Kernel::at(dir),
            records: Records::at(&dir.join("run")),
            store: Store::at(&dir.join("var")),
            progress: Progress::new(),
            dry_run: false,
        }
    }

    /// Writes the sysfs files of an applied patch.
    pub(crate) fn applied(dir: &Path, name: &str) {
        let patch = dir.join("sys/kernel/livepatch").join(name);
        fs::create_dir_all(&patch).expect("a folder");
        fs::write(patch.join("enabled"), "1").expect("a file");
        fs::write(patch.join("transition"), "0").expect("a file");
        fs::create_dir_all(dir.join("sys/module").join(name)).expect("a folder");
    }

    /// Marks a patch as held out.
    pub(crate) fn hold(dir: &Path, name: &str) {
        let held = dir.join("var").join(RELEASE).join("held");
        fs::create_dir_all(&held).expect("a folder");
        fs::write(held.join(name), "it is so").expect("a file");
    }

    pub(crate) const PATIENCE: Patience = Patience {
        timeout: Duration::ZERO,
    };

    fn arguments() -> Install {
        Install {
            files: Vec::new(),
            now: true,
            replace: true,
            patience: PATIENCE,
            unchecked: true,
        }
    }

    /// Arguments for the next boot, in addition to the installed patches.
    fn for_next_boot() -> Install {
        Install {
            now: false,
            replace: false,
            ..arguments()
        }
    }

    /// The additional modinfo of versions of a cumulative patch.
    pub(crate) const SERIES: &str = "klp_replace=Y\0klp_series=fix\0";

    #[test]
    fn a_refused_patch_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        for name in ["older", "other"] {
            let old = file(name, RELEASE, b"1");
            context.store.install(&old).expect("written");
        }
        let new = file("new", RELEASE, b"2");
        let failure = install_one(&mut context, &new, &arguments()).expect_err("no live patching");
        assert_eq!(failure.status, Status::Refused);
        let installed = context.store.installed(RELEASE).expect("readable");
        let names: Vec<_> = installed.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["older", "other"]);

        // An installed patch of the same name is kept too, and stays held out.
        hold(dir.path(), "older");
        let newer = file("older", RELEASE, b"2");
        install_one(&mut context, &newer, &arguments()).expect_err("no live patching");
        let module = fs::read(&installed[0].path).expect("there");
        assert_eq!(module, b"1");
        let held = context.trials().held(RELEASE);
        assert!(held.expect("readable").contains_key("older"));
    }

    #[test]
    fn patches_for_other_kernels_are_not_on_trial() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        applied(dir.path(), "fix");
        let args = Install {
            now: false,
            ..arguments()
        };
        let next = file("fix", "6.12.2", b"1");
        let answer = install_one(&mut context, &next, &args).expect("installed");
        assert_eq!(answer["loaded"], false);
        let on_trial = || context.trials().on_trial();
        assert_eq!(on_trial().expect("readable"), Vec::<String>::new());
        let this = file("fix", RELEASE, b"1");
        let answer = install_one(&mut context, &this, &args).expect("installed");
        assert_eq!(answer["loaded"], true);
        let trials = context.trials();
        assert_eq!(trials.on_trial().expect("readable"), ["fix"]);
    }

    #[test]
    fn a_build_that_is_not_loaded_is_not_on_trial() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let args = for_next_boot();
        let build =
            |srcversion: &str| module("fix", RELEASE, &format!("srcversion={srcversion}\0"));
        context.store.install(&build("A")).expect("written");
        applied(dir.path(), "fix");
        let srcversion = dir.path().join("sys/module/fix/srcversion");
        fs::write(srcversion, "A\n").expect("a file");
        let on_trial = |context: &Context| context.trials().on_trial().expect("readable");
        // The loaded build was healthy. A power cut must not hold it out.
        for srcversion in ["A", "B", "A"] {
            install_one(&mut context, &build(srcversion), &args).expect("installed");
            assert_eq!(on_trial(&context), Vec::<String>::new());
        }
        context.trials().begin("fix").expect("written");
        install_one(&mut context, &build("A"), &args).expect("the same");
        assert_eq!(on_trial(&context), ["fix"]);
        install_one(&mut context, &build("B"), &args).expect("installed");
        assert_eq!(on_trial(&context), Vec::<String>::new());
    }

    #[test]
    fn only_newer_builds_of_superseded_patches_are_loaded() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        for (name, more) in [("fix", ""), ("all", "klp_replace=Y\0")] {
            let patch = module(name, RELEASE, more);
            context.store.install(&patch).expect("written");
        }
        applied(dir.path(), "all");
        let args = Install {
            replace: false,
            ..arguments()
        };
        let same = module("fix", RELEASE, "");
        let answer = install_one(&mut context, &same, &args).expect("nothing is done");
        assert_eq!(answer["loaded"], false);
        assert_eq!(names(&context), ["fix", "all"]);
        let unmet = module("fix", RELEASE, "depends=missing\0");
        install_one(&mut context, &unmet, &args).expect_err("refused");
        assert_eq!(names(&context), ["fix", "all"]);
        let args = Install { now: false, ..args };
        let newer = module("fix", RELEASE, "version=2\0");
        install_one(&mut context, &newer, &args).expect("installed");
        assert_eq!(names(&context), ["all", "fix"]);
    }

    #[test]
    fn another_patch_of_the_same_name_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let args = for_next_boot();
        let modinfo = |series: &str, version: &str| {
            format!("klp_replace=Y\0klp_series={series}\0version={version}\0")
        };
        let first = module("fix_1_2", RELEASE, &modinfo("fix", "1.2"));
        install_one(&mut context, &first, &args).expect("installed");
        install_one(&mut context, &first, &args).expect("the same");
        let others = [
            ("fix_1", "2", "version 2 of fix_1"),
            ("fix", "1~2", "version 1~2 of fix"),
        ];
        for (series, version, described) in others {
            let other = module("fix_1_2", RELEASE, &modinfo(series, version));
            for args in [&args, &arguments()] {
                let failure = install_one(&mut context, &other, args).expect_err("another one");
                assert_eq!(failure.status, Status::Conflict);
                for part in ["fix_1_2", "version 1.2 of fix", described] {
                    assert!(failure.message.contains(part), "{failure}");
                }
            }
        }
        let plain = module("fix_1_2", RELEASE, "version=3\0");
        install_one(&mut context, &plain, &args).expect_err("another one");
        let installed = context.store.find(RELEASE, "fix_1_2").expect("readable");
        let module_there = installed.expect("there").open().expect("whole").module;
        assert!(module_there == first.module);
        // The name is free for another kernel. A patch that klpctl loaded takes it, too.
        let next = module("fix_1_2", "6.12.2", &modinfo("fix_1", "2"));
        install_one(&mut context, &next, &args).expect("installed");
        remove(&mut context, RELEASE, "fix_1_2").expect("uninstalled");
        context.records.keep(&first).expect("written");
        install_one(&mut context, &plain, &args).expect("the name is free");
        remove(&mut context, RELEASE, "fix_1_2").expect("uninstalled");
        applied(dir.path(), "fix_1_2");
        let failure = install_one(&mut context, &plain, &args).expect_err("the name is taken");
        assert!(
            failure
                .message
                .contains("is already loaded as version 1.2 of fix"),
            "{failure}"
        );
    }

    #[test]
    fn a_version_replaces_the_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let args = for_next_boot();
        for (name, more) in [
            ("fix", "klp_replace=Y\0"),
            ("other", ""),
            ("fix_1_1", SERIES),
            ("fix_1_2", SERIES),
        ] {
            let patch = module(name, RELEASE, more);
            install_one(&mut context, &patch, &args).expect("installed");
        }
        assert_eq!(names(&context), ["other", "fix_1_2"]);
    }

    /// The names of the installed patches, in load order.
    pub(crate) fn names(context: &Context) -> Vec<String> {
        let installed = context.store.installed(RELEASE).expect("readable");
        installed.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn a_replacing_patch_is_not_superseded() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let fix = module("fix", RELEASE, "");
        context.store.install(&fix).expect("written");
        let all = module("all", RELEASE, "klp_replace=Y\0");
        context.store.install(&all).expect("written");
        let args = Install {
            now: false,
            ..arguments()
        };
        install_one(&mut context, &fix, &args).expect("installed");
        assert_eq!(names(&context), ["fix"]);
    }

    #[test]
    fn patches_that_are_not_superseded_are_loaded_now() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let fix = module("fix", RELEASE, "");
        for patch in [&fix, &module("all", RELEASE, "klp_replace=Y\0")] {
            context.store.install(patch).expect("written");
        }
        let mut args = Install {
            replace: false,
            ..arguments()
        };
        install_one(&mut context, &fix, &args).expect_err("tried, without live patching");
        args.now = false;
        install_one(&mut context, &fix, &args).expect("nothing is done");
        assert_eq!(names(&context), ["fix", "all"]);
    }

    #[test]
    fn the_loaded_version_stays_until_the_newer_one_is_healthy() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let args = for_next_boot();
        let mut install = |name| {
            let patch = module(name, RELEASE, SERIES);
            install_one(&mut context, &patch, &args).expect("installed");
            names(&context)
        };
        install("fix_1_0");
        assert_eq!(install("fix_1_1"), ["fix_1_1"], "neither was loaded");
        applied(dir.path(), "fix_1_1");
        assert_eq!(install("fix_1_2"), ["fix_1_1", "fix_1_2"]);
        assert_eq!(install("fix_1_2"), ["fix_1_1", "fix_1_2"]);
        // The older one is requested again.
        assert_eq!(install("fix_1_1"), ["fix_1_1"]);
        install("fix_1_2");
        fs::remove_dir_all(dir.path().join("sys/kernel/livepatch/fix_1_1")).expect("removed");
        applied(dir.path(), "fix_1_2");
        assert_eq!(install("fix_1_2"), ["fix_1_1", "fix_1_2"], "it is on trial");
        assert_eq!(install("fix_1_1"), ["fix_1_2", "fix_1_1"]);
    }

    #[test]
    fn installing_needs_no_procfs() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        fs::remove_dir_all(dir.path().join("proc")).expect("removed");
        let args = Install {
            now: false,
            ..arguments()
        };
        let patch = file("fix", RELEASE, b"1");
        install_one(&mut context, &patch, &args).expect("installed");
        remove(&mut context, RELEASE, "fix").expect("uninstalled");
    }

    #[test]
    fn a_held_out_file_stays_held_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = machine(dir.path());
        let patch = file("fix", RELEASE, b"1");
        context.store.install(&patch).expect("written");
        hold(dir.path(), "fix");
        let is_held = |context: &Context| {
            let held = context.trials().held(RELEASE);
            held.expect("readable").contains_key("fix")
        };
        let answer = install_one(&mut context, &patch, &arguments()).expect("installed");
        assert_eq!(answer["loaded"], false);
        assert!(is_held(&context));
        let args = Install {
            now: false,
            ..arguments()
        };
        let newer = file("fix", RELEASE, b"2");
        install_one(&mut context, &newer, &args).expect("installed");
        assert!(!is_held(&context));
    }
}
