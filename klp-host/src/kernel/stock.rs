// SPDX-License-Identifier: GPL-2.0-only

//! Prepares Debian's unmodified kernel, with a build folder for its modules.
//!
//! Debian's headers packages lack the Rust parts, so the build folder is made from the source of the
//! same version, with the kernel's configuration and a rustc of the same version.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::built_kernel::Kernel;
use super::config_check::{check_same_layout, own_options};
use super::debian_kernel::DebianKernel;
use super::debian_packages::{self, StockFiles};
use super::debian_release::{self, Release};
use super::kind::{Core, Origin, Profile};
use super::metadata::{KALLSYMS, SITES, TRACEABLE};
use super::options::Options;
use super::source::Source;
use super::stock_metadata;
use super::tools::{self, CommonTools, Tools};
use crate::apt::Archive;
use crate::arch::Arch;
use crate::build_folder::{BuildFolder, make_in};
use crate::cache::Cache;
use crate::host::files::write_atomic;
use crate::host::progress::Step;
use crate::kconfig::{AUTO_CONF, Config};
use crate::tools::needs::Needs;
use crate::tools::toolchain;

/// Part of the cache key: incremented when the contents of the build folder change.
const RECIPE: &str = "4";

/// Returns the packages that [`get`] needs.
pub(super) fn needs(
    cache: &Cache,
    kernel: DebianKernel,
    profile: Profile,
    options: &Options,
) -> Result<Needs> {
    check(profile, options)?;
    Ok(tools::needs()?
        .and(debian_release::needs(cache, kernel))
        .and(stock_metadata::needs(cache, kernel)))
}

/// Returns the kernel, with its build folder created first if the cache does not have it.
pub(super) fn get(
    cache: &Cache,
    kernel: DebianKernel,
    profile: Profile,
    options: &Options,
) -> Result<Kernel> {
    check(profile, options)?;
    let common = CommonTools::find()?;
    let archive = Archive::new(cache);
    debian_release::with_release(&archive, kernel, options.update, |release| {
        get_release(&archive, &common, kernel, release)
    })
}

/// The source and configuration of Debian's kernel. They determine the module of each source file
/// without a build.
#[derive(Clone, Debug)]
pub struct StockSource {
    /// What `uname -r` prints in this kernel.
    pub release: String,
    /// The source tree.
    pub dir: PathBuf,
    /// The configuration.
    pub config: PathBuf,
}

/// Returns the packages that [`source`] needs.
pub fn source_needs(cache: &Cache, kernel: DebianKernel) -> Needs {
    debian_release::needs(cache, kernel).and(Needs::of(&["tar", "xz-utils"]))
}

/// Returns the source, downloaded first if the cache does not have it.
pub fn source(cache: &Cache, kernel: DebianKernel) -> Result<StockSource> {
    let archive = Archive::new(cache);
    debian_release::with_release(&archive, kernel, false, |release| {
        Ok(StockSource {
            release: release.name.clone(),
            dir: debian_packages::source(&archive, kernel, release)?.dir,
            config: debian_packages::stock_files(&archive, release)?.config,
        })
    })
}

/// Refuses options that Debian's kernels do not support.
fn check(profile: Profile, options: &Options) -> Result<()> {
    if profile != Profile::Base {
        bail!(
            "Debian's kernel is not rebuilt and has no profile {}: use --core c or rust",
            profile.name()
        );
    }
    if let Err(why) = options.arch.facts().debians {
        bail!("{why}: use the small kernel, --core c");
    }
    if options.source != Origin::default() {
        bail!("Debian's kernel is not built from source: --source needs --core c or rust");
    }
    Ok(())
}

/// The parts from which the build folder is made.
struct Parts {
    files: StockFiles,
    source: Source,
    tools: Tools,
    /// The kernel's configuration.
    config: Config,
    /// Whether the source tree has the headers of the kernel's flavour, whose options are missing in its
    /// Kconfig files.
    has_own_headers: bool,
}

