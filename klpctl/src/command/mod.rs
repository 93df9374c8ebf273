// SPDX-License-Identifier: GPL-2.0-only

//! The commands, and what they share.

mod blockers;
mod boot;
mod fixes;
mod force;
mod generate;
mod info;
mod install;
mod installed;
mod load;
mod metrics;
mod remove;
mod rollback;
mod sign;
mod status;
mod superseded;
mod uninstall;
mod unload;
mod versions;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Cli, Command};
use crate::journal::{self, Priority};
use crate::kernel::Kernel;
use crate::kernel::patches::Patch;
use crate::lock::Lock;
use crate::outcome::{Failure, Outcome, Status};
use crate::output::Progress;
use crate::records::{Records, Step};
use crate::store::Store;
use crate::trial::Trials;

use versions::Versions;

/// The folder of the records, which last until the next boot.
const RECORDS: &str = "/run/klpctl";

/// The folder of the installed patches.
const STORE: &str = "/var/lib/klpctl";

/// How long to wait for the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(300);

/// The output of a command.
#[derive(Debug)]
struct Answer {
    status: Status,
    /// The output without `--json`.
    text: String,
    /// The output with `--json`.
    json: Value,
}

impl Answer {
    fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            status: Status::Success,
            text: text.into(),
            json,
        }
    }
}

/// The environment of a command.
struct Context {
    /// The user is root, who alone can change live patches.
    is_root: bool,
    /// How long to wait for the lock.
    lock_patience: Duration,
    kernel: Kernel,
    records: Records,
    store: Store,
    progress: Progress,
    dry_run: bool,
}

impl Context {
    /// Takes the lock for a command that changes something. The state may change while it waits, so the command reads
    /// it afterwards.
    fn lock(&self) -> Outcome<Lock> {
        if !self.is_root {
            return Err(Failure::new(
                Status::Failed,
                "only root can change live patches; try `sudo klpctl ..`",
            ));
        }
        Lock::take(self.records.dir(), self.lock_patience)
    }

    /// Takes the lock, unless it is a dry run.
    fn lock_to_change(&self) -> Outcome<Option<Lock>> {
        (!self.dry_run).then(|| self.lock()).transpose()
    }

    /// The marks of installed patches that are on trial or held out.
    fn trials(&self) -> Trials<'_> {
        Trials::new(&self.store, &self.kernel)
    }

    /// Records the last step, and removes the records of patches that are neither part of it nor in the kernel.
    fn set_step(&self, step: Option<&Step>) -> Outcome {
        let loaded = self.kernel.patch_names()?;
        Ok(self.records.set_step(step, &loaded)?)
    }

    /// The patch of that name, or the one in transition.
    fn named(&self, name: Option<&str>) -> Outcome<Option<Patch>> {
        let Some(name) = name else {
            return Ok(self.kernel.in_transition()?);
        };
        self.patch(name).map(Some)
    }

    /// The name of the loaded patch with the module name or series `name`.
    fn loaded_name(&self, name: &str) -> Outcome<String> {
        let mut loaded = Versions::default();
        loaded.add_loaded(self, self.kernel.patch_names()?)?;
        loaded.one(&module_name(name))
    }

    /// The same; the patch in transition takes precedence.
    fn name_in_transition(&self, name: &str) -> Outcome<String> {
        let changing = self.kernel.in_transition()?;
        let mut versions = Versions::default();
        versions.add_loaded(self, changing.map(|patch| patch.name))?;
        let found = versions.one(&module_name(name))?;
        match versions.has(&found) {
            true => Ok(found),
            false => self.loaded_name(name),
        }
    }

    fn patch(&self, name: &str) -> Outcome<Patch> {
        self.kernel.patch(name)?.ok_or_else(|| self.no_patch(name))
    }

    fn no_patch(&self, name: &str) -> Failure {
        let names = self.kernel.patch_names().unwrap_or_default();
        let known = match names.is_empty() {
            true => "no patch is loaded".to_owned(),
            false => format!("loaded patches: {}", names.join(", ")),
        };
        Failure::new(Status::Failed, format!("there is no patch {name}; {known}"))
    }
}

/// Module names have underscores where file names may have dashes.
fn module_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Runs a command and prints its output.
pub fn run(cli: Cli) -> ExitCode {
    let mut context = Context {
        is_root: rustix::process::geteuid().is_root(),
        lock_patience: LOCK_PATIENCE,
        kernel: Kernel::running(),
        records: Records::at(Path::new(RECORDS)),
        store: Store::at(Path::new(STORE)),
        progress: Progress::new(),
        dry_run: cli.dry_run,
    };
    let json = cli.json;
    match dispatch(&mut context, cli.command) {
        Ok(answer) => {
            match json {
                true => println!("{:#}", answer.json),
                false => print!("{}", answer.text),
            }
            answer.status.into()
        }
        Err(failure) => {
            context.progress.end();
            journal::write(Priority::Error, &failure.message);
            match json {
                true => println!(
                    "{:#}",
                    json!({ "status": failure.status.word(), "message": failure.message })
                ),
                false => eprintln!("error: {failure}"),
            }
            failure.status.into()
        }
    }
}

