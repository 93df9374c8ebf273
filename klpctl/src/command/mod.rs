// SPDX-License-Identifier: GPL-2.0-only

//! The commands.

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
mod rollback;
mod sign;
mod status;
mod superseded;
mod unload;

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

/// Where klpctl keeps what it knows until the next boot.
const RECORDS: &str = "/run/klpctl";

/// Where the installed patches are.
const STORE: &str = "/var/lib/klpctl";

/// How long another klpctl may hold the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(300);

/// What a command answers.
#[derive(Debug)]
struct Answer {
    status: Status,
    /// For people.
    text: String,
    /// For programs.
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

/// What commands work with.
struct Context {
    kernel: Kernel,
    records: Records,
    store: Store,
    progress: Progress,
    dry_run: bool,
}

impl Context {
    /// Takes the lock, for a command that changes something.
    fn lock(&self) -> Outcome<Lock> {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::new(
                Status::Failed,
                "only root can change live patches; try `sudo klpctl ..`",
            ));
        }
        Lock::take(self.records.dir(), LOCK_PATIENCE)
    }

    /// The marks of installed patches that are on trial or held out.
    fn trials(&self) -> Trials<'_> {
        Trials::new(&self.store, &self.kernel)
    }

    /// Remembers the last step, and forgets the patches that are neither part of it nor in the kernel.
    fn set_step(&self, step: Option<&Step>) -> Outcome {
        let loaded = self.kernel.patch_names()?;
        Ok(self.records.set_step(step, &loaded)?)
    }

    /// The patch of that name, or the one in transition.
    fn named(&self, name: Option<&str>) -> Outcome<Option<Patch>> {
        let Some(name) = name else {
            let patches = self.kernel.patches()?;
            return Ok(patches.into_iter().find(|patch| patch.transition));
        };
        self.patch(name).map(Some)
    }

    fn patch(&self, name: &str) -> Outcome<Patch> {
        self.kernel.patch(name)?.ok_or_else(|| self.no_patch(name))
    }

    fn no_patch(&self, name: &str) -> Failure {
        let names = self.kernel.patch_names().unwrap_or_default();
        let known = match names.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are: {}", names.join(", ")),
        };
        Failure::new(Status::Failed, format!("there is no patch {name}; {known}"))
    }
}

/// Module names have underscores where their files may have dashes.
fn module_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Runs a command and prints its answer.
pub fn run(cli: Cli) -> ExitCode {
    let mut context = Context {
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
        Command::Uninstall(uninstall) => install::uninstall(context, &uninstall),
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
