// SPDX-License-Identifier: GPL-2.0-only

//! Reads and controls patches in `/sys/kernel/livepatch` (Documentation/ABI/testing/sysfs-kernel-livepatch).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Kernel, is_gone, read};

/// The module klp-core, which itself is a live patch of the livepatch core in C.
const CORE_MODULE: &str = "klp_core";

/// A patch in the kernel.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Patch {
    /// The module name.
    pub name: String,
    /// It is applied, or its transition applies it.
    pub enabled: bool,
    /// Its transition is running.
    pub transition: bool,
    /// It is cumulative. Unknown before Linux 6.13.
    pub replace: Option<bool>,
    /// Its position in the stack of patches, from 1. Unknown before Linux 6.13.
    pub stack_order: Option<u32>,
    /// The module version.
    pub version: Option<String>,
    pub objects: Vec<Object>,
}

/// An object of a patch.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Object {
    /// `vmlinux`, or the module name.
    pub name: String,
    /// It is loaded and patched. Unknown before Linux 6.2.
    pub patched: Option<bool>,
    /// The functions that are replaced.
    pub functions: Vec<Function>,
}

/// A function that a patch replaces.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Function {
    pub name: String,
    /// Its sympos, from 1.
    pub position: u32,
}

impl Patch {
    /// The state: `applied`, `applying`, `reverting` or `disabled`.
    pub fn state(&self) -> &'static str {
        match (self.enabled, self.transition) {
            (true, false) => "applied",
            (true, true) => "applying",
            (false, true) => "reverting",
            (false, false) => "disabled",
        }
    }

    /// The number of functions that it replaces.
    pub fn function_count(&self) -> usize {
        self.objects
            .iter()
            .map(|object| object.functions.len())
            .sum()
    }

    /// Whether it replaces a function of that name.
    pub fn replaces(&self, function: &str) -> bool {
        let mut functions = self.objects.iter().flat_map(|object| &object.functions);
        functions.any(|it| it.name == function)
    }
}

impl Kernel {
    fn patch_path(&self, name: &str) -> PathBuf {
        self.path("sys/kernel/livepatch").join(name)
    }

    /// All patches except [`Self::core_module`], in stack order if the kernel shows it, else by name.
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn patches(&self) -> Result<Vec<Patch>> {
        let mut patches = self.all_patches()?;
        patches.retain(|patch| patch.name != CORE_MODULE);
        Ok(patches)
    }

    /// The module klp-core as a patch, if it is loaded.
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn core_module(&self) -> Result<Option<Patch>> {
        self.patch(CORE_MODULE)
    }

    /// The patch in transition, which may be [`Self::core_module`].
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn in_transition(&self) -> Result<Option<Patch>> {
        let patches = self.all_patches()?;
        Ok(patches.into_iter().find(|patch| patch.transition))
    }

    fn all_patches(&self) -> Result<Vec<Patch>> {
        let mut patches = Vec::new();
        for name in folders(&self.path("sys/kernel/livepatch"))? {
            patches.extend(self.patch(&name)?);
        }
        patches.sort_by(|a, b| (a.stack_order, &a.name).cmp(&(b.stack_order, &b.name)));
        Ok(patches)
    }

    /// The names of [`Self::patches`], in the same order.
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn patch_names(&self) -> Result<Vec<String>> {
        let patches = self.patches()?.into_iter();
        Ok(patches.map(|patch| patch.name).collect())
    }

    /// The patch `name`, if the kernel has it.
    ///
    /// # Errors
    ///
    /// sysfs cannot be read.
    pub fn patch(&self, name: &str) -> Result<Option<Patch>> {
        let path = self.patch_path(name);
        // A folder without these files is being removed.
        let Some(enabled) = flag(&path.join("enabled"))? else {
            return Ok(None);
        };
        let Some(transition) = flag(&path.join("transition"))? else {
            return Ok(None);
        };
        let stack_order = read(&path.join("stack_order"))?;
        let version = read(&self.path("sys/module").join(name).join("version"))?;
        Ok(Some(Patch {
            name: name.to_owned(),
            enabled,
            transition,
            replace: flag(&path.join("replace"))?,
            stack_order: stack_order.and_then(|order| order.parse().ok()),
            version,
            objects: objects(&path)?,
        }))
    }

    /// Enables or disables a patch, or reverses its transition.
    ///
    /// # Errors
    ///
    /// The kernel refuses it, or the patch was removed.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> Result<()> {
        write(&self.patch_path(name).join("enabled"), enabled)
    }

    /// Forces the running transition of a patch.
    ///
    /// # Errors
    ///
    /// The kernel refuses it, or the patch was removed.
    pub fn force(&self, name: &str) -> Result<()> {
        write(&self.patch_path(name).join("force"), true)
    }
}

