// SPDX-License-Identifier: GPL-2.0-only

//! Parses a folder's Kbuild file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::host::paths::{check_for_make, is_inside};

/// The modules of a Kbuild file, with their parts.
#[derive(Clone, Debug, Default)]
pub struct Kbuild {
    dir: PathBuf,
    /// The objects in lines like `obj-m := one.o two.o`.
    objects: Vec<String>,
    /// The objects in conditionals (`ifdef`, `ifeq` and so on).
    conditional: BTreeSet<String>,
    /// The objects in lines like `one-y := a.o b.o`, by the module's name without extension.
    parts: BTreeMap<String, Vec<String>>,
}

impl Kbuild {
    /// Reads the Kbuild file of a folder. Returns an empty value if there is none.
    ///
    /// # Errors
    ///
    /// It cannot be read, or contains an invalid path.
    pub fn read(dir: &Path) -> Result<Self> {
        let mut kbuild = Self {
            dir: dir.to_owned(),
            ..Self::default()
        };
        let Some(file) = file(dir) else {
            return Ok(kbuild);
        };
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut conditions: usize = 0;
        for line in text.replace("\\\n", " ").lines() {
            match line.split_whitespace().next() {
                Some("ifdef" | "ifndef" | "ifeq" | "ifneq") => conditions += 1,
                Some("endif") => conditions = conditions.saturating_sub(1),
                _ => {}
            }
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let name = name.trim().trim_end_matches([':', '+', '?']).trim_end();
            let words = value
                .split_whitespace()
                .take_while(|word| !word.starts_with('#'))
                .filter(|word| word.ends_with(".o"))
                .map(str::to_owned);
            if name == "obj-m" {
                let first = kbuild.objects.len();
                kbuild.objects.extend(words);
                if conditions > 0 {
                    let conditional = kbuild.objects.iter().skip(first).cloned();
                    kbuild.conditional.extend(conditional);
                }
            } else if let Some(module) = module_of_parts(name) {
                let parts = kbuild.parts.entry(module.to_owned()).or_default();
                parts.extend(words);
            }
        }
        for object in kbuild.objects.iter().chain(kbuild.parts.values().flatten()) {
            check_object(object).with_context(|| format!("{} names {object:?}", file.display()))?;
        }
        Ok(kbuild)
    }

    /// Returns the modules' objects, in the order of the file.
    pub fn objects(&self) -> &[String] {
        &self.objects
    }

    /// Returns the parts of a module's object: by default, the object itself.
    pub fn parts<'a>(&'a self, object: &'a String) -> &'a [String] {
        let parts = object
            .strip_suffix(".o")
            .and_then(|name| self.parts.get(name));
        parts.map_or(std::slice::from_ref(object), Vec::as_slice)
    }

    /// Returns the Rust sources of its modules.
    pub fn crates(&self) -> Vec<PathBuf> {
        let parts = self.objects.iter().flat_map(|object| self.parts(object));
        parts.filter_map(|part| self.source(part)).collect()
    }

    /// Returns the files of modules without Rust, which patches in the same folder may patch. Omits conditional
    /// modules, because only make can evaluate the conditions.
    pub fn in_c(&self) -> Vec<String> {
        let is_in_c = |object: &&String| {
            let mut parts = self.parts(object).iter();
            !parts.any(|part| self.source(part).is_some())
        };
        let always = |object: &&String| !self.conditional.contains(*object);
        let modules = self.objects.iter().filter(always).filter(is_in_c);
        modules
            .filter_map(|object| Some(format!("{}.ko", object.strip_suffix(".o")?)))
            .collect()
    }

    /// Returns the source of a Rust object. `None` if it is not in Rust.
    fn source(&self, object: &str) -> Option<PathBuf> {
        let path = self.dir.join(object).with_extension("rs");
        path.is_file().then_some(path)
    }

    /// Returns its folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Returns the module whose parts this variable lists.
fn module_of_parts(name: &str) -> Option<&str> {
    let endings = ["-y", "-objs", "-m"].iter();
    let module = endings
        .filter_map(|ending| name.strip_suffix(ending))
        .next()?;
    (!matches!(module, "obj" | "always" | "subdir")).then_some(module)
}

/// Returns a folder's Kbuild file.
pub fn file(dir: &Path) -> Option<PathBuf> {
    ["Kbuild", "Makefile"]
        .map(|name| dir.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

/// Checks an object's name, which is used as a make target and as a path in the folder.
fn check_object(object: &str) -> Result<()> {
    check_for_make(Path::new(object))?;
    ensure!(
        is_inside(Path::new(object)) && !object.starts_with('-'),
        "an object's name is a path from the patch's folder to a file in it, as in `fix-foo.o`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, files: &[&str]) -> (tempfile::TempDir, Kbuild) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Kbuild"), text).unwrap();
        for file in files {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let kbuild = Kbuild::read(dir.path()).unwrap();
        (dir, kbuild)
    }

    #[test]
    fn modules_without_rust_are_in_c() {
        let text = "# obj-m := no.o\nobj-m := one.o \\\n\ttwo.o\nobj-m += c.o\nc-y := d.o e.o\n";
        let files = ["one.rs", "two.rs", "part.rs", "d.c", "no.rs"];
        let (dir, kbuild) = read(text, &files);
        assert_eq!(kbuild.objects(), ["one.o", "two.o", "c.o"]);
        assert_eq!(kbuild.in_c(), ["c.ko"]);
        assert!(
            Kbuild::read(&dir.path().join("none"))
                .unwrap()
                .in_c()
                .is_empty()
        );
    }

    #[test]
    fn conditional_modules_are_omitted() {
        let text = "obj-m := a.o\nifeq ($(X),y)\nobj-m += b.o\nifdef Y\nobj-m += c.o\nendif\nobj-m += d.o\n\
                    else\nobj-m += e.o\nendif\nobj-m += f.o\n";
        let (_dir, kbuild) = read(text, &[]);
        assert_eq!(kbuild.objects().len(), 6);
        assert_eq!(kbuild.in_c(), ["a.ko", "f.ko"]);
    }

    #[test]
    fn a_crate_can_be_part_of_a_module() {
        let text = "obj-m := fix.o\nfix-y := patch.o\nfix-y += helpers.o # in C\nalways-y := x.o\n";
        let (dir, kbuild) = read(text, &["patch.rs", "helpers.c"]);
        assert_eq!(kbuild.crates(), [dir.path().join("patch.rs")]);
        assert!(kbuild.in_c().is_empty());
        assert_eq!(kbuild.parts(&"fix.o".to_owned()), ["patch.o", "helpers.o"]);
    }
}
