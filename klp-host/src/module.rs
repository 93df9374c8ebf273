// SPDX-License-Identifier: GPL-2.0-only

//! Builds external kernel modules against a kernel, into an output folder: the sources stay
//! clean, and builds for several kernels can coexist. Livepatch symbols are
//! linked.

mod folder;
mod helpers;
mod kbuild;
mod prerequisites;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::build_folder::BuildFolder;
use crate::cache::{Cache, Key};
use crate::host::paths::check_for_make;

pub use folder::{Built, Folder};
pub use kbuild::{Kbuild, file as kbuild_file};
pub use prerequisites::Prerequisites;

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder below which everything is built.
    pub output: PathBuf,
    /// More variables for make's command line.
    pub make_vars: Vec<(String, String)>,
    /// Source folders whose C modules are built first: the patches beside them are
    /// compiled with their types.
    pub patched: Vec<PathBuf>,
}

/// Builds the module folder `dir` (C or Rust) for a kernel, into a folder that is kept for both.
pub fn build(kernel: &BuildFolder, dir: &Path, options: &Options) -> Result<Built> {
    let dir = sources(kernel, dir)?;
    let mut built = None;
    output_entry(kernel, &dir, &options.output)?.get_updated(|output| {
        let name = dir.file_name().unwrap_or_default();
        let folder = Folder {
            what: &format!("the modules in {}", name.to_string_lossy()),
            sources: &dir,
            output,
            vars: &options.make_vars,
            env: &[],
        };
        built = Some(folder.make_with_patched(kernel, &options.patched)?);
        Ok(())
    })?;
    built.context("the modules' folder was not built")
}

/// The absolute path of a folder of modules.
pub fn sources(kernel: &BuildFolder, dir: &Path) -> Result<PathBuf> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("there is no module folder {}", dir.display()))?;
    if kbuild::file(&dir).is_none() {
        bail!(
            "{} has no Kbuild file or Makefile: give a folder of external modules",
            dir.display()
        );
    }
    check_for_make(&dir)?;
    if dir.join("Module.symvers").is_file() || dir.join("modules.order").is_file() {
        bail!(
            "modules were built inside of {}, and would get mixed up with these: run \
             make -C {} M={} clean, then this again",
            dir.display(),
            kernel.dir.display(),
            dir.display()
        );
    }
    Ok(dir)
}

/// Where it is built: apart by kernel and by module folder.
fn output_entry(kernel: &BuildFolder, dir: &Path, top: &Path) -> Result<crate::cache::Entry> {
    let top = Cache::at(top)?;
    // The kernel's folder in the cache has a name that holds the kernel's key.
    let kernel_name = kernel
        .dir
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let name = dir.file_name().unwrap_or_default();
    let key = Key::new()
        .with("kernel", kernel.dir.as_os_str().as_encoded_bytes())
        .with("folder", dir.as_os_str().as_encoded_bytes());
    // Kernels that differ only in these share the folder.
    let key = kernel
        .vars
        .iter()
        .fold(key, |key, (name, value)| key.with(name, value.as_bytes()));
    Ok(top.entry(
        &kernel_name.to_string_lossy(),
        &name.to_string_lossy(),
        &key,
    ))
}

/// A variable of make: modules without BTF, which of a patch is several times as large as the patch. Whatever needs a
/// module's types makes them from its debug information.
pub const WITHOUT_BTF: (&str, &str) = ("CONFIG_DEBUG_INFO_BTF_MODULES", "");

impl Folder<'_> {
    /// Builds it, after the modules and helpers that patches in these folders need.
    fn make_with_patched(&self, kernel: &BuildFolder, folders: &[PathBuf]) -> Result<Built> {
        let mut first = Prerequisites::default();
        for folder in folders {
            first.add(&Kbuild::read(&self.sources.join(folder))?, folder)?;
        }
        if first.is_empty() {
            return self.make(kernel);
        }
        let folder = Folder {
            what: &format!("what is patched by {}", self.what),
            vars: &[self.vars, &[("KLP_PATCHED".to_owned(), "1".to_owned())]].concat(),
            ..*self
        };
        let vmlinux = Some(kernel.dir.join("vmlinux")).filter(|file| file.is_file());
        let files = first.build(&folder, kernel, vmlinux.as_deref())?;
        let types = self.types_of(&files)?;
        let modules = self.output.display().to_string();
        let folder = Folder {
            vars: &[self.vars, &[("KRUSTFLAGS".to_owned(), types)]].concat(),
            env: &[self.env, &[("KLP_MODULES".to_owned(), modules)]].concat(),
            ..*self
        };
        folder.make(kernel)
    }

    /// A compiler's option that is another one when these modules are.
    fn types_of(&self, modules: &[String]) -> Result<String> {
        let mut key = Key::new();
        for name in modules {
            let path = self.output.join(name);
            let data =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            key = key.with(name, data);
        }
        Ok(format!("--cfg klp_known_{}", key.short()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    #[test]
    fn a_folder_that_make_cannot_work_in_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a;b");
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("Kbuild"), "").unwrap();
        let kernel = BuildFolder {
            release: "7.2.0".to_owned(),
            arch: Arch::default(),
            dir: PathBuf::from("/kernel"),
            env: Vec::new(),
            vars: Vec::new(),
            freestanding: None,
        };
        let text = sources(&kernel, &odd).unwrap_err().to_string();
        assert!(text.contains("the character ;"), "{text}");
    }
}