fn write(path: &Path, value: bool) -> Result<()> {
    let value = if value { "1" } else { "0" };
    fs::write(path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
}

fn flag(path: &Path) -> Result<Option<bool>> {
    Ok(read(path)?.map(|text| text == "1"))
}

/// The names of the folders in a folder, sorted; none if it was removed.
fn folders(path: &Path) -> Result<Vec<String>> {
    let listing = || format!("cannot list {}", path.display());
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(listing),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(listing)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn objects(patch: &Path) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for name in folders(patch)? {
        let path = patch.join(&name);
        let functions = folders(&path)?;
        objects.push(Object {
            patched: flag(&path.join("patched"))?,
            functions: functions.iter().filter_map(|name| function(name)).collect(),
            name,
        });
    }
    Ok(objects)
}

/// `NAME,POSITION`
fn function(folder: &str) -> Option<Function> {
    let (name, position) = folder.rsplit_once(',')?;
    Some(Function {
        name: name.to_owned(),
        position: position.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a folder with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("not the root")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        dir
    }

    #[test]
    fn patches_are_in_stack_order() {
        let dir = tree(&[
            ("sys/kernel/livepatch/a/enabled", "1\n"),
            ("sys/kernel/livepatch/a/transition", "1\n"),
            ("sys/kernel/livepatch/a/stack_order", "2\n"),
            ("sys/kernel/livepatch/a/replace", "1\n"),
            ("sys/kernel/livepatch/a/vmlinux/patched", "1\n"),
            ("sys/kernel/livepatch/a/vmlinux/read_it,2/x", ""),
            ("sys/kernel/livepatch/a/disk/patched", "0\n"),
            ("sys/kernel/livepatch/b/enabled", "0\n"),
            ("sys/kernel/livepatch/b/transition", "1\n"),
            ("sys/kernel/livepatch/b/stack_order", "1\n"),
            ("sys/kernel/livepatch/going/transition", "0\n"),
            ("sys/module/b/version", "1.2\n"),
        ]);
        let patches = Kernel::at(dir.path()).patches().expect("readable");
        let names: Vec<_> = patches.iter().map(|patch| patch.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(patches[0].version.as_deref(), Some("1.2"));
        assert_eq!(
            (patches[0].state(), patches[1].state()),
            ("reverting", "applying")
        );
        assert_eq!(patches[1].replace, Some(true));
        assert_eq!(patches[1].function_count(), 1);
        assert!(patches[1].replaces("read_it"));
        assert_eq!(patches[1].objects[0].name, "disk");
        assert_eq!(patches[1].objects[0].patched, Some(false));
        assert_eq!(patches[1].objects[1].functions[0].position, 2);
    }

    #[test]
    fn files_missing_in_old_kernels_are_optional() {
        let dir = tree(&[
            ("sys/kernel/livepatch/a/enabled", "1\n"),
            ("sys/kernel/livepatch/a/transition", "0\n"),
            ("sys/kernel/livepatch/a/vmlinux/read_it,1/x", ""),
        ]);
        let patch = Kernel::at(dir.path())
            .patch("a")
            .expect("readable")
            .expect("there");
        assert_eq!((patch.replace, patch.stack_order), (None, None));
        assert_eq!(patch.objects[0].patched, None);
        assert_eq!(patch.state(), "applied");
    }

    #[test]
    fn klp_core_is_separate_from_patches() {
        let dir = tree(&[
            ("sys/kernel/livepatch/klp_core/enabled", "1\n"),
            ("sys/kernel/livepatch/klp_core/transition", "1\n"),
            ("sys/kernel/livepatch/a/enabled", "1\n"),
            ("sys/kernel/livepatch/a/transition", "0\n"),
        ]);
        let kernel = Kernel::at(dir.path());
        assert_eq!(kernel.patch_names().expect("readable"), ["a"]);
        let core = kernel.core_module().expect("readable").expect("there");
        assert_eq!(core.state(), "applying");
        let changing = kernel.in_transition().expect("readable");
        assert_eq!(changing.map(|patch| patch.name), Some("klp_core".into()));
    }

    #[test]
    fn without_patches() {
        let dir = tree(&[]);
        let kernel = Kernel::at(dir.path());
        assert!(!kernel.has_livepatch());
        assert_eq!(kernel.patches().expect("none"), []);
        assert_eq!(kernel.patch("a").expect("none"), None);
    }
}
