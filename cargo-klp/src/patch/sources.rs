// SPDX-License-Identifier: GPL-2.0-only

//! Checks the source files of a patch, with better error messages than make's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use klp_host::module;

use super::Patch;

impl Patch {
    /// Checks that there is a patch to build.
    ///
    /// # Errors
    ///
    /// A source file named in the Kbuild file is missing, or none has a patch.
    pub fn check_sources(&self) -> Result<()> {
        let kbuild = module::kbuild_file(&self.dir).unwrap_or_default();
        let text = fs::read_to_string(&kbuild).unwrap_or_default();
        let parts = self.kbuild.objects().iter();
        for object in parts.flat_map(|object| self.kbuild.parts(object)) {
            let stem = object.trim_end_matches(".o");
            let has_source = ["rs", "c", "S"]
                .iter()
                .any(|ending| self.dir.join(format!("{stem}.{ending}")).is_file());
            let has_rule = ["c", "o"]
                .iter()
                .any(|ending| text.contains(&format!("{stem}.{ending}:")));
            ensure!(
                has_source || has_rule,
                "{} names {object}, but there is no {stem}.rs{}",
                kbuild.display(),
                self.missing_help(stem)
            );
        }
        let crates = self.crates();
        ensure!(
            crates.is_empty() || self.sources().iter().any(|path| has_patch(path)),
            "there is no #[livepatch(...)] in {}: it marks replacements; `cargo klp stub FUNCTION` prints one",
            crates[0].display()
        );
        Ok(())
    }

    /// The advice for a missing source file, which may have been renamed.
    fn missing_help(&self, stem: &str) -> String {
        let named: Vec<PathBuf> = self.crates();
        let others: Vec<String> = self
            .sources()
            .iter()
            .filter(|path| !named.contains(path) && has_patch(path))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        match others.as_slice() {
            [other] => format!(
                ": if {other}.rs is the patch, write {other}.o there, or rename it to {stem}.rs"
            ),
            _ => format!(": create it, or remove {stem}.o there"),
        }
    }

    /// The Rust source files directly in the folder.
    pub fn sources(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut sources: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
            .collect();
        sources.sort();
        sources
    }

    /// Refuses two modules with the same name: the kernel would load only one of them.
    pub(super) fn check_names(&self) -> Result<()> {
        let name = |object: &String| {
            let file = object.rsplit('/').next().unwrap_or(object);
            file.trim_end_matches(".o").replace('-', "_")
        };
        let kbuild = module::kbuild_file(&self.dir).unwrap_or_default();
        for (index, object) in self.kbuild.objects().iter().enumerate() {
            let others = &self.kbuild.objects()[..index];
            if let Some(first) = others.iter().find(|other| name(other) == name(object)) {
                bail!(
                    "{} names {first} and {object}: both are the module `{}`, but a kernel can load only one module \
                     of a name; rename one of them",
                    kbuild.display(),
                    name(object)
                );
            }
        }
        Ok(())
    }
}

/// Whether a source file seems to have a patch.
fn has_patch(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains("livepatch") || text.contains("module!")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(files: &[(&str, &str)]) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let patch = Patch::open(dir.path()).map_err(|error| format!("{error:#}"))?;
        patch.check_sources().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn missing_sources_are_reported() {
        let patch = "#[livepatch(object = \"vmlinux\")]";
        let kbuild = (
            "Kbuild",
            "obj-m := fix-foo.o c.o parts.o\nparts-y := one.o\n",
        );
        checked(&[kbuild, ("fix-foo.rs", patch), ("c.c", ""), ("one.c", "")]).unwrap();
        let text =
            checked(&[kbuild, ("fix-bar.rs", patch), ("c.c", ""), ("one.c", "")]).unwrap_err();
        assert!(
            text.contains(
                "names fix-foo.o, but there is no fix-foo.rs: if fix-bar.rs is the patch"
            ) && text.contains("rename it to fix-foo.rs"),
            "{text}"
        );
        let text = checked(&[kbuild, ("fix-foo.rs", patch), ("one.c", "")]).unwrap_err();
        assert!(text.contains("no c.rs: create it, or remove c.o"), "{text}");
        let text = checked(&[
            kbuild,
            ("fix-foo.rs", "fn f() {}"),
            ("c.c", ""),
            ("one.c", ""),
        ])
        .unwrap_err();
        assert!(
            text.contains("no #[livepatch(...)] in") && text.contains("fix-foo.rs"),
            "{text}"
        );
        // The patch may be in a module of the crate.
        let parts = [
            ("fix-foo.rs", "mod part;"),
            ("part.rs", patch),
            ("c.c", ""),
            ("one.c", ""),
        ];
        checked(&[&[kbuild], &parts[..]].concat()).unwrap();
    }

    #[test]
    fn modules_with_the_same_name_are_refused() {
        let text = checked(&[("Kbuild", "obj-m := fix-foo.o\nobj-m += fix_foo.o\n")]).unwrap_err();
        assert!(text.contains("both are the module `fix_foo`"), "{text}");
    }
}
