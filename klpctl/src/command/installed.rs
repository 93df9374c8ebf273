// SPDX-License-Identifier: GPL-2.0-only

//! The report on installed patches in `status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::boot::{NOT_LOADED, NotLoaded};
use super::superseded::{By, Order};
use crate::durable;
use crate::kernel::DISABLED;
use crate::kernel::identity::Identity;
use crate::kernel::patches::Patch;
use crate::outcome::Outcome;
use crate::store;

/// The installed patches and their states.
#[derive(Debug)]
pub struct Report {
    /// The release of the running kernel.
    release: String,
    /// The patches for the running kernel, in load order.
    here: Vec<Installed>,
    /// The patches for other kernels, by release.
    elsewhere: BTreeMap<String, Vec<String>>,
    /// The kernel's command line disables loading them.
    disabled: bool,
}

/// An installed patch for the running kernel.
#[derive(Debug, Eq, PartialEq, Serialize)]
struct Installed {
    name: String,
    state: State,
    /// Why it is not loaded, or not at the next boot.
    why: Option<String>,
    /// The patch that supersedes it.
    superseded_by: Option<String>,
}

/// The state of an installed patch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Loaded,
    /// Loaded, and held out if the machine goes down now.
    OnTrial,
    /// Another build is loaded: this one was installed later.
    OtherBuild,
    /// A cumulative patch replaces it.
    Superseded,
    /// The machine went down during its trial.
    Held,
    /// Loading it at boot failed.
    Failed,
    /// Loading it was not tried.
    NotLoaded,
}

impl Report {
    pub fn new(context: &Context, release: &str, patches: &[Patch]) -> Outcome<Self> {
        let marks = Marks {
            on_trial: context.trials().on_trial()?,
            held: context.trials().held(release)?,
            failed: durable::read_json(&context.records.dir().join(NOT_LOADED))?
                .unwrap_or_default(),
        };
        let mut all = context.store.all()?;
        let here = all.remove(release).unwrap_or_default();
        let order = Order::new(context, &here, patches)?;
        let presence =
            |it: &store::Installed| match patches.iter().any(|patch| patch.name == it.name) {
                true if is_other_build(context, it) => Presence::OtherBuild,
                true => Presence::Loaded,
                false => order
                    .by(&it.name, |name| marks.is_out(name))
                    .map_or(Presence::Missing, Presence::Superseded),
            };
        Ok(Self {
            release: release.to_owned(),
            here: here
                .iter()
                .map(|it| marks.judge(presence(it), it.name.clone()))
                .collect(),
            elsewhere: all
                .into_iter()
                .map(|(release, patches)| {
                    (release, patches.into_iter().map(|it| it.name).collect())
                })
                .collect(),
            disabled: context.kernel.forbids_patches(),
        })
    }

    /// The text output; empty if nothing is installed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.disabled && !self.here.is_empty() {
            let _ = writeln!(
                text,
                "the kernel's command line has {DISABLED}: installed patches are not loaded at boot"
            );
        }
        if !self.here.is_empty() {
            let _ = writeln!(text, "installed for this kernel:");
        }
        for it in &self.here {
            let _ = writeln!(text, "  {}: {}", it.name, it.describe());
        }
        for (release, names) in &self.elsewhere {
            let _ = writeln!(
                text,
                "installed for kernel {release}, which is not running: {}",
                names.join(", ")
            );
        }
        if self.here.is_empty() && !self.elsewhere.is_empty() {
            let _ = writeln!(
                text,
                "nothing is installed for {}, the kernel that runs",
                self.release
            );
        }
        text
    }

    /// The JSON output.
    pub fn json(&self) -> Value {
        json!({
            "patches": self.here,
            "other_kernels": self.elsewhere,
            "disabled_by_command_line": self.disabled,
        })
    }

    /// The number of patches for the running kernel in each state.
    pub fn counts(&self) -> [(&'static str, usize); State::ALL.len()] {
        State::ALL.map(|state| {
            let count = self.here.iter().filter(|it| it.state == state).count();
            (state.word(), count)
        })
    }

    /// The patches for the running kernel, with their states.
    pub fn states(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.here
            .iter()
            .map(|it| (it.name.as_str(), it.state.word()))
    }
}

