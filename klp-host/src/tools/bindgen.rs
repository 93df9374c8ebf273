// SPDX-License-Identifier: GPL-2.0-only

//! Finds bindgen for kernel builds: the system's if it is suitable, else one built from the
//! registry.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::llvm::Llvm;
use super::registry::Program;
use crate::cache::{Cache, Key};
use crate::host::process;
use crate::host::programs::find;

/// The version that is built if the system has no suitable one.
const VERSION: &str = "0.73.2";

const PROGRAM: Program = Program {
    name: "bindgen",
    package: "bindgen-cli",
    version: VERSION,
    optimised: true,
    usual: "about a minute on two cores",
};

/// The minimum for Linux 7.2 (`scripts/min-tool-version.sh`).
const MINIMUM: Version = (0, 71, 1);

type Version = (u32, u32, u32);

/// A header that any bindgen can read, and the expected output.
const PROBE: &str = "int klp_probe;\n";
const PROBED: &str = "klp_probe";

/// The bindgen for all kernel builds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bindgen {
    /// Its version, for cache keys.
    pub version: String,
    origin: Origin,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Origin {
    /// The system's program.
    System(PathBuf),
    /// Built from the registry; with the reason why the system's is not used, if it has one.
    Registry(Option<String>),
}

impl Bindgen {
    /// Chooses one that works with this LLVM, without building it.
    pub fn choose(llvm: &Llvm) -> Self {
        Self::choose_from(find("bindgen"), llvm)
    }

    fn choose_from(program: Option<PathBuf>, llvm: &Llvm) -> Self {
        let from_registry = |why| Self {
            version: VERSION.to_owned(),
            origin: Origin::Registry(why),
        };
        let Some(program) = program else {
            return from_registry(None);
        };
        match check_suitable(&program, llvm) {
            Ok(version) => Self {
                version,
                origin: Origin::System(program),
            },
            Err(error) => from_registry(Some(format!("{}: {error:#}", program.display()))),
        }
    }

    /// Returns a folder with only `bindgen`, built into the cache if needed.
    pub fn folder(&self, cache: &Cache) -> Result<PathBuf> {
        let dir = match &self.origin {
            Origin::System(program) => {
                let key = Key::new()
                    .with("version", &self.version)
                    .with("program", program.as_os_str().as_encoded_bytes());
                cache
                    .entry("tools", "bindgen-system", &key)
                    .get_or_create(|dir| link(program, dir))?
            }
            Origin::Registry(why) => PROGRAM.folder(cache, why.as_deref())?,
        };
        Ok(dir.join("bin"))
    }
}

/// Returns the version of a suitable bindgen; the error is the reason why it is not.
fn check_suitable(program: &Path, llvm: &Llvm) -> Result<String> {
    let text = process::output(process::command(program).arg("--version"))?;
    let text = text.trim();
    let Some(version) = parse(text) else {
        bail!("`--version` prints `{text}`, which is no version of bindgen");
    };
    if version < MINIMUM {
        let (major, minor, patch) = MINIMUM;
        bail!("{text} is too old, the kernel needs {major}.{minor}.{patch}");
    }
    check_output(program, llvm)
        .with_context(|| format!("{text} does not work with {}", llvm.version))?;
    Ok(text.trim_start_matches("bindgen ").to_owned())
}

/// Parses `bindgen 0.71.1`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix("bindgen ")?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?, next()?))
}

/// Generates bindings of a small header: bindgen loads libclang only when needed.
fn check_output(program: &Path, llvm: &Llvm) -> Result<()> {
    let mut header = tempfile::Builder::new()
        .suffix(".h")
        .tempfile()
        .context("cannot make a temporary file")?;
    std::io::Write::write_all(&mut header, PROBE.as_bytes())
        .context("cannot write a temporary file")?;
    let mut command = process::command(program);
    command.arg(header.path());
    if let Some(dir) = &llvm.libclang {
        command.env("LIBCLANG_PATH", dir);
    }
    let text = process::output(&mut command)?;
    if !text.contains(PROBED) {
        bail!("it generates no bindings");
    }
    Ok(())
}

fn link(program: &Path, dir: &Path) -> Result<()> {
    let bin = dir.join("bin");
    std::fs::create_dir(&bin)
        .and_then(|()| symlink(program, bin.join("bindgen")))
        .with_context(|| format!("cannot make a link in {}", bin.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn llvm() -> Llvm {
        Llvm {
            make_value: "-19".to_owned(),
            version: "clang version 19".to_owned(),
            libclang: Some(PathBuf::from("/llvm/lib")),
        }
    }

    /// A script that prints this version, and otherwise runs `script`.
    fn fake(dir: &Path, version: &str, script: &str) -> PathBuf {
        let path = dir.join("bindgen");
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; else {script}; fi\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    const WORKS: &str = "test \"$LIBCLANG_PATH\" = /llvm/lib && grep -o klp_probe \"$1\"";

    #[test]
    fn a_suitable_system_bindgen_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        for version in ["0.71.1", "0.72.0", "0.100.0"] {
            let program = fake(dir.path(), &format!("bindgen {version}"), WORKS);
            let chosen = Bindgen::choose_from(Some(program.clone()), &llvm());
            assert_eq!(chosen.version, version);
            let folder = chosen.folder(&cache).unwrap();
            assert_eq!(fs::read_link(folder.join("bindgen")).unwrap(), program);
            assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        }
    }

    #[test]
    fn unsuitable_versions_are_refused_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        for (version, script, reason) in [
            ("bindgen 0.71.0", WORKS, "the kernel needs 0.71.1"),
            ("bindgen 0.60.1", WORKS, "the kernel needs 0.71.1"),
            ("bindgen", WORKS, "which is no version of bindgen"),
            (
                "bindgen 0.72.0",
                "echo no libclang >&2; exit 1",
                "no libclang",
            ),
            ("bindgen 0.72.0", "true", "generates no bindings"),
        ] {
            let program = fake(dir.path(), version, script);
            let chosen = Bindgen::choose_from(Some(program), &llvm());
            assert_eq!(chosen.version, VERSION);
            let Origin::Registry(Some(why)) = chosen.origin else {
                panic!("{version}: {chosen:?}");
            };
            assert!(why.contains(reason), "{why}");
        }
        let none = Bindgen::choose_from(None, &llvm());
        assert_eq!(none.origin, Origin::Registry(None));
    }
}
