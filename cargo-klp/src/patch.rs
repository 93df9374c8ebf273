// SPDX-License-Identifier: GPL-2.0-only

//! A patch's folder: the author's files, and where its modules are built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::host::files::write_atomic;
use klp_host::kernel::BuildFolder;

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
        if kbuild(&absolute).is_none() {
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
        let sources = self.objects().into_iter().map(source);
        sources.filter(|path| path.is_file()).collect()
    }

    /// The modules in C that the Kbuild file names: those that get patched.
    pub fn targets(&self) -> Vec<String> {
        let module = |object: String| {
            let is_crate = self.dir.join(&object).with_extension("rs").is_file();
            let name = object.strip_suffix(".o").filter(|_| !is_crate)?;
            Some(format!("{name}.ko"))
        };
        self.objects().into_iter().filter_map(module).collect()
    }

    /// What the Kbuild file says in lines like `obj-m := one.o two.o`.
    fn objects(&self) -> Vec<String> {
        let text = kbuild(&self.dir).and_then(|path| fs::read_to_string(path).ok());
        let text = text.unwrap_or_default().replace("\\\n", " ");
        text.lines()
            .filter_map(|line| line.trim_start().strip_prefix("obj-m")?.split_once('='))
            .flat_map(|(_, objects)| objects.split_whitespace())
            .take_while(|word| !word.starts_with('#'))
            .filter(|word| word.ends_with(".o"))
            .map(str::to_owned)
            .collect()
    }

    /// The folder for what is built for this kernel, empty when it was for another one.
    pub fn output(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        let output = self.dir.join("target/klp").join(&kernel.release);
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
        write_atomic(&record, &this)?;
        Ok(output)
    }
}

fn kbuild(dir: &Path) -> Option<PathBuf> {
    ["Kbuild", "Makefile"]
        .map(|name| dir.join(name))
        .into_iter()
        .find(|path| path.is_file())
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