fn get_release(
    archive: &Archive<'_>,
    common: &CommonTools,
    debian: DebianKernel,
    release: &Release,
) -> Result<Kernel> {
    let cache = archive.cache();
    let arch = Arch::DEBIANS;
    let parts = gather(archive, common, debian, release)?;
    let key = parts
        .source
        .key(common.key())
        .with("release", &release.name)
        .with("recipe", RECIPE)
        // The build folder refers to its source by absolute path.
        .with("cache", cache.root().as_os_str().as_encoded_bytes());
    let entry = cache.entry("kernel", &release.label(debian), &key);
    let mut vars = parts.tools.make_vars(arch);
    vars.push(("KERNELRELEASE".to_owned(), release.name.clone()));
    let kernel = Kernel {
        core: Core::Debian(debian),
        profile: Profile::Base,
        build: BuildFolder {
            release: release.name.clone(),
            arch,
            dir: entry.dir().join("build"),
            env: parts.tools.make_env(),
            vars,
            freestanding: (parts.config.get("RUST") != "y").then(|| parts.tools.freestanding()),
        },
        image: parts.files.image.clone(),
        source: parts.source.dir.clone(),
        core_module: None,
    };
    entry.get_or_resume(|dir| make_folder(&kernel, &parts, dir))?;
    parts
        .tools
        .write_makefile(&kernel.build.dir, &kernel.source, arch)?;
    if let Some(symbols) = stock_metadata::symbols(cache, debian, release, &parts.files)? {
        // Patch builds look for them in the build folder.
        for name in [KALLSYMS, SITES, TRACEABLE] {
            update(&symbols.join(name), &kernel.build.dir.join(name))?;
        }
    }
    Ok(kernel)
}

/// Fetches all parts, in parallel where they are independent.
fn gather(
    archive: &Archive<'_>,
    common: &CommonTools,
    debian: DebianKernel,
    release: &Release,
) -> Result<Parts> {
    std::thread::scope(|scope| {
        let bindgen = scope.spawn(|| common.bindgen(archive.cache()));
        let source = scope.spawn(|| debian_packages::source(archive, debian, release));
        let files = debian_packages::stock_files(archive, release)?;
        let config = Config::read(&files.config)?;
        let version = rustc_version(&config)?;
        let tools = common.with_rust(version, || tools::join(bindgen))?;
        Ok(Parts {
            source: tools::join(source)?,
            tools,
            files,
            config,
            has_own_headers: debian_packages::needs_own_headers(debian),
        })
    })
}

/// Returns the version text of the kernel's rustc, or the default version for a kernel without Rust.
fn rustc_version(config: &Config) -> Result<&str> {
    for option in ["LIVEPATCH", "MODULES"] {
        if config.get(option) != "y" {
            bail!("Debian's kernel was built without CONFIG_{option}: use --core c");
        }
    }
    if config.get("RUST") != "y" {
        return Ok(toolchain::WITHOUT_KERNELS);
    }
    config
        .text("RUSTC_VERSION_TEXT")
        .context("the kernel's configuration has no CONFIG_RUSTC_VERSION_TEXT")
}

/// Creates the build folder.
fn make_folder(kernel: &Kernel, parts: &Parts, dir: &Path) -> Result<()> {
    let step = Step::start(
        &format!(
            "preparing module builds for Debian's {}",
            kernel.build.release
        ),
        "about a minute on two cores",
    );
    let build = dir.join("build");
    fs::create_dir_all(&build).with_context(|| format!("cannot make {}", build.display()))?;
    copy(&parts.files.config, &build.join(".config"))?;
    let log = dir.join("build.log");
    let make = |targets: &[&str]| {
        let BuildFolder { env, vars, .. } = &kernel.build;
        step.run(
            make_in(&kernel.source, &build, env, vars).args(targets),
            &log,
        )
    };
    make(&["olddefconfig"])?;
    let ours = Config::read(&build.join(".config"))?;
    let own = match parts.has_own_headers {
        true => own_options(&parts.config, &ours),
        false => Config::default(),
    };
    check_same_layout(&parts.config, &ours.with(&own))?;
    if own != Config::default() {
        make(&["syncconfig"])?;
        set_options(&build, &own)?;
    }
    make(&["prepare"])?;
    make(&["modules_prepare"])?;
    check_release(&build, &kernel.build.release)?;
    keep_mcount_calls(&build)?;
    // Builds recordmcount, if the changed configuration needs it.
    make(&["scripts"])?;
    copy(&parts.files.symvers, &build.join("Module.symvers"))?;
    copy(&parts.files.vmlinux, &build.join("vmlinux"))?;
    step.done();
    Ok(())
}

