// SPDX-License-Identifier: GPL-2.0-only

//! Kernels that klp did not build: in a build folder named by the user, or the running kernel.

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

/// A kernel that klp did not build.
#[derive(Clone, Debug)]
pub struct ExternalKernel {
    /// The build folder for its modules.
    pub build: BuildFolder,
    /// The image that QEMU boots. It may be missing.
    pub image: PathBuf,
    /// Its types, symbols and modules.
    pub known: KernelMetadata,
}

impl ExternalKernel {
    /// Checks the folder, and returns the packages that [`Self::at`] needs.
    pub fn needs_at(dir: &Path) -> Result<Needs> {
        check(&users_folder(dir)?, Owner::User)?;
        tools::needs()
    }

    /// Checks the running kernel, and returns the packages that [`Self::running`] needs.
    pub fn needs_running() -> Result<Needs> {
        check(&running_folder()?, Owner::RunningKernel)?;
        tools::needs()
    }

    /// Returns the architecture of the kernel in a build folder.
    ///
    /// # Errors
    ///
    /// The folder is not a usable build folder, or the kernel does not support live patches.
    pub fn arch_at(dir: &Path) -> Result<Arch> {
        check(&users_folder(dir)?, Owner::User).map(|config| arch(&config))
    }

    /// Returns the kernel in a complete build folder.
    pub fn at(dir: &Path) -> Result<Self> {
        let dir = users_folder(dir)?;
        let config = check(&dir, Owner::User)?;
        Ok(Self {
            image: dir.join(arch(&config).facts().image.path),
            known: KernelMetadata::of_folder(&dir),
            build: build_folder(&dir, &config)?,
        })
    }

    /// Returns the running kernel, with copies of its metadata in `cache`.
    pub fn running(cache: &Cache) -> Result<Self> {
        let release = release::of_running()?;
        let dir = running_folder()?;
        let config = check(&dir, Owner::RunningKernel)?;
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
            "the running kernel, {release}, has no build folder {}: build a kernel and pass its \
             folder as --kernel, or use --kernel stock",
            headers.display()
        )
    })?;
    check_for_make(&dir)?;
    Ok(dir)
}

/// The owner of a build folder, on which the advice in errors depends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    User,
    RunningKernel,
}

/// The options that patches need, with the consequences if they are off.
const OPTIONS: [(&str, &str); 2] = [
    ("MODULES", "cannot load modules"),
    ("LIVEPATCH", "does not support live patches"),
];

/// The files that module builds need, with descriptions.
const PARTS: [(&str, &str); 7] = [
    ("Module.symvers", "the kernel's exported symbols"),
    ("include/config/kernel.release", "its release"),
    ("include/generated/autoconf.h", "its configuration for C"),
    ("include/generated/rustc_cfg", "its configuration for Rust"),
    ("scripts/basic/fixdep", "a tool of its makefiles"),
    ("scripts/mod/modpost", "a tool of its makefiles"),
    ("scripts/module.lds", "the linker script of modules"),
];

/// More such files, by the option of the kernel that needs them.
const PARTS_OF_OPTIONS: [(&str, &str, &str); 2] = [
    ("RUST", "rust/libkernel.rmeta", "the kernel crate"),
    (
        "OBJTOOL",
        "tools/objtool/objtool",
        "a tool of its makefiles",
    ),
];

/// Checks that patches can be built for a kernel, and returns its configuration.
fn check(dir: &Path, owner: Owner) -> Result<Config> {
    let path = dir.join(AUTO_CONF);
    ensure!(
        path.is_file() && dir.join("Makefile").is_file(),
        "{} is not a kernel build folder: it has no Makefile or no include/config/auto.conf. \
         Pass the output folder of `make` (O=)",
        dir.display()
    );
    let config = Config::read(&path)?;
    for (option, consequence) in OPTIONS {
        if config.get(option) == "y" {
            continue;
        }
        match owner {
            Owner::User => bail!(
                "the kernel in {} was built without CONFIG_{option} and {consequence}: set \
                 CONFIG_{option}=y there and build it again",
                dir.display()
            ),
            Owner::RunningKernel => bail!(
                "the running kernel was built without CONFIG_{option} and {consequence}: boot another \
                 kernel, use --kernel stock, or pass a build folder as --kernel"
            ),
        }
    }
    let missing = missing(dir, &config);
    ensure!(
        missing.is_empty(),
        "patches cannot be built in {}, because it lacks:\n  {}\n{}",
        dir.display(),
        missing.join("\n  "),
        match owner {
            Owner::User => "Build the whole kernel there first, with `make`",
            Owner::RunningKernel =>
                "A distribution's headers may lack them: build this kernel's source and pass that folder \
                 as --kernel. Debian's kernels need no headers: see `cargo klp kernels`",
        }
    );
    Ok(config)
}

