// SPDX-License-Identifier: GPL-2.0-only

//! Our small kernel: only what live patching and its tests need, built from source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::apt::Archive;
use super::config::Config;
use super::core_files::CoreFiles;
use super::line::STOCK;
use super::source::Source;
use super::start::{self, Start, Starts};
use super::tools::{self, CommonTools, Tools};
use super::{BuildFolder, Core, Kernel, Options, Profile, debian, forest, install, release};
use crate::cache::{Cache, Entry, Key};
use crate::host::files::write_atomic;
use crate::host::needs::Needs;
use crate::host::progress::Step;
use crate::host::toolchain;

/// Changes when the kernel is to be built in another way.
const RECIPE: &str = "2";

/// The same for what only the kernel with klp-core has.
const RUST_RECIPE: &str = "1";

/// The source tree with klp-core, beside its build.
const FOREST: &str = "source";

const BASE: &str = include_str!("config/base.config");
const DEBUG: &str = include_str!("config/debug.config");

/// The packages that it takes.
pub(super) fn needs(cache: &Cache, options: &Options) -> Result<Needs> {
    let needs = tools::needs()?;
    Ok(match &options.source {
        Some(_) => needs,
        None => needs.and(debian::needs(cache, &STOCK)),
    })
}

/// Gives the kernel, built when necessary.
pub(super) fn get(
    cache: &Cache,
    core: Core,
    profile: Profile,
    options: &Options,
) -> Result<Kernel> {
    let rust = match core {
        Core::Rust => {
            let folder = options.klp_core.as_deref();
            Some(CoreFiles::read(folder.context(
                "a kernel with klp-core is built in a checkout of klp: cargo xtask kernel build",
            )?)?)
        }
        _ => None,
    };
    let common = CommonTools::find()?;
    let (source, tools) = gather(cache, &common, options)?;
    let family = Family::new(cache, &common, &source, profile);
    let entry = match &rust {
        Some(files) => family.with_rust(files),
        None => family.with_c(),
    };
    let build = Build {
        tree: match &rust {
            Some(_) => entry.dir().join(FOREST),
            None => source.dir.clone(),
        },
        source: &source,
        rust: rust.as_ref(),
        starts: family.starts(&entry),
        env: tools.make_env(),
        vars: tools.make_vars(),
        fragment: fragment(core, profile, &source),
        profile,
    };
    if source.is_users {
        entry.get_updated(|dir| build.run(dir))?;
    } else {
        entry.get_or_resume(|dir| build.run(dir))?;
    }
    let kdir = entry.dir().join("build");
    tools.write_makefile(&kdir, &build.tree)?;
    Ok(Kernel {
        core,
        profile,
        image: kdir.join("arch/x86/boot/bzImage"),
        source: build.tree,
        build: BuildFolder {
            release: release::of_build(&kdir)?,
            dir: kdir,
            env: build.env,
            vars: build.vars,
            freestanding: None,
        },
    })
}

/// Kernels that differ in nothing but their livepatch core.
struct Family<'a> {
    cache: &'a Cache,
    source: &'a Source,
    /// `base-7.2.12-1`
    name: String,
    /// All that they have in common; also the key of the one with the C core.
    key: Key,
}

impl<'a> Family<'a> {
    fn new(cache: &'a Cache, common: &CommonTools, source: &'a Source, profile: Profile) -> Self {
        let key = source
            .key(common.key())
            .with("recipe", RECIPE)
            .with("rustc", toolchain::PINNED)
            .with("config", fragment(Core::C, profile, source))
            // The folder names its source by its absolute path.
            .with("cache", cache.root().as_os_str().as_encoded_bytes());
        Self {
            cache,
            source,
            name: format!("{}-{}", profile.name(), source.version),
            key,
        }
    }

    fn with_c(&self) -> Entry {
        let name = format!("{}-{}", Core::C.name(), self.name);
        self.cache.entry("kernel", &name, &self.key)
    }

    fn with_rust(&self, files: &CoreFiles) -> Entry {
        let key = self.key.clone().with("recipe of rust", RUST_RECIPE);
        self.cache
            .entry("kernel", &self.rust_name(), &files.key(key))
    }

    /// The family's key is part of it: by their names relatives are found.
    fn rust_name(&self) -> String {
        format!("{}-{}-{}", Core::Rust.name(), self.name, self.key.short())
    }

