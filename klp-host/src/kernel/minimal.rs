// SPDX-License-Identifier: GPL-2.0-only

//! Our small kernel: only what live patching and its tests need, built from source.

mod fragment;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::build_seed::{self, BuildSeed, BuildSeeds};
use super::built_kernel::Kernel;
use super::changes::Changes;
use super::core_files::CoreFiles;
use super::kind::{Core, Origin, Profile};
use super::options::Options;
use super::source::Source;
use super::tools::{self, CommonTools, Tools};
use super::{debian_packages, debian_release, install, overlay, release};
use crate::apt::Archive;
use crate::arch::Arch;
use crate::build_folder::{BuildFolder, make_in};
use crate::cache::{Cache, Entry, Key};
use crate::host::files::write_atomic;
use crate::host::progress::Step;
use crate::kconfig::Config;
use crate::tools::needs::Needs;
use crate::tools::toolchain;
use fragment::{Form, base, renamed, without};

/// Changed when the build steps change.
const RECIPE: &str = "2";

/// The same for what only the kernel with klp-core has.
const RUST_RECIPE: &str = "1";

/// The source tree with klp-core or with changed files, beside its build.
const OVERLAY: &str = "source";

/// The packages that it takes.
pub(super) fn needs(cache: &Cache, options: &Options) -> Result<Needs> {
    let needs = tools::needs()?;
    Ok(match options.source {
        Origin::Tree(_) => needs,
        Origin::Debian(kernel) => needs.and(debian_release::needs(cache, kernel)),
    })
}

/// Gives the kernel, built when necessary.
pub(super) fn get(
    cache: &Cache,
    core: Core,
    profile: Profile,
    options: &Options,
) -> Result<Kernel> {
    let arch = options.arch;
    check(arch, profile)?;
    let own = Own::read(core, options)?;
    let common = CommonTools::find()?;
    let (source, tools) = gather(cache, &common, options)?;
    let form = Form { arch, profile };
    let family = Family::new(cache, &common, &source, form);
    let entry = family.entry(&own);
    let build = Build {
        tree: match own {
            Own::Nothing => source.dir.clone(),
            _ => entry.dir().join(OVERLAY),
        },
        source: &source,
        starts: family.starts(&entry, &own),
        env: tools.make_env(),
        vars: tools.make_vars(arch),
        fragment: own.fragment(form, &source),
        own,
        form,
    };
    if source.is_users {
        entry.get_updated(|dir| build.run(dir))?;
    } else {
        entry.get_or_resume(|dir| build.run(dir))?;
    }
    if let Own::Changes(_) = build.own {
        // No other build starts from it.
        build_seed::prune(&entry)?;
    }
    let kdir = entry.dir().join("build");
    tools.write_makefile(&kdir, &build.tree, arch)?;
    Ok(Kernel {
        core,
        profile,
        image: kdir.join(arch.facts().image.path),
        source: build.tree,
        core_module: None,
        build: BuildFolder {
            release: release::of_build(&kdir)?,
            arch,
            dir: kdir,
            env: build.env,
            vars: build.vars,
            freestanding: None,
        },
    })
}

/// Refuses what there is not for every architecture.
fn check(arch: Arch, profile: Profile) -> Result<()> {
    ensure!(
        profile != Profile::Debian || arch.facts().config.debian.is_some(),
        "there is no profile {} for {arch}",
        profile.name()
    );
    Ok(())
}

/// The kernel's own files, which its source lacks.
enum Own<'a> {
    Nothing,
    /// klp-core.
    Core(CoreFiles),
    /// Other contents of some files.
    Changes(&'a Changes),
}

impl<'a> Own<'a> {
    fn read(core: Core, options: &'a Options) -> Result<Self> {
        if core == Core::Rust {
            let folder = options.klp_core.as_deref();
            let folder = folder.context(
                "a kernel with klp-core is built in a checkout of klp: cargo xtask kernel build",
            )?;
            return CoreFiles::read(folder).map(Self::Core);
        }
        Ok(options
            .changes
            .as_ref()
            .map_or(Self::Nothing, Self::Changes))
    }

    /// Its name in folders.
    fn name(&self) -> &str {
        match self {
            Self::Nothing => Core::C.name(),
            Self::Core(_) => Core::Rust.name(),
            Self::Changes(changes) => &changes.name,
        }
    }

    /// The required configuration.
    fn fragment(&self, form: Form, source: &Source) -> String {
        let additions = form.additions();
        let choice = match self {
            Self::Core(_) => "CONFIG_LIVEPATCH_RUST=y\n",
            // A tree with klp-core in it would choose that.
            _ if install::is_installed(&source.dir) => "CONFIG_LIVEPATCH_C=y\n",
            _ => "",
        };
        // Kernels whose modules must not be mixed have different releases. With changed files it is that of
        // the unchanged kernel, because another release would rebuild all Rust code.
        let name = match self {
            Self::Changes(_) => Core::C.name(),
            _ => self.name(),
        };
        let release = format!("-klp-{name}-{}", form.name());
        let base = without(&base(form.arch), &Config::parse(additions));
        let base = renamed(base, &source.version);
        format!("{base}\n{additions}\n{choice}CONFIG_LOCALVERSION=\"{release}\"\n")
    }
}

