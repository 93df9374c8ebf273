// SPDX-License-Identifier: GPL-2.0-only

//! The bundled sources of klp, which are unpacked into the cache, and compiled there once for each kernel. All patches
//! share them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::cache::{Cache, Key};
use klp_host::freestanding;
use klp_host::host::files::ignore_not_found;
use klp_host::host::process;
use klp_host::kernel::BuildFolder;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::module::Folder;

use crate::kernel::Target;

/// Paths and contents.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The Kbuild file that builds klp.
const KBUILD: &str = include_str!("bundled.Kbuild");

/// The version of the build steps, which is part of the cache key.
const RECIPE: &str = "1";

/// klp, compiled for a kernel.
#[derive(Clone, Debug)]
pub struct Klp {
    /// The folder of the sources.
    pub source: PathBuf,
    /// The output folder of Kbuild.
    pub output: PathBuf,
    /// Rust's `core`, for a kernel that was built without Rust.
    pub core: Option<PathBuf>,
}

impl Klp {
    /// Gets klp for this kernel; compiles it if necessary.
    pub fn get(cache: &Cache, kernel: &Target) -> Result<Self> {
        let source = unpack(cache)?;
        let key = content()
            .with("recipe", RECIPE)
            .with("source", source.as_os_str().as_encoded_bytes())
            .with("kernel", kernel_state(kernel));
        let core = match &kernel.build.freestanding {
            Some(tools) => Some(freestanding::core::get(cache, &kernel.build, tools)?),
            None => None,
        };
        let key = key.with("core", core.as_deref().map(state).unwrap_or_default());
        let entry = cache.entry("klp", &kernel.build.release, &key);
        let output = match (&kernel.build.freestanding, &core) {
            (Some(tools), Some(core)) => entry.get_or_create(|output| {
                freestanding::klp::build(&kernel.build, tools, core, &source, output)
            })?,
            _ => entry.get_or_resume(|output| build(kernel, &source, output))?,
        };
        Ok(Self {
            source,
            output,
            core,
        })
    }

    /// The folder with the compiled crate and macros.
    pub fn crates(&self) -> PathBuf {
        self.output.join("klp")
    }

    /// The compiler flags that find klp, and that recompile the patch if the kernel's metadata or these modules change.
    /// Colours are removed later where they cannot be shown.
    pub fn rustflags(&self, known: &KernelMetadata, modules: &[PathBuf]) -> String {
        format!(
            "-L {} --extern klp --cfg klp_known_{} --color=always",
            self.crates().display(),
            known_state(known, modules).short()
        )
    }
}

/// Unpacks the sources into the cache.
fn unpack(cache: &Cache) -> Result<PathBuf> {
    let entry = cache.entry("klp-source", env!("CARGO_PKG_VERSION"), &content());
    entry.get_or_create(|dir| {
        for (name, content) in files() {
            let path = dir.join(name);
            let write = || {
                fs::create_dir_all(path.parent().unwrap_or(dir))?;
                fs::write(&path, content)
            };
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    })
}

fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().copied().chain([("Kbuild", KBUILD.as_bytes())])
}

fn content() -> Key {
    files().fold(Key::new(), |key, (name, content)| key.with(name, content))
}

/// The state of what klp depends on in a kernel: the user may rebuild it.
fn kernel_state(kernel: &Target) -> String {
    let BuildFolder { dir, env, vars, .. } = &kernel.build;
    let parts = ["rust/libkernel.rmeta", "include/config/auto.conf"];
    let states = parts.map(|name| state(&dir.join(name)));
    format!("{env:?} {vars:?} {states:?}")
}

/// A hash of what the checks of a patch depend on. Files of the running kernel change all the time: only their presence
/// counts.
fn known_state(known: &KernelMetadata, modules: &[PathBuf]) -> Key {
    let types = known.vmlinux.as_deref().map(state);
    let exports = known.symvers.as_deref().map(state);
    let others = (&known.kallsyms, &known.traceable, exports, &known.modules);
    let modules: Vec<_> = modules.iter().map(|path| state(path)).collect();
    Key::new().with("known", format!("{types:?} {others:?} {modules:?}"))
}

fn state(path: &Path) -> String {
    let data = fs::metadata(path).ok();
    // The times of files in sysfs are those of the last access.
    let changed = data
        .as_ref()
        .filter(|_| !path.starts_with("/sys"))
        .and_then(|data| data.modified().ok());
    let length = data.map(|data| data.len());
    format!("{} {changed:?} {length:?}", path.display())
}

fn build(kernel: &Target, source: &Path, output: &Path) -> Result<()> {
    let folder = Folder {
        what: "klp",
        sources: source,
        output,
        // The builds of patches report missing metadata.
        vars: &[("KLP_NOTED".to_owned(), "1".to_owned())],
        env: &kernel.known.env(),
    };
    folder.make(&kernel.build)?;
    describe_kernel(kernel, &folder);
    // Cargo's intermediate files are large, and this is not compiled again.
    let cargo = output.join("klp/cargo");
    ignore_not_found(fs::remove_dir_all(&cargo), &cargo)
}

