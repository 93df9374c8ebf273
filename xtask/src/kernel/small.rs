// SPDX-License-Identifier: GPL-2.0-only

//! Our small kernel: only what live patching and its tests need, built from source.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::config::Config;
use super::source::Source;
use super::tools::{self, CommonTools, Tools};
use super::{Core, Kernel, Options, Profile, debian};
use crate::cache::{Cache, write_whole};
use crate::host::progress::{Step, say};
use crate::host::{bindgen, process, toolchain};

/// Changes when the kernel is to be built in another way.
const RECIPE: &str = "1";

const BASE: &str = include_str!("config/base.config");
const DEBUG: &str = include_str!("config/debug.config");

/// Gives the kernel, built when necessary.
pub fn get(cache: &Cache, profile: Profile, options: &Options) -> Result<Kernel> {
    let common = CommonTools::ensure()?;
    let (source, tools) = gather(cache, &common, options)?;
    let fragment = fragment(profile);
    let key = source
        .key(common.key())
        .with("recipe", RECIPE)
        .with("rustc", toolchain::PINNED)
        .with("config", &fragment)
        // The folder names its source by its absolute path.
        .with("cache", cache.root().as_os_str().as_encoded_bytes());
    let name = format!("{}-{}-{}", Core::C.name(), profile.name(), source.version);
    let entry = cache.entry("kernel", &name, &key);
    let build = Build {
        source: &source,
        env: tools.make_env(),
        vars: tools.make_vars(),
        fragment,
        profile,
    };
    if source.is_users {
        entry.get_updated(|dir| build.run(dir))?;
    } else {
        entry.get_or_resume(|dir| build.run(dir))?;
    }
    let kdir = entry.dir().join("build");
    tools.write_makefile(&kdir, &source.dir)?;
    Ok(Kernel {
        core: Core::C,
        profile,
        release: release(&kdir)?,
        image: kdir.join("arch/x86/boot/bzImage"),
        kdir,
        source: source.dir.clone(),
        make_env: build.env,
        make_vars: build.vars,
    })
}

/// Gets the source and the tools at the same time.
fn gather(cache: &Cache, common: &CommonTools, options: &Options) -> Result<(Source, Tools)> {
    std::thread::scope(|scope| {
        let bindgen = scope.spawn(|| bindgen::ensure(cache));
        let source = match &options.source {
            Some(tree) => Source::users(tree)?,
            None => debian_source(cache, options.update)?,
        };
        let tools = common.with_rust(toolchain::PINNED, || tools::join(bindgen))?;
        Ok((source, tools))
    })
}

/// Debian's source. When the release on record is gone from the archive, the current one.
fn debian_source(cache: &Cache, update: bool) -> Result<Source> {
    let release = debian::release(cache, update)?;
    match Source::debian(cache, &release) {
        Err(err) if !process::is_interrupted() && err.is::<debian::Gone>() => {
            let newer = debian::release(cache, true)?;
            if newer == release {
                return Err(err);
            }
            say(&format!("Debian no longer has {release}: taking {newer}"));
            Source::debian(cache, &newer)
        }
        result => result,
    }
}

/// What the configuration must have.
fn fragment(profile: Profile) -> String {
    let checkers = match profile {
        Profile::Base => "",
        Profile::Debug => DEBUG,
    };
    // Kernels whose modules must not be mixed up have different releases.
    let release = format!("-klp-{}-{}", Core::C.name(), profile.name());
    format!("{BASE}\n{checkers}\nCONFIG_LOCALVERSION=\"{release}\"\n")
}

/// What `uname -r` will print.
fn release(build: &Path) -> Result<String> {
    let path = build.join("include/config/kernel.release");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// All that a build needs to know.
struct Build<'a> {
    source: &'a Source,
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
        fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
        let log = dir.join("build.log");
        self.configure(&step, &build, &log)?;
        self.make(&step, &build, &log, &["bzImage", "modules"])?;
        step.done();
        Ok(())
    }

    fn start(&self) -> Step {
        let (title, usual) = match self.profile {
            Profile::Base => ("building the small kernel", "about 6 minutes on two cores"),
            Profile::Debug => (
                "building the small kernel with the kernel's own checkers",
                "about 8 minutes on two cores",
            ),
        };
        Step::start(&format!("{title} {}", self.source.version), usual)
    }

    /// Makes the configuration and checks that all of the fragment was taken.
    fn configure(&self, step: &Step, build: &Path, log: &Path) -> Result<()> {
        let fragment = build.join("klp.config");
        write_whole(&fragment, &self.fragment)?;
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
        let mut command = tools::make_in(&self.source.dir, build, &self.env, &self.vars);
        // Set, though empty, it keeps a mark of the tree's state in git out of the release.
        command.arg("LOCALVERSION=");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_say_nothing_twice() {
        for text in [Profile::Base, Profile::Debug].map(fragment) {
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
    fn the_release_is_what_the_build_wrote() {
        let dir = tempfile::tempdir().unwrap();
        assert!(release(dir.path()).is_err());
        let path = dir.path().join("include/config");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("kernel.release"), "7.2.12-klp-c-base\n").unwrap();
        assert_eq!(release(dir.path()).unwrap(), "7.2.12-klp-c-base");
    }
}