    /// Builds of this family to start the build of `entry` from.
    fn starts(&self, entry: &Entry) -> Starts {
        let name = self.rust_name();
        let rust = |entries: Vec<Entry>| {
            let others = entries.into_iter().filter(|old| old.dir() != entry.dir());
            others.map(|entry| Start {
                source: entry.dir().join(FOREST),
                entry,
            })
        };
        let c = Start {
            source: self.source.dir.clone(),
            entry: self.with_c(),
        };
        let unfinished = if self.source.is_users {
            // Builds of users' trees are in use even while they are brought up to date.
            Vec::new()
        } else {
            self.cache.unfinished("kernel", &name)
        };
        Starts {
            finished: rust(self.cache.ready("kernel", &name)).chain([c]).collect(),
            unfinished: rust(unfinished).collect(),
        }
    }
}

/// Gets the source and the tools at the same time.
fn gather(cache: &Cache, common: &CommonTools, options: &Options) -> Result<(Source, Tools)> {
    std::thread::scope(|scope| {
        let bindgen = scope.spawn(|| common.bindgen(cache));
        let source = match &options.source {
            Some(tree) => Source::users(tree)?,
            None => {
                let archive = Archive::new(cache);
                debian::with_release(&archive, &STOCK, options.update, |release| {
                    Source::debian(&archive, release)
                })?
            }
        };
        let tools = common.with_rust(toolchain::PINNED, || tools::join(bindgen))?;
        Ok((source, tools))
    })
}

/// What the configuration must have.
fn fragment(core: Core, profile: Profile, source: &Source) -> String {
    let checkers = match profile {
        Profile::Base => "",
        Profile::Debug => DEBUG,
    };
    let choice = match core {
        Core::Rust => "CONFIG_LIVEPATCH_RUST=y\n",
        // A tree with klp-core in it would choose that.
        _ if install::is_installed(&source.dir) => "CONFIG_LIVEPATCH_C=y\n",
        _ => "",
    };
    // Kernels whose modules must not be mixed up have different releases.
    let release = format!("-klp-{}-{}", core.name(), profile.name());
    format!("{BASE}\n{checkers}\n{choice}CONFIG_LOCALVERSION=\"{release}\"\n")
}

/// All that a build needs to know.
struct Build<'a> {
    source: &'a Source,
    /// What is built: the source itself, or a tree that stands on it.
    tree: PathBuf,
    /// The core to put into that tree.
    rust: Option<&'a CoreFiles>,
    /// Builds that have most of it already.
    starts: Starts,
    env: Vec<(String, String)>,
    vars: Vec<(String, String)>,
    fragment: String,
    profile: Profile,
}

