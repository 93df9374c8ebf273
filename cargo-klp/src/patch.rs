// SPDX-License-Identifier: GPL-2.0-only

//! A patch's folder: the author's files, and what the Kbuild file makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::host::paths::check_for_make;
use klp_host::kernel::{BuildFolder, release};
use klp_host::module;

use crate::output;

/// A folder with a patch.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Absolute.
    pub dir: PathBuf,
    /// The objects that the Kbuild file names, relative to the folder.
    objects: Vec<String>,
}

impl Patch {
    /// Looks at the folder.
    pub fn open(dir: &Path) -> Result<Self> {
        let absolute = dir
            .canonicalize()
            .with_context(|| format!("there is no patch folder {}", dir.display()))?;
        check_for_make(&absolute)?;
        let Some(kbuild) = module::kbuild(&absolute) else {
            bail!(
                "{} is no patch folder: it has no Kbuild file. `cargo klp new NAME` makes one",
                absolute.display()
            );
        };
        ensure!(
            !absolute.join("klp/Makefile.klp").is_file(),
            "{} is klp's own source: give a patch's folder, such as examples/livepatch-sample in it",
            absolute.display()
        );
        let patch = Self {
            objects: module::objects(&absolute)?,
            dir: absolute,
        };
        patch.check_names(&kbuild)?;
        Ok(patch)
    }

    /// Makes sure that there is a patch to build: make says little about what is not there.
    ///
    /// # Errors
    ///
    /// When a source file that the Kbuild file names is missing, or none has a patch.
    pub fn check_sources(&self) -> Result<()> {
        let kbuild = module::kbuild(&self.dir).unwrap_or_default();
        let text = fs::read_to_string(&kbuild).unwrap_or_default();
        for object in &self.objects {
            let stem = object.trim_end_matches(".o");
            let has_source = ["rs", "c", "S"]
                .iter()
                .any(|ending| self.dir.join(format!("{stem}.{ending}")).is_file());
            // Made of several files, or by a rule of its own.
            let is_composite = ["-y", "-objs"]
                .iter()
                .any(|end| text.contains(&format!("{stem}{end}")))
                || text.contains(&format!("{stem}.c:"))
                || text.contains(&format!("{stem}.o:"));
            ensure!(
                has_source || is_composite,
                "{} names {object}, and there is no {stem}.rs{}",
                kbuild.display(),
                self.renamed(stem)
            );
        }
        let crates = self.crates();
        ensure!(
            crates.is_empty() || self.sources().iter().any(|path| has_patch(path)),
            "there is no #[livepatch(...)] in {}: the attribute makes a function a replacement; \
             `cargo klp stub FUNCTION` prints one",
            crates[0].display()
        );
        Ok(())
    }

    /// What may have been meant by a file that is not there.
    fn renamed(&self, stem: &str) -> String {
        let named: Vec<PathBuf> = self.crates();
        let others: Vec<String> = self
            .sources()
            .iter()
            .filter(|path| !named.contains(path) && has_patch(path))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        match others.as_slice() {
            [other] => format!(
                ": if {other}.rs is the patch now, write {other}.o there, or rename it to {stem}.rs"
            ),
            _ => format!(": write it, or take {stem}.o out there"),
        }
    }

    /// All source files in Rust that lie in the folder itself.
    fn sources(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut sources: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .collect();
        sources.sort();
        sources
    }

    /// Refuses two modules of one name: the kernel would load only one of them.
    fn check_names(&self, kbuild: &Path) -> Result<()> {
        let name = |object: &String| {
            let file = object.rsplit('/').next().unwrap_or(object);
            file.trim_end_matches(".o").replace('-', "_")
        };
        for (index, object) in self.objects.iter().enumerate() {
            let others = &self.objects[..index];
            if let Some(first) = others.iter().find(|other| name(other) == name(object)) {
                bail!(
                    "{} names {first} and {object}: both are the module `{}`, and a kernel loads one \
                     module of a name; give one of them another name",
                    kbuild.display(),
                    name(object)
                );
            }
        }
        Ok(())
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The source files of the crates that the Kbuild file names.
    pub fn crates(&self) -> Vec<PathBuf> {
        let source = |object: &String| self.dir.join(object).with_extension("rs");
        let sources = self.objects.iter().map(source);
        sources.filter(|path| path.is_file()).collect()
    }

    /// The modules in C that the Kbuild file names: those that get patched.
    pub fn targets(&self) -> Vec<String> {
        let targets = self.objects.iter();
        targets
            .filter_map(|object| module::in_c(&self.dir, object))
            .collect()
    }

    /// The folder for what is built for this kernel.
    pub fn output_path(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        release::check(&kernel.release)?;
        Ok(self.dir.join("target/klp").join(&kernel.release))
    }

    /// The same, empty when it was for another one.
    pub fn output(&self, kernel: &BuildFolder) -> Result<PathBuf> {
        let output = self.output_path(kernel)?;
        output::prepare(&output, &kernel.dir)?;
        Ok(output)
    }
}

/// Does a source file have a patch, as far as its text tells?
fn has_patch(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains("livepatch") || text.contains("module!")
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
        assert!(text.contains("the path has a space"), "{text}");
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

    fn checked(files: &[(&str, &str)]) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let patch = Patch::open(dir.path()).map_err(|error| format!("{error:#}"))?;
        patch.check_sources().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_patch_that_is_not_there_is_named() {
        let patch = "#[livepatch(object = \"vmlinux\")]";
        let kbuild = (
            "Kbuild",
            "obj-m := fix-foo.o c.o parts.o\nparts-y := one.o\n",
        );
        checked(&[kbuild, ("fix-foo.rs", patch), ("c.c", "")]).unwrap();
        let text = checked(&[kbuild, ("fix-bar.rs", patch), ("c.c", "")]).unwrap_err();
        assert!(
            text.contains(
                "names fix-foo.o, and there is no fix-foo.rs: if fix-bar.rs is the patch"
            ) && text.contains("rename it to fix-foo.rs"),
            "{text}"
        );
        let text = checked(&[kbuild, ("fix-foo.rs", patch)]).unwrap_err();
        assert!(
            text.contains("no c.rs: write it, or take c.o out"),
            "{text}"
        );
        let text = checked(&[kbuild, ("fix-foo.rs", "fn f() {}"), ("c.c", "")]).unwrap_err();
        assert!(
            text.contains("no #[livepatch(...)] in") && text.contains("fix-foo.rs"),
            "{text}"
        );
        // It may stand in a part of the crate.
        let parts = [("fix-foo.rs", "mod part;"), ("part.rs", patch), ("c.c", "")];
        checked(&[&[kbuild], &parts[..]].concat()).unwrap();
    }

    #[test]
    fn two_modules_of_one_name_are_refused() {
        let text = checked(&[("Kbuild", "obj-m := fix-foo.o\nobj-m += fix_foo.o\n")]).unwrap_err();
        assert!(text.contains("both are the module `fix_foo`"), "{text}");
    }

    #[test]
    fn objects_that_are_no_plain_paths_are_refused() {
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
    fn a_release_that_leads_elsewhere_is_refused() {
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