/// Kernels that differ in their livepatch core, or in a few files.
struct Family<'a> {
    cache: &'a Cache,
    source: &'a Source,
    /// `base-7.2.12-1`
    name: String,
    /// All that they have in common; also the key of the one with the C core.
    key: Key,
}

impl<'a> Family<'a> {
    fn new(cache: &'a Cache, common: &CommonTools, source: &'a Source, form: Form) -> Self {
        let key = source
            .key(common.key())
            .with("recipe", RECIPE)
            .with("rustc", toolchain::PINNED)
            .with("config", Own::Nothing.fragment(form, source))
            // The folder names its source by its absolute path.
            .with("cache", cache.root().as_os_str().as_encoded_bytes());
        Self {
            cache,
            source,
            name: format!("{}-{}", form.name(), source.version),
            key,
        }
    }

    fn entry(&self, own: &Own<'_>) -> Entry {
        let (name, key) = match own {
            Own::Nothing => (format!("{}-{}", own.name(), self.name), self.key.clone()),
            Own::Core(files) => {
                let key = self.key.clone().with("recipe of rust", RUST_RECIPE);
                (self.rust_name(), files.key(key))
            }
            Own::Changes(changes) => (
                format!("{}-{}", own.name(), self.name),
                changes.key(self.key.clone()),
            ),
        };
        self.cache.entry("kernel", &name, &key)
    }

    /// The family's key is part of it: by their names relatives are found.
    fn rust_name(&self) -> String {
        format!("{}-{}-{}", Core::Rust.name(), self.name, self.key.short())
    }

    /// Builds of this family to start the build of `entry` from.
    fn starts(&self, entry: &Entry, own: &Own<'_>) -> BuildSeeds {
        let name = self.rust_name();
        let rust = |entries: Vec<Entry>| {
            let others = entries.into_iter().filter(|old| old.dir() != entry.dir());
            others.map(|entry| BuildSeed {
                source: entry.dir().join(OVERLAY),
                entry,
            })
        };
        let c = BuildSeed {
            source: self.source.dir.clone(),
            entry: self.entry(&Own::Nothing),
        };
        if let Own::Changes(_) = own {
            // make detects changes only relative to unchanged files.
            return BuildSeeds {
                finished: vec![c],
                ..BuildSeeds::default()
            };
        }
        let unfinished = if self.source.is_users {
            // Builds of users' trees are in use even while they are brought up to date.
            Vec::new()
        } else {
            self.cache.unfinished("kernel", &name)
        };
        BuildSeeds {
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
            Origin::Tree(tree) => Source::users(tree)?,
            Origin::Debian(kernel) => {
                let archive = Archive::new(cache);
                debian_release::with_release(&archive, *kernel, options.update, |release| {
                    debian_packages::source(&archive, *kernel, release)
                })?
            }
        };
        let tools = common.with_rust(toolchain::PINNED, || tools::join(bindgen))?;
        Ok((source, tools))
    })
}

/// The inputs of a build.
struct Build<'a> {
    source: &'a Source,
    /// The built tree: the source itself, or an overlay of it.
    tree: PathBuf,
    /// What to put into that tree.
    own: Own<'a>,
    /// Builds that have most of it already.
    starts: BuildSeeds,
    env: Vec<(String, String)>,
    vars: Vec<(String, String)>,
    fragment: String,
    form: Form,
}