impl Build<'_> {
    /// Configures and builds in `dir`, going on from what is there.
    fn run(&self, dir: &Path) -> Result<()> {
        let step = self.start();
        let build = dir.join("build");
        self.prepare(&step, &build)?;
        fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
        let log = dir.join("build.log");
        self.configure(&step, &build, &log)?;
        self.make(&step, &build, &log, &["bzImage", "modules"])?;
        for old in &self.starts.finished {
            if self.is_replacement_of(old) {
                start::thin_out(&old.entry)?;
            }
        }
        step.done();
        Ok(())
    }

    /// Makes the tree and takes over what another build has, for a kernel with klp-core.
    fn prepare(&self, step: &Step, build: &Path) -> Result<()> {
        let Some(files) = self.rust else {
            return Ok(());
        };
        forest::plant(&self.tree, &self.source.dir, |tree| {
            install::install(tree, files)
        })?;
        step.note("taking over what a kernel like it has already");
        self.starts.make(&self.tree, build)?;
        Ok(())
    }

    /// Whether nobody will start from that build any more, now that there is a newer one. What
    /// users' trees are built into is brought up to date in its place, and needs all it has.
    fn is_replacement_of(&self, old: &Start) -> bool {
        !self.source.is_users && old.source != self.source.dir
    }

    fn start(&self) -> Step {
        let version = &self.source.version;
        let (checkers, minutes) = match self.profile {
            Profile::Base => ("", 5),
            Profile::Debug => (" with the kernel's own checkers", 8),
        };
        let (core, usual) = match self.rust {
            None => ("", format!("about {minutes} minutes on two cores")),
            Some(_) => (
                " with klp-core",
                format!("about {minutes} minutes on two cores, or two from another build"),
            ),
        };
        Step::start(
            &format!("building the small kernel {version}{core}{checkers}"),
            &usual,
        )
    }

    /// Makes the configuration and checks that all of the fragment was taken.
    fn configure(&self, step: &Step, build: &Path, log: &Path) -> Result<()> {
        let fragment = build.join("klp.config");
        write_atomic(&fragment, &self.fragment)?;
        let mut all = std::ffi::OsString::from("KCONFIG_ALLCONFIG=");
        all.push(&fragment);
        // Everything off but the fragment and what it needs.
        step.run(self.command(build).arg(all).arg("allnoconfig"), log)?;
        let config = Config::read(&build.join(".config"))?;
        let lost = Config::parse(&self.fragment).not_taken_by(&config);
        if !lost.is_empty() {
            bail!(
                "the kernel source {} does not take these options, because it does not know them \
                 or something that they need is off:\n    {}",
                self.source.dir.display(),
                lost.join("\n    ")
            );
        }
        Ok(())
    }

    fn make(&self, step: &Step, build: &Path, log: &Path, targets: &[&str]) -> Result<()> {
        step.run(self.command(build).args(targets), log)
    }

    fn command(&self, build: &Path) -> std::process::Command {
        let mut command = tools::make_in(&self.tree, build, &self.env, &self.vars);
        // Set, though empty, it keeps a mark of the tree's state in git out of the release.
        command.arg("LOCALVERSION=");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::core_files::tests::fake_crate;

    const CORES: [Core; 2] = [Core::C, Core::Rust];

    fn source(dir: &Path) -> Source {
        Source {
            dir: dir.to_owned(),
            version: "7.2.0".to_owned(),
            is_users: false,
        }
    }

    #[test]
    fn fragments_say_nothing_twice() {
        let source = source(Path::new("/none"));
        for text in CORES.map(|core| fragment(core, Profile::Debug, &source)) {
            let mut options: Vec<_> = text
                .lines()
                .filter_map(|line| line.split_once('=').map(|(name, _)| name))
                .collect();
            let all = options.len();
            options.sort_unstable();
            options.dedup();
            assert_eq!(options.len(), all);
        }
    }

    #[test]
    fn the_core_is_chosen_where_there_is_a_choice() {
        let dir = tempfile::tempdir().unwrap();
        let chosen = |core| {
            let text = fragment(core, Profile::Base, &source(dir.path()));
            let config = Config::parse(&text);
            ["LIVEPATCH_C", "LIVEPATCH_RUST"].map(|name| config.get(name) == "y")
        };
        assert_eq!(CORES.map(chosen), [[false, false], [false, true]]);
        fs::create_dir_all(dir.path().join(install::FOLDER)).unwrap();
        fs::write(dir.path().join("kernel/livepatch/klp_installed"), "").unwrap();
        assert_eq!(CORES.map(chosen), [[true, false], [false, true]]);
    }

    #[test]
    fn a_changed_core_is_another_kernel_that_starts_from_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let source = source(dir.path());
        let family = |key: &str| Family {
            cache: &cache,
            source: &source,
            name: "base-7.2.0".to_owned(),
            key: Key::new().with("tools", key),
        };
        let core = dir.path().join("core");
        fake_crate(&core);
        let old = family("1").with_rust(&CoreFiles::read(&core).unwrap());
        old.get_or_resume(|_| Ok(())).unwrap();
        fs::write(core.join("src/lib.rs"), "// changed\n").unwrap();
        let new = family("1").with_rust(&CoreFiles::read(&core).unwrap());
        assert_ne!(new.dir(), old.dir());

        let starts = |family: Family<'_>| -> Vec<_> {
            let starts = family.starts(&new);
            assert!(starts.unfinished.is_empty());
            starts
                .finished
                .iter()
                .map(|start| start.entry.dir().to_owned())
                .collect()
        };
        let c = |key| family(key).with_c().dir().to_owned();
        assert_eq!(starts(family("1")), [old.dir().to_owned(), c("1")]);
        assert_eq!(starts(family("2")), [c("2")], "others have other tools");
    }
}
