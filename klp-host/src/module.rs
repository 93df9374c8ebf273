// SPDX-License-Identifier: GPL-2.0-only

//! Builds external kernel modules against a kernel, and links livepatch symbols. A separate output folder
//! per kernel keeps the sources clean.

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

/// The options of a build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The parent of all output folders.
    pub output: PathBuf,
    /// Additional variables on make's command line.
    pub make_vars: Vec<(String, String)>,
    /// Source folders whose C modules are built first: patches in the same folder are compiled with
    /// their types.
    pub patched: Vec<PathBuf>,
}

/// Builds the modules in `dir` (C or Rust) for a kernel. The output folder of this pair is reused.
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
    built.context("the modules were not built")
}

/// Returns the absolute path of a module folder, after checking it.
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
            "{} contains the output of an earlier module build, which would be mixed with this one: run \
             make -C {} M={} clean, then this again",
            dir.display(),
            kernel.dir.display(),
            dir.display()
        );
    }
    Ok(dir)
}

/// Returns the cache entry for the output of this kernel and module folder.
fn output_entry(kernel: &BuildFolder, dir: &Path, top: &Path) -> Result<crate::cache::Entry> {
    let top = Cache::at(top)?;
    // The name of the kernel's folder in the cache contains the kernel's key.
    let kernel_name = kernel
        .dir
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let name = dir.file_name().unwrap_or_default();
    let key = Key::new()
        .with("kernel", kernel.dir.as_os_str().as_encoded_bytes())
        .with("folder", dir.as_os_str().as_encoded_bytes());
    // Kernels that differ only in these variables share a build folder.
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

/// The make variable that disables BTF in modules. A patch's BTF is several times as large as the patch. Where a
/// module's types are needed, they are generated from its debug information.
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
            what: &format!("the prerequisites of {}", self.what),
            vars: &[self.vars, &[("KLP_PATCHED".to_owned(), "1".to_owned())]].concat(),
            ..*self
        };
        let vmlinux = Some(kernel.dir.join("vmlinux")).filter(|file| file.is_file());
        let files = first.build(&folder, kernel, vmlinux.as_deref())?;
        let option = self.option_for(&files)?;
        let modules = self.output.display().to_string();
        let folder = Folder {
            vars: &[self.vars, &[("KRUSTFLAGS".to_owned(), option)]].concat(),
            env: &[self.env, &[("KLP_MODULES".to_owned(), modules)]].concat(),
            ..*self
        };
        folder.make(kernel)
    }

    /// Returns a compiler option that changes with these modules, so that patches are recompiled.
    fn option_for(&self, modules: &[String]) -> Result<String> {
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
    fn a_folder_name_that_make_cannot_handle_is_refused() {
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