/// Sets options in the generated files with the configuration for makefiles, C and Rust.
fn set_options(build: &Path, options: &Config) -> Result<()> {
    type SetIn = fn(&Config, &str) -> String;
    let files: [(&str, SetIn); 3] = [
        (AUTO_CONF, Config::set_in_auto_conf),
        ("include/generated/autoconf.h", Config::set_in_autoconf_h),
        ("include/generated/rustc_cfg", Config::set_in_rustc_cfg),
    ];
    for (path, set_in) in files {
        let path = build.join(path);
        let old = fs::read_to_string(&path);
        let old = old.with_context(|| format!("cannot read {}", path.display()))?;
        write_atomic(&path, &set_in(options, &old))?;
    }
    Ok(())
}

/// Copies a file if the copy differs: a newer copy makes patches recompile.
fn update(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == text) {
        return Ok(());
    }
    write_atomic(to, &text)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Keeps mcount calls in modules.
///
/// Debian's gcc leaves these calls in modules for the kernel to turn into nops. The kernel fails on a module in
/// which they are nops already, as in builds with clang. Kbuild decides by options that users cannot set, so they are
/// changed in the generated configuration.
fn keep_mcount_calls(build: &Path) -> Result<()> {
    let path = build.join(AUTO_CONF);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    write_atomic(&path, &with_mcount_calls(&text))
}

/// Returns `auto.conf` with options by which the mcount calls are recorded and not turned into nops.
fn with_mcount_calls(text: &str) -> String {
    const NOPS: &str = "CONFIG_HAVE_OBJTOOL_NOP_MCOUNT=y\n";
    const BY_OBJTOOL: &str = "CONFIG_FTRACE_MCOUNT_USE_OBJTOOL=y\n";
    const BY_RECORDMCOUNT: &str = "CONFIG_FTRACE_MCOUNT_USE_RECORDMCOUNT=y\n";
    if text.contains(NOPS) {
        return text.replace(NOPS, "");
    }
    // Before 6.2, objtool turns all calls that it records into nops. Recordmcount does not.
    text.replace(BY_OBJTOOL, BY_RECORDMCOUNT)
}

/// Checks the release of the build folder: the kernel refuses modules with another one in their vermagic.
fn check_release(build: &Path, release: &str) -> Result<()> {
    let path = build.join("include/generated/utsrelease.h");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if !text.contains(&format!("\"{release}\"")) {
        bail!("the build folder is for {}, not for {release}", text.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_keep_their_mcount_calls() {
        let common = "CONFIG_A=y\nCONFIG_FTRACE_MCOUNT_USE_OBJTOOL=y\n";
        let of_6_12 = format!("{common}CONFIG_HAVE_OBJTOOL_NOP_MCOUNT=y\n");
        assert_eq!(with_mcount_calls(&of_6_12), common);
        assert_eq!(
            with_mcount_calls(common),
            "CONFIG_A=y\nCONFIG_FTRACE_MCOUNT_USE_RECORDMCOUNT=y\n"
        );
        let of_gcc = "CONFIG_FTRACE_MCOUNT_USE_CC=y\n";
        assert_eq!(with_mcount_calls(of_gcc), of_gcc);
    }
}
