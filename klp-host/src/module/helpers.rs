// SPDX-License-Identifier: GPL-2.0-only

//! C functions of a patch, in the file `helpers.c` of its folder.
//!
//! The object is compiled before the patch and passed to the attribute macros as a module:
//! `#[klp::helpers]` compares declarations with its types.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::kbuild::Kbuild;
use crate::host::process;

/// The object file of the functions.
const OBJECT: &str = "helpers.o";

/// The folder in the build's output for objects with type information.
const ENCODED: &str = ".klp-helpers";

/// The C functions of one patch.
#[derive(Clone, Debug)]
pub(super) struct Helpers {
    /// The patch's folder, relative to the sources.
    folder: PathBuf,
    /// The module that they are part of, without extension.
    module: String,
}

impl Helpers {
    /// Returns the helpers in the folder of this Kbuild file, `folder` relative to the sources. `None` without a
    /// file `helpers.c`.
    ///
    /// # Errors
    ///
    /// The Kbuild file does not make it part of exactly one module.
    pub(super) fn of(kbuild: &Kbuild, folder: &Path) -> Result<Option<Self>> {
        let source = kbuild.dir().join("helpers.c");
        if !source.is_file() {
            return Ok(None);
        }
        let is_in = |object: &&String| {
            let parts = kbuild.parts(object);
            parts.len() > 1 && parts.iter().any(|part| part == OBJECT)
        };
        let mut modules = kbuild.objects().iter().filter(is_in);
        match (modules.next(), modules.next()) {
            (Some(object), None) => Ok(Some(Self {
                folder: folder.to_owned(),
                module: object.trim_end_matches(".o").to_owned(),
            })),
            (None, _) => bail!(
                "{} is part of no module: write a patch `patch.rs` into the Kbuild file as\n  \
                 obj-m := NAME.o\n  NAME-y := patch.o {OBJECT}",
                source.display()
            ),
            (Some(first), Some(second)) => bail!(
                "{} is part of {first} and of {second}: each patch with C functions needs its own \
                 folder",
                source.display()
            ),
        }
    }

    /// Returns the goals for make. The kernel's makefile does not load the configuration if all goals match
    /// `help%`, so the list of the module's parts is also built.
    pub(super) fn targets(&self) -> [String; 2] {
        let list = format!("{}.mod", self.module);
        [OBJECT, &list].map(|name| self.folder.join(name).display().to_string())
    }

    /// Encodes the object's types as BTF based on the kernel's, in a copy that the attribute macros find as a
    /// module. Returns the file, relative to `output`.
    ///
    /// # Errors
    ///
    /// pahole fails.
    pub(super) fn encode_types(&self, output: &Path, vmlinux: &Path) -> Result<String> {
        let name = format!("{ENCODED}/{}_helpers.ko", self.module.replace('-', "_"));
        let (object, encoded) = (output.join(&self.folder).join(OBJECT), output.join(&name));
        let copy = || {
            fs::create_dir_all(output.join(ENCODED))?;
            fs::copy(&object, &encoded)
        };
        copy().with_context(|| format!("cannot copy {}", object.display()))?;
        let mut base = std::ffi::OsString::from("--btf_base=");
        base.push(vmlinux);
        let mut command = process::command("pahole");
        command.arg("-J").arg(base).arg(&encoded);
        process::run(&mut command)
            .with_context(|| format!("cannot encode the types of {} as BTF", object.display()))?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<Helpers>> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Kbuild"), text).unwrap();
        fs::write(dir.path().join("helpers.c"), "").unwrap();
        Helpers::of(&Kbuild::read(dir.path()).unwrap(), Path::new("examples/a"))
    }

    #[test]
    fn helpers_must_be_part_of_one_module() {
        let helpers = of("obj-m := my-fix.o\nmy-fix-y := patch.o helpers.o\n");
        let helpers = helpers.unwrap().unwrap();
        assert_eq!(
            helpers.targets(),
            ["examples/a/helpers.o", "examples/a/my-fix.mod"]
        );
        for (text, part) in [
            ("obj-m := patch.o\n", "is part of no module"),
            ("obj-m := patch.o helpers.o\n", "is part of no module"),
            (
                "obj-m := a.o b.o\na-y := c.o helpers.o\nb-y := d.o helpers.o\n",
                "needs its own folder",
            ),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