impl State {
    const ALL: [Self; 7] = [
        Self::Loaded,
        Self::OnTrial,
        Self::OtherBuild,
        Self::Superseded,
        Self::Held,
        Self::Failed,
        Self::NotLoaded,
    ];

    /// The name in JSON and metrics.
    fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::OnTrial => "on-trial",
            Self::OtherBuild => "other-build",
            Self::Superseded => "superseded",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::NotLoaded => "not-loaded",
        }
    }
}

impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Installed {
    fn describe(&self) -> String {
        let why = self.why.as_deref().unwrap_or_default().trim_end();
        let why = why.replace('\n', "\n    ");
        let name = &self.name;
        match self.state {
            State::Loaded | State::OnTrial if self.why.is_some() => format!(
                "loaded, but held out at the next boot: {why}; `klpctl boot --retry {name}` ends that"
            ),
            State::Loaded => "loaded".to_owned(),
            State::OnTrial => "loaded, and on trial until the machine is called healthy".to_owned(),
            State::OtherBuild if self.why.is_some() => format!(
                "loaded in another build than the one that is installed, which is held out: {why}; `klpctl boot --retry \
                 {name}` ends that"
            ),
            State::OtherBuild => format!(
                "loaded in another build than the one that is installed; the next boot loads that, or `klpctl unload \
                 {name}` and `klpctl boot` now; the functions are unpatched in between"
            ),
            State::Superseded => format!("superseded: {why}"),
            State::Held => {
                format!("held out: {why}; `klpctl boot --retry {name}` tries it again")
            }
            State::Failed => format!("could not be loaded: {why}"),
            State::NotLoaded => "not loaded; `klpctl boot` loads it".to_owned(),
        }
    }
}

/// Whether the kernel has an installed patch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Presence<'a> {
    Loaded,
    OtherBuild,
    Superseded(By<'a>),
    Missing,
}

/// Whether another build of a patch is known to be loaded.
pub fn is_other_build(context: &Context, installed: &store::Installed) -> bool {
    let loaded = context.kernel.loaded_identity(&installed.name);
    let file = Identity::of_file(&installed.path);
    match (loaded, file) {
        (Ok(loaded), Ok(file)) => loaded.differs(&file).is_some(),
        _ => false,
    }
}

/// The trial marks and failures of installed patches.
#[derive(Debug)]
struct Marks {
    on_trial: Vec<String>,
    held: NotLoaded,
    failed: NotLoaded,
}

impl Marks {
    /// Whether a patch of that name is held out or has failed.
    fn is_out(&self, name: &str) -> bool {
        self.held.contains_key(name) || self.failed.contains_key(name)
    }

