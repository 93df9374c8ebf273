// SPDX-License-Identifier: GPL-2.0-only

//! Kernels that were built elsewhere: a build folder named by the user, or the running kernel's.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::metadata::KernelMetadata;
use super::release;
use super::tools::{self, CommonTools};
use crate::arch::Arch;
use crate::build_folder::BuildFolder;
use crate::cache::Cache;
use crate::host::paths::check_for_make;
use crate::kconfig::{AUTO_CONF, Config};
use crate::tools::needs::Needs;
use crate::tools::toolchain;

/// A kernel that was built elsewhere.
#[derive(Clone, Debug)]
pub struct ExternalKernel {
    /// What modules for it are built against.
    pub build: BuildFolder,
    /// What QEMU boots, if it is there.
    pub image: PathBuf,
    /// The information about its functions.
    pub known: KernelMetadata,
}

impl ExternalKernel {
    /// The packages that [`Self::at`] needs, once it is clear that the folder will do.
    pub fn needs_at(dir: &Path) -> Result<Needs> {
        check(&users_folder(dir)?, Whose::Users)?;
        tools::needs()
    }

    /// The packages that [`Self::running`] needs, once it is clear that the running kernel will do.
    pub fn needs_running() -> Result<Needs> {
        check(&running_folder()?, Whose::Running)?;
        tools::needs()
    }

    /// The architecture of the kernel in this build folder.
    ///
    /// # Errors
    ///
    /// No kernel for patches was built there.
    pub fn arch_at(dir: &Path) -> Result<Arch> {
        check(&users_folder(dir)?, Whose::Users).map(|config| arch(&config))
    }

    /// The kernel of this full build folder.
    pub fn at(dir: &Path) -> Result<Self> {
        let dir = users_folder(dir)?;
        let config = check(&dir, Whose::Users)?;
        Ok(Self {
            image: dir.join(arch(&config).facts().image.path),
            known: KernelMetadata::of_folder(&dir),
            build: build_folder(&dir, &config)?,
        })
    }

    /// The running kernel. `cache` keeps copies of its information.
    pub fn running(cache: &Cache) -> Result<Self> {
        let release = release::of_running()?;
        let dir = running_folder()?;
        let config = check(&dir, Whose::Running)?;
        Ok(Self {
            image: PathBuf::from(format!("/boot/vmlinuz-{release}")),
            known: KernelMetadata::of_running(cache)?.or(KernelMetadata::of_folder(&dir)),
            build: build_folder(&dir, &config)?,
        })
    }
}

fn users_folder(dir: &Path) -> Result<PathBuf> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("there is no kernel build folder {}", dir.display()))?;
    check_for_make(&dir)?;
    Ok(dir)
}

fn running_folder() -> Result<PathBuf> {
    let release = release::of_running()?;
    let headers = Path::new("/lib/modules").join(&release).join("build");
    let dir = headers.canonicalize().with_context(|| {
        format!(
            "the running kernel, {release}, has no build folder {}: build a kernel of your \
             own and give its folder as --kernel, or use --kernel stock",
            headers.display()
        )
    })?;
    check_for_make(&dir)?;
    Ok(dir)
}

/// The owner of the build folder, on which the advice depends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whose {
    Users,
    Running,
}

/// The options that patches need.
const OPTIONS: [(&str, &str); 2] = [
    ("MODULES", "loads no modules"),
    ("LIVEPATCH", "takes no live patches"),
];

/// The files that builds of modules need, with descriptions.
const PARTS: [(&str, &str); 7] = [
    ("Module.symvers", "the kernel's exported symbols"),
    ("include/config/kernel.release", "its release"),
    ("include/generated/autoconf.h", "its configuration for C"),
    ("include/generated/rustc_cfg", "its configuration for Rust"),
    ("scripts/basic/fixdep", "a tool of its makefiles"),
    ("scripts/mod/modpost", "a tool of its makefiles"),
    ("scripts/module.lds", "how modules are linked"),
];