impl Build<'_> {
    /// Configures and builds in `dir`, incrementally.
    fn run(&self, dir: &Path) -> Result<()> {
        let step = self.start();
        let build = dir.join("build");
        self.prepare(&step, &build)?;
        fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
        let log = dir.join("build.log");
        self.configure(&step, &build, &log)?;
        let image = self.form.arch.facts().image.target;
        self.make(&step, &build, &log, &[image, "modules"])?;
        for old in &self.starts.finished {
            if self.is_replacement_of(old) {
                build_seed::prune(&old.entry)?;
            }
        }
        step.done();
        Ok(())
    }

    /// For a kernel with its own files: makes the tree, and copies a related build.
    fn prepare(&self, step: &Step, build: &Path) -> Result<()> {
        match &self.own {
            Own::Nothing => return Ok(()),
            Own::Core(files) => overlay::create(&self.tree, &self.source.dir, |tree| {
                install::install(tree, files)
            })?,
            Own::Changes(changes) => {
                overlay::create_changed(&self.tree, &self.source.dir, &changes.files)?;
            }
        }
        step.note("taking over what a kernel like it has already");
        self.starts.make(&self.tree, build)?;
        Ok(())
    }

    /// Whether no build will start from that one any more, now that there is a newer one. Builds of
    /// users' trees are updated in place, and need all their files.
    fn is_replacement_of(&self, old: &BuildSeed) -> bool {
        !self.source.is_users && old.source != self.source.dir
    }

    fn start(&self) -> Step {
        let version = &self.source.version;
        let arch = self.form.arch;
        let (additions, minutes) = match self.form.profile {
            Profile::Base => ("", 5),
            Profile::Debug => (" with the kernel's own checkers", 8),
            Profile::Faults => (" with allocations that fail on request", 5),
            Profile::Debian => (" with what Debian's has built in", 12),
        };
        let from_another =
            format!("about {minutes} minutes on two cores, or two from another build");
        let (what, usual) = match &self.own {
            Own::Nothing => (
                String::new(),
                format!("about {minutes} minutes on two cores"),
            ),
            Own::Core(_) => (" with klp-core".to_owned(), from_another),
            Own::Changes(changes) => (format!(", {}", changes.name), from_another),
        };
        Step::start(
            &format!("building the small kernel {version}{what}{additions} for {arch}"),
            &usual,
        )
    }

    /// Makes the configuration and checks that all of the fragment was taken.
    fn configure(&self, step: &Step, build: &Path, log: &Path) -> Result<()> {
        let fragment = build.join("klp.config");
        let is_copied = matches!(self.own, Own::Changes(_)) && build.join(".config").is_file();
        if is_copied && fs::read_to_string(&fragment).is_ok_and(|text| text == self.fragment) {
            return Ok(());
        }
        write_atomic(&fragment, &self.fragment)?;
        let mut all = std::ffi::OsString::from("KCONFIG_ALLCONFIG=");
        all.push(&fragment);
        // Everything off except the fragment and its dependencies.
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
        let mut command = make_in(&self.tree, build, &self.env, &self.vars);
        // Set, though empty, it keeps a mark of the tree's state in git out of the release.
        command.arg("LOCALVERSION=");
        command
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::kernel::core_files::tests::fake_crate;

    const PLAIN: Form = Form {
        arch: Arch::X86,
        profile: Profile::Base,
    };

    /// A kernel with the C core, and one with klp-core.
    fn owns() -> [Own<'static>; 2] {
        let dir = tempfile::tempdir().unwrap();
        fake_crate(dir.path());
        let files = CoreFiles::read(dir.path()).unwrap();
        [Own::Nothing, Own::Core(files)]
    }

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
        let profiles = Profile::value_variants().iter().copied();
        let forms = profiles.flat_map(|profile| Arch::ALL.map(|arch| Form { arch, profile }));
        let texts = |form: Form| owns().map(|own| own.fragment(form, &source));
        for text in forms.flat_map(texts) {
            assert!(!text.contains('%'), "{text}");
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
        let chosen = |own: Own<'_>| {
            let text = own.fragment(PLAIN, &source(dir.path()));
            let config = Config::parse(&text);
            ["LIVEPATCH_C", "LIVEPATCH_RUST"].map(|name| config.get(name) == "y")
        };
        assert_eq!(owns().map(chosen), [[false, false], [false, true]]);
        fs::create_dir_all(dir.path().join(install::FOLDER)).unwrap();
        fs::write(dir.path().join("kernel/livepatch/klp_installed"), "").unwrap();
        assert_eq!(owns().map(chosen), [[true, false], [false, true]]);
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
        let read = || Own::Core(CoreFiles::read(&core).unwrap());
        let old = family("1").entry(&read());
        old.get_or_resume(|_| Ok(())).unwrap();
        fs::write(core.join("src/lib.rs"), "// changed\n").unwrap();
        let new = family("1").entry(&read());
        assert_ne!(new.dir(), old.dir());

        let starts = |family: Family<'_>| -> Vec<_> {
            let starts = family.starts(&new, &read());
            assert!(starts.unfinished.is_empty());
            starts
                .finished
                .iter()
                .map(|start| start.entry.dir().to_owned())
                .collect()
        };
        let c = |key| family(key).entry(&Own::Nothing).dir().to_owned();
        assert_eq!(starts(family("1")), [old.dir().to_owned(), c("1")]);
        assert_eq!(starts(family("2")), [c("2")], "others have other tools");
    }

    #[test]
    fn changed_files_are_another_kernel_that_starts_from_the_unchanged_one() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let source = source(dir.path());
        let family = Family {
            cache: &cache,
            source: &source,
            name: "base-7.2.0".to_owned(),
            key: Key::new(),
        };
        let changes = |content: &str| Changes {
            name: "changed".to_owned(),
            files: [("mm/mincore.c".into(), content.to_owned())].into(),
        };
        let (one, two) = (changes("1"), changes("2"));
        let own = Own::Changes(&one);
        let entry = family.entry(&own);
        assert_ne!(entry.dir(), family.entry(&Own::Changes(&two)).dir());
        assert_ne!(entry.dir(), family.entry(&Own::Nothing).dir());
        let starts = family.starts(&entry, &own);
        assert!(starts.unfinished.is_empty());
        let dirs: Vec<_> = starts
            .finished
            .iter()
            .map(|start| start.entry.dir())
            .collect();
        assert_eq!(dirs, [family.entry(&Own::Nothing).dir()]);
        assert_eq!(
            own.fragment(PLAIN, &source),
            Own::Nothing.fragment(PLAIN, &source)
        );
    }
}