    fn judge(&self, presence: Presence<'_>, name: String) -> Installed {
        let mut superseded_by = None;
        let (state, why) = match presence {
            Presence::OtherBuild => (State::OtherBuild, self.held.get(&name).cloned()),
            Presence::Loaded => {
                let state = match self.on_trial.contains(&name) {
                    true => State::OnTrial,
                    false => State::Loaded,
                };
                (state, self.held.get(&name).cloned())
            }
            Presence::Superseded(by) => {
                superseded_by = Some(by.name.to_owned());
                let until = match by.installed {
                    true => "",
                    false => " until the next boot",
                };
                let why = format!("{}, a cumulative patch, replaces it{until}", by.name);
                (State::Superseded, Some(why))
            }
            Presence::Missing => match (self.held.get(&name), self.failed.get(&name)) {
                (Some(why), _) => (State::Held, Some(why.clone())),
                (None, Some(why)) => (State::Failed, Some(why.clone())),
                (None, None) => (State::NotLoaded, None),
            },
        };
        Installed {
            name,
            state,
            why,
            superseded_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::{RELEASE, applied, hold, machine};
    use crate::precheck::tests::module;
    use crate::store::tests::file;

    #[test]
    fn each_state_is_shown() {
        let why = |name: &str| NotLoaded::from([(name.to_owned(), "it is so".to_owned())]);
        let marks = Marks {
            on_trial: vec!["b".to_owned(), "c".to_owned()],
            held: why("c"),
            failed: why("d"),
        };
        let by = |installed| {
            Presence::Superseded(By {
                name: "a",
                installed,
            })
        };
        let judged = [
            ("a", Presence::Loaded),
            ("b", Presence::Loaded),
            ("c", Presence::Missing),
            ("d", Presence::Missing),
            ("e", Presence::Missing),
            ("g", Presence::OtherBuild),
            ("h", by(true)),
        ]
        .map(|(name, presence)| marks.judge(presence, name.to_owned()));
        let report = Report {
            release: "6.12.1".to_owned(),
            here: judged.into(),
            elsewhere: BTreeMap::from([("6.12.2".to_owned(), vec!["f".to_owned()])]),
            disabled: false,
        };
        assert_eq!(
            report.text(),
            "installed for this kernel:\n  \
             a: loaded\n  \
             b: loaded, and on trial until the machine is called healthy\n  \
             c: held out: it is so; `klpctl boot --retry c` tries it again\n  \
             d: could not be loaded: it is so\n  \
             e: not loaded; `klpctl boot` loads it\n  \
             g: loaded in another build than the one that is installed; the next boot loads that, or `klpctl unload g` \
             and `klpctl boot` now; the functions are unpatched in between\n  \
             h: superseded: a, a cumulative patch, replaces it\n\
             installed for kernel 6.12.2, which is not running: f\n"
        );
        assert_eq!(report.json()["patches"][2]["state"], "held");
        assert_eq!(report.json()["patches"][6]["superseded_by"], "a");
        let held = marks.judge(Presence::OtherBuild, "c".to_owned()).describe();
        assert!(
            held.contains("which is held out: it is so; `klpctl boot --retry c`"),
            "{held}"
        );
        let by_hand = marks.judge(by(false), "i".to_owned()).describe();
        assert!(by_hand.ends_with("it until the next boot"), "{by_hand}");
        assert!(report.counts().iter().all(|(_, count)| *count == 1));
    }

    #[test]
    fn loaded_patches_that_are_held_out_are_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        let file = file("fix", RELEASE, b"1");
        context.store.install(&file).expect("written");
        applied(dir.path(), "fix");
        hold(dir.path(), "fix");
        let patches = context.kernel.patches().expect("readable");
        let report = Report::new(&context, RELEASE, &patches).expect("readable");
        let line = "fix: loaded, but held out at the next boot: it is so; `klpctl boot --retry fix` ends that\n";
        assert!(report.text().contains(line), "{}", report.text());
        assert_eq!(report.json()["patches"][0]["state"], "loaded");
    }

    #[test]
    fn held_out_patches_supersede_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        for (name, more) in [("a", ""), ("b", "klp_replace=Y\0")] {
            let file = crate::store::tests::module(name, RELEASE, more);
            context.store.install(&file).expect("written");
        }
        let states = || {
            let report = Report::new(&context, RELEASE, &[]).expect("readable");
            report.states().map(|(_, state)| state).collect::<Vec<_>>()
        };
        assert_eq!(states(), ["superseded", "not-loaded"]);
        hold(dir.path(), "b");
        assert_eq!(states(), ["not-loaded", "held"]);
    }

    #[test]
    fn a_different_loaded_build_is_detected() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        applied(dir.path(), "fix");
        let srcversion = dir.path().join("sys/module/fix/srcversion");
        std::fs::write(srcversion, "A\n").expect("a file");
        let mut states = Vec::new();
        for build in ["A", "B"] {
            let file = file("fix", RELEASE, &module(b"", build));
            context.store.install(&file).expect("written");
            let patches = context.kernel.patches().expect("readable");
            let report = Report::new(&context, RELEASE, &patches).expect("readable");
            states.extend(report.states().map(|(_, state)| state));
        }
        assert_eq!(states, ["loaded", "other-build"]);
    }
}
