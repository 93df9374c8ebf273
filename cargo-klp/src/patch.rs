// SPDX-License-Identifier: GPL-2.0-only

//! A patch's folder: the author's files, and where its modules are built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::cache::write_whole;
use klp_host::kernel::BuildFolder;
use klp_host::module;

/// Says which kernel an output folder is for.
const FOR: &str = ".klp-kernel";

/// A folder with a patch.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Absolute.
    pub dir: PathBuf,
}

impl Patch {
    /// Looks at the folder.
    pub fn open(dir: &Path) -> Result<Self> {
        let absolute = dir
            .canonicalize()
            .with_context(|| format!("there is no patch folder {}", dir.display()))?;
        check_path(&absolute)?;
        if module::kbuild(&absolute).is_none() {
            bail!(
                "{} is no patch folder: it has no Kbuild file. `cargo klp new NAME` makes one",
                absolute.display()
            );
        }
        ensure!(
            !absolute.join("klp/Makefile.klp").is_file(),
            "{} is klp's own source: give a patch's folder, such as examples/livepatch-sample in it",
            absolute.display()
        );
        Ok(Self { dir: absolute })
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The source files of the crates that the Kbuild file names.
    pub fn crates(&self) -> Vec<PathBuf> {
        let source = |object: String| self.dir.join(object).with_extension("rs");
        let sources = module::objects(&self.dir).into_iter().map(source);
        sources.filter(|path| path.is_file()).collect()
    }

    /// The modules in C that the Kbuild file names: those that get patched.
    pub fn targets(&self) -> Vec<String> {
        module::patched(&self.dir)
    }

    /// The folder for what is built for this kernel.
    pub fn output_path(&self, kernel: &BuildFolder) -> PathBuf {
        self.dir.join("target/klp").join(&kernel.release)
    }

    /// The same, empty when it was for another one.
    pub fn output(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        let output = self.output_path(kernel);
        let record = output.join(FOR);
        let this = kernel.dir.display().to_string();
        if fs::read_to_string(&record).is_ok_and(|other| other == this) {
            return Ok(output);
        }
        if output.exists() {
            fs::remove_dir_all(&output)
                .with_context(|| format!("cannot empty {}", output.display()))?;
        }
        fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
        write_whole(&record, &this)?;
        Ok(output)
    }
}

/// The kernel's makefiles cannot work everywhere.
pub fn check_path(dir: &Path) -> Result<()> {
    let text = dir.to_string_lossy();
    ensure!(
        !text.contains([' ', '\t', '\n', ':', '"', '\'', '#', '%', '$', '\\']),
        "the kernel's makefiles cannot work in `{text}`: choose a path without spaces, quotes and \
         : # % $ \\"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(dir: &str) -> BuildFolder {
        BuildFolder {
            release: "7.2.0".to_owned(),
            dir: PathBuf::from(dir),
            env: Vec::new(),
            vars: Vec::new(),
        }
    }

    #[test]
    fn folders_without_a_patch_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let text = Patch::open(dir.path()).unwrap_err().to_string();
        assert!(
            text.contains("no patch folder") && text.contains("klp new"),
            "{text}"
        );
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = Patch::open(&checkout).unwrap_err().to_string();
        assert!(text.contains("klp's own source"), "{text}");
        let error = Patch::open(&dir.path().join("no")).unwrap_err();
        assert!(format!("{error:#}").contains("there is no patch folder"));
        let spaced = dir.path().join("my patch");
        fs::create_dir(&spaced).unwrap();
        let text = Patch::open(&spaced).unwrap_err().to_string();
        assert!(text.contains("without spaces"), "{text}");
    }

    #[test]
    fn crates_and_targets_are_what_the_kbuild_file_names() {
        let dir = tempfile::tempdir().unwrap();
        let text = "# obj-m := no.o\nobj-m := one.o \\\n\ttwo.o\nobj-m += c.o\nc-y := d.o e.o\n";
        fs::write(dir.path().join("Kbuild"), text).unwrap();
        for file in ["one.rs", "two.rs", "part.rs", "d.c", "no.rs"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let patch = Patch::open(dir.path()).unwrap();
        let dir = dir.path().canonicalize().unwrap();
        assert_eq!(patch.crates(), [dir.join("one.rs"), dir.join("two.rs")]);
        assert_eq!(patch.targets(), ["c.ko"]);
    }

    #[test]
    fn an_output_folder_is_for_one_kernel() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Kbuild"), "").unwrap();
        let patch = Patch::open(dir.path()).unwrap();
        let output = patch.output(&kernel("/a")).unwrap();
        fs::write(output.join("module.ko"), "").unwrap();
        assert_eq!(patch.output(&kernel("/a")).unwrap(), output);
        assert!(output.join("module.ko").exists());
        assert_eq!(patch.output(&kernel("/b")).unwrap(), output);
        assert!(!output.join("module.ko").exists(), "of another kernel");
    }
}