/// The same for kernels with these options.
const PARTS_OF_OPTIONS: [(&str, &str, &str); 2] = [
    ("RUST", "rust/libkernel.rmeta", "the kernel crate"),
    (
        "OBJTOOL",
        "tools/objtool/objtool",
        "a tool of its makefiles",
    ),
];

/// Makes sure that patches can be built for a kernel; gives its configuration.
fn check(dir: &Path, whose: Whose) -> Result<Config> {
    let path = dir.join(AUTO_CONF);
    ensure!(
        path.is_file() && dir.join("Makefile").is_file(),
        "{} is no folder in which a kernel was built: it has no Makefile or no \
         include/config/auto.conf. Give the folder that `make` wrote to (O=)",
        dir.display()
    );
    let config = Config::read(&path)?;
    for (option, consequence) in OPTIONS {
        if config.get(option) == "y" {
            continue;
        }
        match whose {
            Whose::Users => bail!(
                "the kernel in {} is built without CONFIG_{option}, so it {consequence}: set \
                 CONFIG_{option}=y there and build it again",
                dir.display()
            ),
            Whose::Running => bail!(
                "the running kernel is built without CONFIG_{option}, so it {consequence}: boot \
                 another kernel, or use --kernel stock, or --kernel with a build folder of yours"
            ),
        }
    }
    let missing = missing(dir, &config);
    ensure!(
        missing.is_empty(),
        "patches cannot be built in {}, because it lacks:\n  {}\n{}",
        dir.display(),
        missing.join("\n  "),
        match whose {
            Whose::Users => "Build the whole kernel there first, with `make`",
            Whose::Running =>
                "A distribution's headers need not have them: build this kernel's source and give that \
                 folder as --kernel. Debian's kernels need no headers: see `cargo klp kernels`",
        }
    );
    Ok(config)
}

/// The missing files, with descriptions.
fn missing(dir: &Path, config: &Config) -> Vec<String> {
    let of_options = PARTS_OF_OPTIONS
        .into_iter()
        .filter(|(option, ..)| config.get(option) == "y")
        .map(|(_, file, what)| (file, what));
    PARTS
        .into_iter()
        .chain(of_options)
        .filter(|(file, _)| !dir.join(file).is_file())
        .map(|(file, what)| format!("{file} ({what})"))
        .collect()
}

/// The version text of this kernel's compiler; our version for a kernel without Rust.
fn rustc_version<'a>(dir: &Path, config: &'a Config) -> Result<&'a str> {
    if config.get("RUST") != "y" {
        return Ok(toolchain::WITHOUT_KERNELS);
    }
    // Quoted by some kernels, and not by others.
    let version = config
        .text("RUSTC_VERSION_TEXT")
        .unwrap_or_else(|| config.get("RUSTC_VERSION_TEXT"));
    ensure!(
        version.starts_with("rustc "),
        "the configuration of the kernel in {} does not say which rustc built it",
        dir.display()
    );
    Ok(version)
}

/// The architecture; the host's if the configuration has none.
fn arch(config: &Config) -> Arch {
    Arch::with_option(|option| config.get(option) == "y").unwrap_or(Arch::HOST)
}