/// Runs the kernel's `make rust-analyzer`. Failures are only logged.
fn describe_kernel(kernel: &Target, folder: &Folder<'_>) {
    let described = process::output(folder.command(&kernel.build).arg("rust-analyzer"));
    if let Err(error) = described {
        let _ = fs::write(
            folder.output.join("rust-analyzer.log"),
            format!("{error:#}\n"),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_files_for_builds_are_bundled() {
        let names: Vec<_> = files().map(|(name, _)| name).collect();
        for needed in [
            "Cargo.lock",
            "Cargo.toml",
            "Kbuild",
            "klp/Makefile.klp",
            "klp/bindings/bindgen_parameters",
            "klp/bindings/livepatch.h",
            "klp/src/lib.rs",
            "klp/Makefile.freestanding",
            "klp/bindings/freestanding_parameters",
            "klp/c/locks.c",
            "klp/freestanding.lds",
            "klp/src/platform/freestanding.rs",
            "klp/src/platform/kernel.rs",
            "klp-macros/Cargo.toml",
            "klp-macros/src/lib.rs",
            "klp-elf/Cargo.toml",
            "klp-elf/src/lib.rs",
        ] {
            assert!(names.contains(&needed), "{needed}");
        }
        for name in names {
            let junk = ["target/", "tests/", "snapshots/", "/."];
            assert!(!junk.iter().any(|part| name.contains(part)), "{name}");
        }
    }

    #[test]
    fn manifests_name_only_bundled_files() {
        let manifests = files().filter(|(name, _)| name.ends_with("Cargo.toml"));
        let texts: Vec<_> = manifests
            .map(|(_, text)| std::str::from_utf8(text).unwrap())
            .collect();
        assert_eq!(texts.len(), 3);
        for text in texts {
            for word in [
                "xtask",
                "sha2",
                "[[test]]",
                "[[bench]]",
                "[[example]]",
                "dev-dependencies",
            ] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }

    /// All patches for a kernel share one build of klp, so the environment must not change it.
    #[test]
    fn klp_core_module_is_set_on_makes_command_line_only() {
        let (_, makefile) = files()
            .find(|(name, _)| *name == "klp/Makefile.klp")
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let rule = b"\nprint:\n\t@echo '$(KBUILD_EXTRA_SYMBOLS) $(cmd_klp_rmeta)'\n";
        fs::write(dir.path().join("Makefile"), [makefile, rule].concat()).unwrap();
        let make = || {
            let mut make = process::command("make");
            make.args(["-s", "print"]).current_dir(dir.path());
            make
        };
        let by_line = process::output(make().arg("KLP_CORE_MODULE=/core")).unwrap();
        let by_environment = process::output(make().env("KLP_CORE_MODULE", "/core")).unwrap();
        for part in ["/core/Module.symvers", "--cfg klp_core_module"] {
            assert!(by_line.contains(part), "{part} is not in {by_line}");
            assert!(
                !by_environment.contains(part),
                "{part} is in {by_environment}"
            );
        }
    }

    /// Paths and contents of all files in a folder.
    fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(snapshot(&path));
            } else {
                let content = fs::read(&path).unwrap();
                files.insert(path, content);
            }
        }
        files
    }

    #[test]
    fn the_bundled_sources_are_complete() {
        const PLATFORM: &str = "--filter-platform=x86_64-unknown-linux-gnu";
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let source = unpack(&cache).unwrap();
        let unpacked = snapshot(&source);
        for words in [
            // The lock file needs no change.
            &["update", "--workspace"][..],
            // Reads everything that a build would.
            &["metadata", "--format-version=1", PLATFORM],
        ] {
            let mut cargo = process::command(env!("CARGO"));
            cargo.args(words).args(["--locked", "--offline"]);
            process::output(cargo.current_dir(&source)).unwrap();
        }
        assert!(unpacked == snapshot(&source), "the cache entry was changed");
    }

    #[test]
    fn the_lock_file_has_the_versions_of_the_workspace() {
        let (_, bundled) = files().find(|(name, _)| *name == "Cargo.lock").unwrap();
        let bundled = std::str::from_utf8(bundled).unwrap();
        let all = include_str!("../../Cargo.lock");
        let packages = |text: &'static str| {
            let lines: Vec<_> = text.lines().collect();
            let named = lines
                .windows(2)
                .filter(|pair| pair[0].starts_with("name = "));
            named.map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
        };
        let all = packages(all);
        let bundled = packages(bundled);
        assert!(bundled.iter().all(|package| all.contains(package)));
        let names: Vec<_> = bundled.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"name = \"syn\"") && names.contains(&"name = \"object\""));
        for other in ["clap", "anyhow", "expect-test", "klp-host"] {
            let other = format!("name = \"{other}\"");
            assert!(!names.contains(&other.as_str()), "{other}");
        }
    }

    #[test]
    fn rebuilding_a_kernel_changes_its_state() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let missing = state(&file);
        fs::write(&file, "a").unwrap();
        let first = state(&file);
        fs::write(&file, "ab").unwrap();
        assert!(missing != first && first != state(&file));
    }

    #[test]
    fn kernel_metadata_changes_the_flags() {
        let short = |known: KernelMetadata| known_state(&known, &[]).short();
        let path = Some(PathBuf::from("/none"));
        let none = short(KernelMetadata::default());
        let types = short(KernelMetadata {
            vmlinux: path.clone(),
            ..KernelMetadata::default()
        });
        let symbols = short(KernelMetadata {
            kallsyms: path,
            ..KernelMetadata::default()
        });
        assert!(none != types && types != symbols && none != symbols);
    }
}
