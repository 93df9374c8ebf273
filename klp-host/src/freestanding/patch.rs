// SPDX-License-Identifier: GPL-2.0-only

//! Builds a patch for a kernel without Rust.
//!
//! Older kernels build modules in their source folder, and their Kbuild has a rule for Rust sources.
//! So the Rust objects are compiled and linked here. The output folder contains them, links to the author's
//! other files, and a Kbuild file that includes the author's.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::options::{self, without_folder};
use super::{Freestanding, klp, part};
use crate::build_folder::BuildFolder;
use crate::host::files::{self, write_atomic};
use crate::host::progress::{Show, Step};
use crate::module::{Kbuild, WITHOUT_BTF, kbuild_file};

/// The link to the author's Kbuild file.
const AUTHORS: &str = "klp-authors-kbuild";

/// The extension of linked objects.
const JOINED: &str = "joined";

/// Returns the make variables that disable BTF and remove the output folder's path from `__FILE__`.
pub fn vars(output: &Path) -> Vec<(String, String)> {
    let options = format!("-fmacro-prefix-map={}/=", output.display());
    let vars = [WITHOUT_BTF, ("KCFLAGS", options.as_str())];
    vars.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A patch, with its build environment.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a> {
    /// The kernel's build folder.
    pub kernel: &'a BuildFolder,
    /// The tools for Rust code.
    pub tools: &'a Freestanding,
    /// The folder of [`super::core`].
    pub core: &'a Path,
    /// The output folder of [`super::klp`].
    pub klp: &'a Path,
    /// The author's folder.
    pub sources: &'a Path,
    /// The author's Kbuild file.
    pub kbuild: &'a Kbuild,
    /// The output folder.
    pub output: &'a Path,
}

impl Patch<'_> {
    /// Writes the Kbuild file and the links to the author's files into the output folder.
    ///
    /// # Errors
    ///
    /// A file of the author's has the name of a file of the build.
    pub fn stage(&self) -> Result<()> {
        let list = || format!("cannot list {}", self.sources.display());
        self.remove_old_links()?;
        let crates = self.kbuild.crates();
        let kbuild = kbuild_file(self.sources).unwrap_or_default();
        for item in fs::read_dir(self.sources).with_context(list)? {
            let path = item.with_context(list)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_ignored = name.starts_with('.') || name == "target" || path == kbuild;
            if !is_ignored && !crates.contains(&path) {
                self.link(&path, &name)?;
            }
        }
        self.link(&kbuild, AUTHORS)?;
        let text = kbuild_text(&self.objects());
        let path = self.output.join("Kbuild");
        // Keeps the modification time, which make compares.
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        write_atomic(&path, &text)
    }

    fn remove_old_links(&self) -> Result<()> {
        let list = || format!("cannot list {}", self.output.display());
        for item in fs::read_dir(self.output).with_context(list)? {
            let path = item.with_context(list)?.path();
            if path.is_symlink() {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn link(&self, from: &Path, name: &str) -> Result<()> {
        let to = self.output.join(name);
        symlink(from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => anyhow::anyhow!(
                "{} has the name of a file that the build writes: rename it",
                from.display()
            ),
            _ => anyhow::Error::from(error).context(format!("cannot make {}", to.display())),
        })
    }

    /// Returns the Rust objects, with the modules that they are part of.
    fn objects(&self) -> Vec<Object> {
        let mut all = Vec::new();
        for module in self.kbuild.objects() {
            for object in self.kbuild.parts(module) {
                let stem = object.trim_end_matches(".o");
                let source = self.sources.join(format!("{stem}.rs"));
                if source.is_file() {
                    all.push(Object {
                        module: module.trim_end_matches(".o").to_owned(),
                        stem: stem.to_owned(),
                        source,
                    });
                }
            }
        }
        all
    }

    /// Compiles the crates, and links each with the used parts of klp and `core`. `env` is the kernel information
    /// for the attributes.
    ///
    /// # Errors
    ///
    /// One does not compile.
    pub fn compile(&self, env: &[(String, String)]) -> Result<()> {
        let name = self.sources.file_name().unwrap_or_default();
        let step = Step::start(
            &format!(
                "compiling {} for {}",
                name.to_string_lossy(),
                self.kernel.release
            ),
            "seconds",
        );
        let log = self.output.join("rustc.log");
        files::create_log(&log).context("cannot write the log")?;
        for object in self.objects() {
            self.compile_crate(&object, env, &step, &log)?;
            self.link_object(&object, &step, &log)?;
        }
        step.done();
        Ok(())
    }

    fn compile_crate(
        &self,
        object: &Object,
        env: &[(String, String)],
        step: &Step,
        log: &Path,
    ) -> Result<()> {
        let mut external = std::ffi::OsString::from("klp=");
        external.push(part(self.klp, klp::CRATE));
        let mut dependencies = std::ffi::OsString::from("dependency=");
        dependencies.push(self.klp.join("klp"));
        let compiler = options::of_build(self.kernel.arch, &self.kernel.dir)?;
        let mut command = self.tools.rustc();
        command
            .args(options::at(&compiler, self.output)?)
            .args(klp::crate_options(&self.kernel.dir))
            .args(without_folder(self.sources))
            .args(["-Zcrate-attr=no_std", "-Zcrate-attr=feature(used_with_arg)"])
            .args(["-Dunsafe_op_in_unsafe_fn", "-Wrust_2018_idioms"])
            .args(["--color=always", "--crate-type=rlib", "--crate-name"])
            .arg(object.stem.replace('-', "_"))
            .arg("-L")
            .arg(self.core)
            .arg("-L")
            .arg(dependencies)
            .arg("--extern")
            .arg(external)
            .arg(format!(
                "--emit=obj={}",
                self.output_file(object, "rust").display()
            ))
            .arg(&object.source)
            .env("RUST_MODFILE", &object.module)
            .envs(env.iter().map(|(name, value)| (name, value)));
        step.run_showing(&mut command, log, Show::Messages)
    }

    /// Links an object with the used parts of klp and `core`.
    fn link_object(&self, object: &Object, step: &Step, log: &Path) -> Result<()> {
        let mut command = self.tools.llvm("ld.lld");
        command
            .args(["-r", "--gc-sections", "-T"])
            .arg(part(self.klp, klp::SCRIPT))
            .arg("-o")
            .arg(self.output_file(object, JOINED))
            .arg(self.output_file(object, "rust"))
            .arg(part(self.klp, klp::CRATE))
            .arg(self.core.join("libcore.rlib"))
            .arg(part(self.klp, klp::IN_C));
        step.run(&mut command, log)
    }

    fn output_file(&self, object: &Object, extension: &str) -> PathBuf {
        self.output.join(format!("{}.{extension}", object.stem))
    }
}

/// A Rust object.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Object {
    /// The module that it is part of, without extension.
    module: String,
    stem: String,
    source: PathBuf,
}

/// Returns the Kbuild file of the output folder. Objtool checks the linked objects as any other.
fn kbuild_text(objects: &[Object]) -> String {
    let mut text = format!(
        "# SPDX-License-Identifier: GPL-2.0-only\n\
         # Written by cargo klp.\n\
         include $(src)/{AUTHORS}\n\n\
         # Objtool says so when it finds an object that was linked.\n\
         klp-objtool = $(if $(findstring --link,$(cmd_objtool)),$(cmd_objtool),\
         $(subst $@,--link $@,$(cmd_objtool)))\n\
         quiet_cmd_klp_joined = KLP     $@\n      \
         cmd_klp_joined = cat $< > $@ $(klp-objtool)\n"
    );
    for Object { stem, .. } in objects {
        text.push_str(&format!(
            "\n$(obj)/{stem}.o: $(src)/{stem}.{JOINED} FORCE\n\t$(call if_changed,klp_joined)\n"
        ));
    }
    text
}

/// Refuses a patch that names the `kernel` crate.
///
/// # Errors
///
/// A source names it. The error contains the file and the line.
pub fn check_crates(kernel: &BuildFolder, sources: &[PathBuf]) -> Result<()> {
    for path in sources {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let line = super::names_kernel_crate(&text);
        ensure!(
            line.is_none(),
            "{}:{} names the `kernel` crate, which {} lacks: that kernel was built without \
             CONFIG_RUST. Use what `klp` provides, or a kernel with Rust, such as --kernel stock",
            path.display(),
            line.unwrap_or_default(),
            kernel.release
        );
    }
    Ok(())
}
