// SPDX-License-Identifier: GPL-2.0-only

//! Builds external kernel modules against a kernel, into an output folder: the sources stay
//! clean, and builds for several kernels can coexist. Livepatch symbols are
//! linked.

mod helpers;
mod kbuild;
mod prerequisites;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::cache::{Cache, Key};
use crate::host::consent::explain_offline;
use crate::host::files;
use crate::host::paths::{check_for_make, is_inside};
use crate::host::progress::{Show, Step};
use crate::kernel::BuildFolder;
use crate::link;
use crate::strip;

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

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The modules, in the order of the Kbuild file.
    pub modules: Vec<PathBuf>,
}

impl Built {
    /// The module of this name (`livepatch_sample` or `livepatch-sample`, with `.ko` or without).
    pub fn module(&self, name: &str) -> Option<&Path> {
        let plain = |text: &str| text.trim_end_matches(".ko").replace('-', "_");
        self.modules
            .iter()
            .find(|path| {
                path.file_name()
                    .is_some_and(|file| plain(&file.to_string_lossy()) == plain(name))
            })
            .map(PathBuf::as_path)
    }
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
    Ok(top.entry(
        &kernel_name.to_string_lossy(),
        &name.to_string_lossy(),
        &key,
    ))
}

/// A variable of make: modules without BTF, which of a patch is several times as large as the patch. Whatever needs a
/// module's types makes them from its debug information.
pub const WITHOUT_BTF: (&str, &str) = ("CONFIG_DEBUG_INFO_BTF_MODULES", "");

/// A folder of modules, and where and how it is built.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// For messages.
    pub what: &'a str,
    /// Absolute; see [`sources`].
    pub sources: &'a Path,
    /// Absolute. The caller holds a lock.
    pub output: &'a Path,
    /// Variables for make's command line.
    pub vars: &'a [(String, String)],
    /// Additional environment of make.
    pub env: &'a [(String, String)],
}

impl Folder<'_> {
    /// Builds it. What compilers have to say is shown.
    pub fn make(&self, kernel: &BuildFolder) -> Result<Built> {
        self.make_only(kernel, &["modules".to_owned()])?;
        let order = self.output.join("modules.order");
        let order = fs::read_to_string(&order)
            .with_context(|| format!("cannot read {}", order.display()))?;
        let modules = modules(self.output, &order)?;
        for module in &modules {
            strip::in_place(module)?;
            link::in_place(module)?;
        }
        Ok(Built { modules })
    }

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

    /// Builds these of its targets, such as `one-module.ko`.
    pub fn make_only(&self, kernel: &BuildFolder, targets: &[String]) -> Result<()> {
        for path in [self.sources, self.output, &kernel.dir] {
            check_for_make(path)?;
        }
        let step = Step::start(
            &format!("building {} for {}", self.what, kernel.release),
            "seconds; at first up to a minute",
        );
        let log = self.output.join("build.log");
        files::create_log(&log).context("cannot write the log")?;
        let mut command = self.command(kernel);
        let made = step.run_showing(command.args(targets), &log, Show::Messages);
        made.map_err(|error| {
            let output = fs::read_to_string(&log).unwrap_or_default();
            match explain_offline(&output) {
                Some(why) => anyhow!("{error:#}\n{why}"),
                None => error,
            }
        })?;
        step.done();
        Ok(())
    }

    /// A make for it, without a target.
    pub fn command(&self, kernel: &BuildFolder) -> Command {
        let assign = |name: &str, path: &Path| {
            let mut word = std::ffi::OsString::from(name);
            word.push(path);
            word
        };
        let vars = self.vars.iter();
        let mut command = kernel.make();
        command
            .arg(assign("M=", self.sources))
            .arg(assign("MO=", self.output))
            .args(vars.map(|(name, value)| format!("{name}={value}")))
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The modules that Kbuild lists, as object files, relative to the output. They are modified, so
/// they have to be in it.
fn modules(output: &Path, order: &str) -> Result<Vec<PathBuf>> {
    let module = |line: &str| {
        let object = Path::new(line.trim());
        // Older kernels name it with its folder.
        let object = object.strip_prefix(output).unwrap_or(object);
        ensure!(
            is_inside(object),
            "the build made {object:?}, which is not in its folder {}: the Kbuild file may only \
             name objects of its own folder and of those below it",
            output.display()
        );
        Ok(output.join(object).with_extension("ko"))
    };
    order.lines().map(module).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    #[test]
    fn modules_are_found_by_either_spelling() {
        let built = Built {
            modules: modules(Path::new("/o"), "b/two-parts.o\na.o\n").unwrap(),
        };
        assert_eq!(
            built.modules,
            [PathBuf::from("/o/b/two-parts.ko"), PathBuf::from("/o/a.ko")]
        );
        for name in ["two-parts", "two_parts", "two_parts.ko"] {
            assert_eq!(
                built.module(name),
                Some(Path::new("/o/b/two-parts.ko")),
                "{name}"
            );
        }
        assert_eq!(built.module("parts"), None);
    }

    #[test]
    fn modules_outside_of_the_output_are_refused() {
        for order in ["/o/../x.o\n", "a.o\n../x.o\n", "/etc/x.o\n", "\n"] {
            let text = modules(Path::new("/o"), order).unwrap_err().to_string();
            assert!(text.contains("not in its folder /o"), "{text}");
        }
    }

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