/// Returns the missing files, with descriptions.
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

/// Returns the version text of the kernel's rustc, or the default version for a kernel without Rust.
fn rustc_version<'a>(dir: &Path, config: &'a Config) -> Result<&'a str> {
    if config.get("RUST") != "y" {
        return Ok(toolchain::WITHOUT_KERNELS);
    }
    // Only some kernels quote it.
    let version = config
        .text("RUSTC_VERSION_TEXT")
        .unwrap_or_else(|| config.get("RUSTC_VERSION_TEXT"));
    ensure!(
        version.starts_with("rustc "),
        "the configuration of the kernel in {} has no CONFIG_RUSTC_VERSION_TEXT",
        dir.display()
    );
    Ok(version)
}

/// Returns the architecture of a configuration, by default the host's.
fn arch(config: &Config) -> Arch {
    Arch::with_option(|option| config.get(option) == "y").unwrap_or(Arch::HOST)
}

fn build_folder(dir: &Path, config: &Config) -> Result<BuildFolder> {
    let version = rustc_version(dir, config)?;
    // Checked before tools are fetched.
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

    /// Creates a folder with all files that [`check`] looks for.
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

    fn refused(dir: &Path, owner: Owner) -> String {
        check(dir, owner).unwrap_err().to_string()
    }

    #[test]
    fn a_complete_build_folder_is_accepted() {
        check(folder(GOOD).path(), Owner::User).unwrap();
    }

    #[test]
    fn other_folders_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let text = refused(dir.path(), Owner::User);
        assert!(text.contains("is not a kernel build folder"), "{text}");
        let missing = ExternalKernel::at(&dir.path().join("no")).unwrap_err();
        assert!(format!("{missing:#}").contains("there is no kernel build folder"));
    }

    #[test]
    fn missing_options_are_named_with_advice() {
        for (option, _) in OPTIONS {
            let config = GOOD.replace(&format!("CONFIG_{option}=y\n"), "");
            let dir = folder(&config);
            let text = refused(dir.path(), Owner::User);
            assert!(
                text.contains(&format!("set CONFIG_{option}=y there")),
                "{text}"
            );
            let text = refused(dir.path(), Owner::RunningKernel);
            assert!(
                text.contains(&format!("built without CONFIG_{option}")),
                "{text}"
            );
            assert!(text.contains("--kernel stock"), "{text}");
        }
    }

    #[test]
    fn a_release_with_path_traversal_is_refused() {
        let dir = folder(&format!(
            "{GOOD}CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.95.0\"\n"
        ));
        let path = dir.path().join("include/config/kernel.release");
        for release in ["", "../../../home/x"] {
            fs::write(&path, release).unwrap();
            let error = ExternalKernel::at(dir.path()).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains("no valid release"), "{text}");
        }
    }

    #[test]
    fn a_path_that_make_does_not_support_is_refused() {
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
        let text = refused(dir.path(), Owner::RunningKernel);
        assert!(text.contains(list), "{text}");
        assert!(text.contains("A distribution's headers may lack"), "{text}");
        let text = refused(dir.path(), Owner::User);
        assert!(text.contains(list), "{text}");
        assert!(text.contains("Build the whole kernel there"), "{text}");
    }

    #[test]
    fn a_kernel_without_rust_needs_no_kernel_crate() {
        let dir = folder("CONFIG_MODULES=y\nCONFIG_LIVEPATCH=y\n");
        fs::remove_file(dir.path().join("rust/libkernel.rmeta")).unwrap();
        let config = check(dir.path(), Owner::User).unwrap();
        let version = rustc_version(dir.path(), &config).unwrap();
        assert_eq!(version, toolchain::WITHOUT_KERNELS);
        let unversioned = folder(GOOD);
        let config = check(unversioned.path(), Owner::User).unwrap();
        assert!(rustc_version(unversioned.path(), &config).is_err());
    }
}
