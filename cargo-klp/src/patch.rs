// SPDX-License-Identifier: GPL-2.0-only

//! A patch's folder: the source files, and the modules of its Kbuild file.

mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::freestanding;
use klp_host::host::paths::check_for_make;
use klp_host::kernel::{BuildFolder, release};
use klp_host::module::{self, Kbuild, Prerequisites};

use crate::bundled::Klp;
use crate::output;

/// A folder with a patch.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The absolute path.
    pub dir: PathBuf,
    kbuild: Kbuild,
}

impl Patch {
    /// Opens and checks a folder.
    pub fn open(dir: &Path) -> Result<Self> {
        let absolute = dir
            .canonicalize()
            .with_context(|| format!("there is no patch folder {}", dir.display()))?;
        check_for_make(&absolute)?;
        if module::kbuild_file(&absolute).is_none() {
            bail!(
                "{} is not a patch folder: it has no Kbuild file; `cargo klp new NAME` creates one",
                absolute.display()
            );
        }
        ensure!(
            !absolute.join("klp/Makefile.klp").is_file(),
            "{} is klp's source tree: give a patch's folder, such as examples/livepatch-sample in it",
            absolute.display()
        );
        let patch = Self {
            kbuild: Kbuild::read(&absolute)?,
            dir: absolute,
        };
        patch.check_names()?;
        Ok(patch)
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The source files of the crates that the Kbuild file names.
    pub fn crates(&self) -> Vec<PathBuf> {
        self.kbuild.crates()
    }

    /// The modules and helpers to build before the patch.
    ///
    /// # Errors
    ///
    /// `helpers.c` is not part of the patch in the Kbuild file.
    pub fn prerequisites(&self) -> Result<Prerequisites> {
        let mut first = Prerequisites::default();
        first.add(&self.kbuild, Path::new(""))?;
        Ok(first)
    }

    /// The build of the patch for a kernel without Rust; `None` for others.
    pub fn freestanding<'a>(
        &'a self,
        kernel: &'a BuildFolder,
        klp: &'a Klp,
        sources: &'a Path,
        output: &'a Path,
    ) -> Option<freestanding::patch::Patch<'a>> {
        Some(freestanding::patch::Patch {
            kernel,
            tools: kernel.freestanding.as_ref()?,
            core: klp.core.as_deref()?,
            klp: &klp.output,
            sources,
            kbuild: &self.kbuild,
            output,
        })
    }

    /// The path of the output folder for this kernel.
    pub fn output_path(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        release::check(&kernel.release)?;
        Ok(self.dir.join("target/klp").join(&kernel.release))
    }

    /// Prepares that folder; empties it if it was for another kernel.
    pub fn output(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        let output = self.output_path(kernel)?;
        output::prepare(&output, &kernel.dir)?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_host::arch::Arch;
    use std::fs;

    fn kernel(dir: &str) -> BuildFolder {
        BuildFolder {
            release: "7.2.0".to_owned(),
            arch: Arch::default(),
            dir: PathBuf::from(dir),
            env: Vec::new(),
            vars: Vec::new(),
            freestanding: None,
        }
    }

    #[test]
    fn folders_without_a_patch_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let text = Patch::open(dir.path()).unwrap_err().to_string();
        assert!(
            text.contains("not a patch folder") && text.contains("klp new"),
            "{text}"
        );
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = Patch::open(&checkout).unwrap_err().to_string();
        assert!(text.contains("klp's source tree"), "{text}");
        let error = Patch::open(&dir.path().join("no")).unwrap_err();
        assert!(format!("{error:#}").contains("there is no patch folder"));
        let spaced = dir.path().join("my patch");
        fs::create_dir(&spaced).unwrap();
        let text = Patch::open(&spaced).unwrap_err().to_string();
        assert!(text.contains("the path has a space"), "{text}");
    }

    #[test]
    fn crates_and_prerequisites_are_read_from_kbuild() {
        let dir = tempfile::tempdir().unwrap();
        let text = "# obj-m := no.o\nobj-m := one.o \\\n\ttwo.o\nobj-m += c.o\nc-y := d.o e.o\n";
        fs::write(dir.path().join("Kbuild"), text).unwrap();
        for file in ["one.rs", "two.rs", "part.rs", "d.c", "no.rs"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let patch = Patch::open(dir.path()).unwrap();
        let dir = dir.path().canonicalize().unwrap();
        assert_eq!(patch.crates(), [dir.join("one.rs"), dir.join("two.rs")]);
        assert_eq!(patch.prerequisites().unwrap().modules(), ["c.ko"]);
    }

    #[test]
    fn unsafe_object_paths_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (object, why) in [
            ("$(shell id).o", "the character )"),
            ("$(name).o", "the character $"),
            ("a;b.o", "the character ;"),
            ("--eval=x.o", "a path from the patch's folder"),
            ("/etc/x.o", "a path from the patch's folder"),
            ("../x.o", "a path from the patch's folder"),
        ] {
            let text = format!("obj-m := fix-foo.o {object} # and that\n");
            fs::write(dir.path().join("Kbuild"), text).unwrap();
            let error = format!("{:#}", Patch::open(dir.path()).unwrap_err());
            assert!(
                error.contains("Kbuild names") && error.contains(why),
                "{error}"
            );
        }
    }

    #[test]
    fn a_release_with_a_path_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("home/x");
        fs::create_dir_all(&victim).unwrap();
        fs::write(victim.join("file"), "mine").unwrap();
        let patch = dir.path().join("patch");
        fs::create_dir(&patch).unwrap();
        fs::write(patch.join("Kbuild"), "").unwrap();
        let patch = Patch::open(&patch).unwrap();
        for release in ["../../../home/x", ""] {
            let kernel = BuildFolder {
                release: release.to_owned(),
                ..kernel("/a")
            };
            let text = patch.output(&kernel).unwrap_err().to_string();
            assert!(text.contains("kernel release"), "{text}");
        }
        assert_eq!(fs::read_to_string(victim.join("file")).unwrap(), "mine");
        assert!(!patch.dir.join("target").exists());
        let output = patch.output(&kernel("/a")).unwrap();
        assert_eq!(output, patch.dir.join("target/klp/7.2.0"));
    }
}