fn build_folder(dir: &Path, config: &Config) -> Result<BuildFolder> {
    let version = rustc_version(dir, config)?;
    // Before tools are fetched for a folder that cannot be used.
    let release = release::of_build(dir)?;
    let common = CommonTools::find()?;
    let tools = common.with_rust(version, || common.bindgen(&Cache::open()?))?;
    let mut env = tools.make_env();
    // In the environment, so that the build folder's own LLVM setting takes precedence.
    let arch = arch(config);
    env.extend(match config.get("CC_IS_CLANG") {
        "y" => tools.make_vars(arch),
        _ => arch.make_vars(),
    });
    Ok(BuildFolder {
        release,
        arch,
        dir: dir.to_owned(),
        env,
        vars: Vec::new(),
        freestanding: (config.get("RUST") != "y").then(|| tools.freestanding()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A build folder as far as it is looked at.
    fn folder(config: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let parts = PARTS.map(|(path, _)| (path, ""));
        let of_options = PARTS_OF_OPTIONS.map(|(_, path, _)| (path, ""));
        let others = [("include/config/auto.conf", config), ("Makefile", "")];
        for (path, text) in parts.into_iter().chain(of_options).chain(others) {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    const GOOD: &str = "CONFIG_MODULES=y\nCONFIG_LIVEPATCH=y\nCONFIG_RUST=y\n";

    fn refused(dir: &Path, whose: Whose) -> String {
        check(dir, whose).unwrap_err().to_string()
    }

    #[test]
    fn a_full_build_folder_is_taken() {
        check(folder(GOOD).path(), Whose::Users).unwrap();
    }

    #[test]
    fn other_folders_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let text = refused(dir.path(), Whose::Users);
        assert!(
            text.contains("no folder in which a kernel was built"),
            "{text}"
        );
        let missing = ExternalKernel::at(&dir.path().join("no")).unwrap_err();
        assert!(format!("{missing:#}").contains("there is no kernel build folder"));
    }

    #[test]
    fn options_that_are_missing_are_named_with_a_way_out() {
        for (option, _) in OPTIONS {
            let config = GOOD.replace(&format!("CONFIG_{option}=y\n"), "");
            let dir = folder(&config);
            let text = refused(dir.path(), Whose::Users);
            assert!(
                text.contains(&format!("set CONFIG_{option}=y there")),
                "{text}"
            );
            let text = refused(dir.path(), Whose::Running);
            assert!(
                text.contains(&format!("built without CONFIG_{option}")),
                "{text}"
            );
            assert!(text.contains("--kernel stock"), "{text}");
        }
    }

    #[test]
    fn a_release_that_leads_elsewhere_is_refused() {
        let dir = folder(&format!(
            "{GOOD}CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.95.0\"\n"
        ));
        let path = dir.path().join("include/config/kernel.release");
        for release in ["", "../../../home/x"] {
            fs::write(&path, release).unwrap();
            let error = ExternalKernel::at(dir.path()).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains("no usable release"), "{text}");
        }
    }

    #[test]
    fn a_folder_that_make_cannot_work_in_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a;b");
        fs::create_dir(&odd).unwrap();
        let text = ExternalKernel::at(&odd).unwrap_err().to_string();
        assert!(text.contains("the character ;"), "{text}");
    }

    #[test]
    fn missing_files_of_a_build_folder_are_listed() {
        let dir = folder(GOOD);
        for file in ["rust/libkernel.rmeta", "scripts/mod/modpost"] {
            fs::remove_file(dir.path().join(file)).unwrap();
        }
        let list = "scripts/mod/modpost (a tool of its makefiles)\n  \
                    rust/libkernel.rmeta (the kernel crate)\n";
        let text = refused(dir.path(), Whose::Running);
        assert!(text.contains(list), "{text}");
        assert!(text.contains("A distribution's headers need not"), "{text}");
        let text = refused(dir.path(), Whose::Users);
        assert!(text.contains(list), "{text}");
        assert!(text.contains("Build the whole kernel there"), "{text}");
    }

    #[test]
    fn a_kernel_without_rust_needs_no_kernel_crate() {
        let dir = folder("CONFIG_MODULES=y\nCONFIG_LIVEPATCH=y\n");
        fs::remove_file(dir.path().join("rust/libkernel.rmeta")).unwrap();
        let config = check(dir.path(), Whose::Users).unwrap();
        let version = rustc_version(dir.path(), &config).unwrap();
        assert_eq!(version, toolchain::WITHOUT_KERNELS);
        let unsaid = folder(GOOD);
        let config = check(unsaid.path(), Whose::Users).unwrap();
        assert!(rustc_version(unsaid.path(), &config).is_err());
    }
}