fn dispatch(context: &mut Context, command: Command) -> Outcome<Answer> {
    match command {
        Command::Load(load) => load::run(context, &load, load::Mode::Load),
        Command::Replace(load) => load::run(context, &load, load::Mode::Replace),
        Command::Unload(unload) => unload::run(context, &unload),
        Command::Rollback(patience) => rollback::run(context, patience),
        Command::Install(install) => install::install(context, &install),
        Command::Uninstall(uninstall) => uninstall::run(context, &uninstall),
        Command::Boot(boot) => boot::run(context, &boot),
        Command::List => status::list(context),
        Command::Status => status::status(context),
        Command::Metrics(metrics) => metrics::run(context, &metrics),
        Command::Facts(facts) => status::facts(context, &facts),
        Command::Sign(sign) => sign::sign(context, &sign),
        Command::Verify(verify) => sign::verify(context, &verify),
        Command::Generate(generate) => generate::run(context, &generate),
        Command::Info(info) => info::run(context, &info),
        Command::Fixes(fixes) => fixes::run(context, &fixes),
        Command::Blockers(named) => blockers::list(context, &named),
        Command::Signal(named) => blockers::signal(context, &named),
        Command::Force(force) => force::run(context, &force),
    }
}

#[cfg(test)]
mod tests {
    use super::install::tests::{RELEASE, applied, hold, machine};
    use super::*;
    use crate::store::tests::file;
    use clap::Parser as _;
    use std::fs;

    const CHANGING: [&[&str]; 12] = [
        &["load", "FILE"],
        &["replace", "FILE"],
        &["unload", "old"],
        &["rollback"],
        &["install", "--unchecked", "FILE"],
        &["install", "--unchecked", "--now", "--replace", "FILE"],
        &["uninstall", "old"],
        &["boot"],
        &["boot", "--retry", "old"],
        &["boot", "--healthy"],
        &["signal"],
        &["force", "--yes", "old"],
    ];

    fn command(words: &[&str]) -> Command {
        let words = [&["klpctl"], words].concat();
        Cli::try_parse_from(words).expect("valid").command
    }

    /// A machine on which a patch is loaded, in transition, installed and held out.
    fn busy(dir: &Path) -> Context {
        let context = machine(dir);
        applied(dir, "old");
        fs::write(dir.join("sys/kernel/livepatch/old/transition"), "1").expect("a file");
        context
            .store
            .install(&file("old", RELEASE, b"1"))
            .expect("written");
        hold(dir, "old");
        context.trials().begin("old").expect("written");
        let step = Step {
            loaded: "old".to_owned(),
            replaced: Vec::new(),
        };
        context.set_step(Some(&step)).expect("written");
        context
    }

    /// The files below a folder, with their contents.
    fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => found.extend(contents(&path)),
                path => found.push((path.clone(), fs::read(path).expect("a file"))),
            }
        }
        found.sort();
        found
    }

    #[test]
    fn nothing_changes_while_the_lock_is_held() {
        let dir = tempfile::tempdir().expect("a folder");
        let patch = crate::store::tests::module("new", RELEASE, "");
        let path = dir.path().join("new.ko");
        fs::write(&path, &patch.module).expect("a file");
        let mut context = busy(dir.path());
        let _other = context.lock().expect("free");
        let before = contents(dir.path());
        for words in CHANGING {
            let path = path.to_str().expect("plain");
            let words: Vec<_> = words
                .iter()
                .map(|&it| if it == "FILE" { path } else { it })
                .collect();
            let failure = dispatch(&mut context, command(&words)).expect_err("it is locked");
            assert_eq!(failure.status, Status::Conflict, "{words:?}: {failure}");
            assert!(contents(dir.path()) == before, "{words:?}");
        }
    }

    /// The output of a command that waits for the lock while the machine changes.
    fn after(change: impl Fn(&Path) + Sync, words: &[&str]) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let mut context = busy(dir.path());
        context.lock_patience = LOCK_PATIENCE;
        let other = context.lock().expect("free");
        let command = command(words);
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                change(dir.path());
                drop(other);
            });
            dispatch(&mut context, command)
        });
        ended.expect_err("there is nothing to do").message
    }

    #[test]
    fn the_state_is_read_after_locking() {
        let ended = |dir: &Path| {
            let transition = dir.join("sys/kernel/livepatch/old/transition");
            fs::write(transition, "0").expect("a file");
        };
        let message = after(ended, &["force", "--yes", "old"]);
        assert!(message.contains("not in transition"), "{message}");
        let unloaded = |dir: &Path| {
            for path in ["sys/kernel/livepatch/old", "sys/module/old"] {
                fs::remove_dir_all(dir.join(path)).expect("removed");
            }
        };
        let message = after(unloaded, &["unload", "old"]);
        assert!(message.contains("no patch old"), "{message}");
        let message = after(unloaded, &["signal", "old"]);
        assert!(message.contains("no patch old"), "{message}");
        let released = |dir: &Path| {
            let held = dir.join("var").join(RELEASE).join("held/old");
            fs::remove_file(held).expect("removed");
        };
        let message = after(released, &["boot", "--retry", "old"]);
        assert!(message.contains("not held out"), "{message}");
    }
}
