// SPDX-License-Identifier: GPL-2.0-only

//! Builds the small kernel, which has only what live patching and its tests need, from source.

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

/// Part of the cache key: incremented when the build steps change.
const RECIPE: &str = "2";

/// The same for build steps of the kernel with klp-core only.
const RUST_RECIPE: &str = "1";

/// The folder of the source tree with klp-core or changed files, beside its build folder.
const OVERLAY: &str = "source";

/// Returns the packages that [`get`] needs.
pub(super) fn needs(cache: &Cache, options: &Options) -> Result<Needs> {
    let needs = tools::needs()?;
    Ok(match options.source {
        Origin::Tree(_) => needs,
        Origin::Debian(kernel) => needs.and(debian_release::needs(cache, kernel)),
    })
}

/// Returns the kernel, built first if the cache does not have it.
pub(super) fn get(
    cache: &Cache,
    core: Core,
    profile: Profile,
    options: &Options,
) -> Result<Kernel> {
    let arch = options.arch;
    check(arch, profile)?;
    let variant = Variant::read(core, options)?;
    let common = CommonTools::find()?;
    let (source, tools) = gather(cache, &common, options)?;
    let form = Form { arch, profile };
    let family = Family::new(cache, &common, &source, form);
    let entry = family.entry(&variant);
    let build = Build {
        tree: match variant {
            Variant::Plain => source.dir.clone(),
            _ => entry.dir().join(OVERLAY),
        },
        source: &source,
        seeds: family.seeds(&entry, &variant),
        env: tools.make_env(),
        vars: tools.make_vars(arch),
        fragment: variant.fragment(form, &source),
        variant,
        form,
    };
    if source.is_local {
        entry.get_updated(|dir| build.run(dir))?;
    } else {
        entry.get_or_resume(|dir| build.run(dir))?;
    }
    if let Variant::Changed(_) = build.variant {
        // It does not seed other builds.
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

/// Refuses a profile that the architecture does not have.
fn check(arch: Arch, profile: Profile) -> Result<()> {
    ensure!(
        profile != Profile::Debian || arch.facts().config.debian.is_some(),
        "there is no profile {} for {arch}",
        profile.name()
    );
    Ok(())
}

/// A variant of the small kernel, by what is added to its source.
enum Variant<'a> {
    /// The unmodified source, with the C core.
    Plain,
    /// With klp-core.
    WithCore(CoreFiles),
    /// With changed files.
    Changed(&'a Changes),
}

impl<'a> Variant<'a> {
    fn read(core: Core, options: &'a Options) -> Result<Self> {
        if core == Core::Rust {
            let folder = options.klp_core.as_deref();
            let folder = folder.context(
                "a kernel with klp-core is built in a checkout of klp: cargo xtask kernel build",
            )?;
            return CoreFiles::read(folder).map(Self::WithCore);
        }
        Ok(options.changes.as_ref().map_or(Self::Plain, Self::Changed))
    }

    /// Returns its name in folder names.
    fn name(&self) -> &str {
        match self {
            Self::Plain => Core::C.name(),
            Self::WithCore(_) => Core::Rust.name(),
            Self::Changed(changes) => &changes.name,
        }
    }

    /// Returns the required configuration.
    fn fragment(&self, form: Form, source: &Source) -> String {
        let additions = form.additions();
        let choice = match self {
            Self::WithCore(_) => "CONFIG_LIVEPATCH_RUST=y\n",
            // A tree with klp-core installed would choose klp-core by default.
            _ if install::is_installed(&source.dir) => "CONFIG_LIVEPATCH_C=y\n",
            _ => "",
        };
        // Releases differ, so that a kernel refuses modules of another one. Changed files keep the release of
        // the unchanged kernel, because another one would rebuild all Rust code.
        let name = match self {
            Self::Changed(_) => Core::C.name(),
            _ => self.name(),
        };
        let release = format!("-klp-{name}-{}", form.name());
        let base = without(&base(form.arch), &Config::parse(additions));
        let base = renamed(base, &source.version);
        format!("{base}\n{additions}\n{choice}CONFIG_LOCALVERSION=\"{release}\"\n")
    }
}

/// Kernels that differ only in their livepatch core or in a few source files.
struct Family<'a> {
    cache: &'a Cache,
    source: &'a Source,
    /// `base-7.2.12-1`
    name: String,
    /// The key of their common inputs, which is also that of the plain variant.
    key: Key,
}

impl<'a> Family<'a> {
    fn new(cache: &'a Cache, common: &CommonTools, source: &'a Source, form: Form) -> Self {
        let key = source
            .key(common.key())
            .with("recipe", RECIPE)
            .with("rustc", toolchain::PINNED)
            .with("config", Variant::Plain.fragment(form, source))
            // The build folder refers to its source by absolute path.
            .with("cache", cache.root().as_os_str().as_encoded_bytes());
        Self {
            cache,
            source,
            name: format!("{}-{}", form.name(), source.version),
            key,
        }
    }

    fn entry(&self, variant: &Variant<'_>) -> Entry {
        let (name, key) = match variant {
            Variant::Plain => (
                format!("{}-{}", variant.name(), self.name),
                self.key.clone(),
            ),
            Variant::WithCore(files) => {
                let key = self.key.clone().with("recipe of rust", RUST_RECIPE);
                (self.rust_name(), files.key(key))
            }
            Variant::Changed(changes) => (
                format!("{}-{}", variant.name(), self.name),
                changes.key(self.key.clone()),
            ),
        };
        self.cache.entry("kernel", &name, &key)
    }

    /// Returns the name of the variants with klp-core. The family's key is part of it, because seeds are
    /// found by name.
    fn rust_name(&self) -> String {
        format!("{}-{}-{}", Core::Rust.name(), self.name, self.key.short())
    }

    /// Returns the builds of this family that can seed `entry`.
    fn seeds(&self, entry: &Entry, variant: &Variant<'_>) -> BuildSeeds {
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
            entry: self.entry(&Variant::Plain),
        };
        if let Variant::Changed(_) = variant {
            // make detects changed files only against a build of the unchanged ones.
            return BuildSeeds {
                finished: vec![c],
                ..BuildSeeds::default()
            };
        }
        let unfinished = if self.source.is_local {
            // Builds of local trees are updated in place: an incomplete one may be in use.
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

/// Fetches the source and the tools in parallel.
fn gather(cache: &Cache, common: &CommonTools, options: &Options) -> Result<(Source, Tools)> {
    std::thread::scope(|scope| {
        let bindgen = scope.spawn(|| common.bindgen(cache));
        let source = match &options.source {
            Origin::Tree(tree) => Source::local(tree)?,
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
    /// The tree to build: the source itself, or an overlay.
    tree: PathBuf,
    variant: Variant<'a>,
    seeds: BuildSeeds,
    env: Vec<(String, String)>,
    vars: Vec<(String, String)>,
    fragment: String,
    form: Form,
}

impl Build<'_> {
    /// Configures and builds the kernel in `dir`, incrementally.
    fn run(&self, dir: &Path) -> Result<()> {
        let step = self.start();
        let build = dir.join("build");
        self.prepare(&step, &build)?;
        fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
        let log = dir.join("build.log");
        self.configure(&step, &build, &log)?;
        let image = self.form.arch.facts().image.target;
        self.make(&step, &build, &log, &[image, "modules"])?;
        for old in &self.seeds.finished {
            if self.replaces(old) {
                build_seed::prune(&old.entry)?;
            }
        }
        step.done();
        Ok(())
    }

    /// Creates the overlay, if the variant needs one, and seeds the build.
    fn prepare(&self, step: &Step, build: &Path) -> Result<()> {
        match &self.variant {
            Variant::Plain => return Ok(()),
            Variant::WithCore(files) => overlay::create(&self.tree, &self.source.dir, |tree| {
                install::install(tree, files)
            })?,
            Variant::Changed(changes) => {
                overlay::create_changed(&self.tree, &self.source.dir, &changes.files)?;
            }
        }
        step.note("reusing a related build");
        self.seeds.seed(&self.tree, build)?;
        Ok(())
    }

    /// Whether this build replaces another one as a seed. Builds of local trees are updated in place and
    /// need all their files.
    fn replaces(&self, old: &BuildSeed) -> bool {
        !self.source.is_local && old.source != self.source.dir
    }

    fn start(&self) -> Step {
        let version = &self.source.version;
        let arch = self.form.arch;
        let (additions, minutes) = match self.form.profile {
            Profile::Base => ("", 5),
            Profile::Debug => (" with debug checkers", 8),
            Profile::Faults => (" with fault injection", 5),
            Profile::Debian => (" with Debian's built-in options", 12),
        };
        let seeded = format!("about {minutes} minutes on two cores, or two with a related build");
        let (what, usual) = match &self.variant {
            Variant::Plain => (
                String::new(),
                format!("about {minutes} minutes on two cores"),
            ),
            Variant::WithCore(_) => (" with klp-core".to_owned(), seeded),
            Variant::Changed(changes) => (format!(", {}", changes.name), seeded),
        };
        Step::start(
            &format!("building the small kernel {version}{what}{additions} for {arch}"),
            &usual,
        )
    }

    /// Writes the configuration, and checks that all options of the fragment are set.
    fn configure(&self, step: &Step, build: &Path, log: &Path) -> Result<()> {
        let fragment = build.join("klp.config");
        let is_copied =
            matches!(self.variant, Variant::Changed(_)) && build.join(".config").is_file();
        if is_copied && fs::read_to_string(&fragment).is_ok_and(|text| text == self.fragment) {
            return Ok(());
        }
        write_atomic(&fragment, &self.fragment)?;
        let mut all = std::ffi::OsString::from("KCONFIG_ALLCONFIG=");
        all.push(&fragment);
        // Disables everything except the fragment and what it selects.
        step.run(self.command(build).arg(all).arg("allnoconfig"), log)?;
        let config = Config::read(&build.join(".config"))?;
        let lost = Config::parse(&self.fragment).overridden_in(&config);
        if !lost.is_empty() {
            bail!(
                "the kernel source {} does not have these options, or their dependencies are not \
                 met:\n    {}",
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
        // An empty value keeps the tree's git state out of the release.
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

    /// Returns the variants with the C core and with klp-core.
    fn variants() -> [Variant<'static>; 2] {
        let dir = tempfile::tempdir().unwrap();
        fake_crate(dir.path());
        let files = CoreFiles::read(dir.path()).unwrap();
        [Variant::Plain, Variant::WithCore(files)]
    }

    fn source(dir: &Path) -> Source {
        Source {
            dir: dir.to_owned(),
            version: "7.2.0".to_owned(),
            is_local: false,
        }
    }

    #[test]
    fn fragments_set_no_option_twice() {
        let source = source(Path::new("/none"));
        let profiles = Profile::value_variants().iter().copied();
        let forms = profiles.flat_map(|profile| Arch::ALL.map(|arch| Form { arch, profile }));
        let texts = |form: Form| variants().map(|variant| variant.fragment(form, &source));
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
    fn the_fragment_selects_the_core_if_both_exist() {
        let dir = tempfile::tempdir().unwrap();
        let chosen = |variant: Variant<'_>| {
            let text = variant.fragment(PLAIN, &source(dir.path()));
            let config = Config::parse(&text);
            ["LIVEPATCH_C", "LIVEPATCH_RUST"].map(|name| config.get(name) == "y")
        };
        assert_eq!(variants().map(chosen), [[false, false], [false, true]]);
        fs::create_dir_all(dir.path().join(install::FOLDER)).unwrap();
        fs::write(dir.path().join("kernel/livepatch/klp_installed"), "").unwrap();
        assert_eq!(variants().map(chosen), [[true, false], [false, true]]);
    }

    #[test]
    fn a_changed_core_is_a_new_entry_seeded_by_the_old_one() {
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
        let read = || Variant::WithCore(CoreFiles::read(&core).unwrap());
        let old = family("1").entry(&read());
        old.get_or_resume(|_| Ok(())).unwrap();
        fs::write(core.join("src/lib.rs"), "// changed\n").unwrap();
        let new = family("1").entry(&read());
        assert_ne!(new.dir(), old.dir());

        let seeds = |family: Family<'_>| -> Vec<_> {
            let seeds = family.seeds(&new, &read());
            assert!(seeds.unfinished.is_empty());
            seeds
                .finished
                .iter()
                .map(|seed| seed.entry.dir().to_owned())
                .collect()
        };
        let c = |key| family(key).entry(&Variant::Plain).dir().to_owned();
        assert_eq!(seeds(family("1")), [old.dir().to_owned(), c("1")]);
        assert_eq!(seeds(family("2")), [c("2")], "the others have other tools");
    }

    #[test]
    fn changed_files_are_a_new_entry_seeded_by_the_plain_one() {
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
        let variant = Variant::Changed(&one);
        let entry = family.entry(&variant);
        assert_ne!(entry.dir(), family.entry(&Variant::Changed(&two)).dir());
        assert_ne!(entry.dir(), family.entry(&Variant::Plain).dir());
        let seeds = family.seeds(&entry, &variant);
        assert!(seeds.unfinished.is_empty());
        let dirs: Vec<_> = seeds.finished.iter().map(|seed| seed.entry.dir()).collect();
        assert_eq!(dirs, [family.entry(&Variant::Plain).dir()]);
        assert_eq!(
            variant.fragment(PLAIN, &source),
            Variant::Plain.fragment(PLAIN, &source)
        );
    }
}
