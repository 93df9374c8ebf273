// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp stub`: prints replacements with the right signatures.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::{ArgGroup, Args};
use klp_elf::{Answer, Form, Kernel, Stub, VMLINUX, Wanted};
use klp_host::cache::Cache;
use klp_host::kernel::metadata::KernelMetadata;

use crate::kernel::Choice;

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["functions", "structure"])))]
pub(super) struct StubArgs {
    /// Functions of the kernel to be replaced, all in one patch.
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Show a view of this structure of the kernel instead.
    #[arg(long = "struct", value_name = "NAME")]
    structure: Option<String>,
    /// Let the replacements call the originals, to add a check in front or behind.
    #[arg(long, conflicts_with_all = ["structure", "returns"])]
    wrap: bool,
    /// Let the replacements only answer, as an emergency measure: an errno such as -EPERM, a number, true,
    /// false, NULL, or void.
    #[arg(
        long,
        value_name = "ANSWER",
        conflicts_with = "structure",
        allow_hyphen_values = true
    )]
    returns: Option<Answer>,
    /// Of the structure this member alone, such as `inner.member`; may be given several times.
    #[arg(long = "field", value_name = "PATH", requires = "structure")]
    fields: Vec<String>,
    /// Of several structures of that name the one that this function takes or gives.
    #[arg(long, value_name = "FUNCTION", requires = "structure")]
    of: Option<String>,
    /// The object that has them: the kernel itself, or a module.
    #[arg(long, value_name = "MODULE", default_value = VMLINUX)]
    object: String,
    /// Which of several functions of that name: 1 for the first in kallsyms.
    #[arg(long, value_name = "N", requires = "functions")]
    sympos: Option<u32>,
    /// The kernel: one of Debian's, which is fetched (`cargo klp kernels` lists them), `running`, or a kernel's build folder.
    #[arg(long, value_name = "KERNEL", default_value = "stock", value_parser = Choice::parse)]
    kernel: Choice,
    /// Read this file instead: an ELF `vmlinux` with type information, or type information itself.
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    vmlinux: Option<PathBuf>,
}

impl StubArgs {
    pub(super) fn run(self) -> Result<()> {
        ensure!(
            self.sympos.is_none() || self.functions.len() == 1,
            "--sympos says which of several functions of one name: give one function"
        );
        let kernel = Kernel::open(self.known()?.sources()?).map_err(plain)?;
        let text = match &self.structure {
            Some(name) => {
                let wanted = Wanted {
                    object: &self.object,
                    name,
                    of: self.of.as_deref(),
                    members: &self.fields,
                };
                Stub::structure(&kernel, &wanted).map_err(plain)?
            }
            None => self.patch(&kernel)?,
        };
        print!("{text}");
        Ok(())
    }

    fn known(&self) -> Result<KernelMetadata> {
        match &self.vmlinux {
            Some(file) => Ok(KernelMetadata {
                modules: KernelMetadata::default().or_users().modules,
                ..KernelMetadata::of_vmlinux(file)
            }),
            None => self.kernel.known(&Cache::open()?, self.object != VMLINUX),
        }
    }

    fn form(&self) -> Form {
        match &self.returns {
            Some(answer) => Form::Returns(answer.clone()),
            None if self.wrap => Form::Wrap,
            None => Form::Replace,
        }
    }

    fn patch(&self, kernel: &Kernel) -> Result<String> {
        let mut stub = Stub::with(kernel, self.form());
        if let [function] = self.functions.as_slice() {
            return stub
                .whole(&self.object, function, self.sympos)
                .map_err(plain);
        }
        let (mut items, mut mistakes) = (Vec::new(), Vec::new());
        for function in &self.functions {
            match stub.add(&self.object, function, None) {
                Ok(item) => items.push(item),
                Err(mistake) => mistakes.push(mistake.to_string()),
            }
        }
        if !mistakes.is_empty() {
            bail!("{}", mistakes.join("\nerror: "));
        }
        let description = match &self.returns {
            Some(answer) => format!("Emergency: some functions only answer {answer}"),
            None => "What it fixes".to_owned(),
        };
        Ok(module(&description, &items, &stub.declarations()))
    }
}

/// The message says all; the errors below it would say it again.
pub(super) fn plain(error: klp_elf::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// A patch of several functions.
fn module(description: &str, items: &[String], declarations: &str) -> String {
    let mut text = format!(
        "use klp::prelude::*;\n\n\
         #[livepatch(description = \"{description}\", license = \"GPL\")]\n\
         mod fixes {{\n    use super::*;\n",
    );
    for item in items {
        text.push('\n');
        for line in item.lines() {
            let indent = if line.is_empty() { "" } else { "    " };
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    text.push_str("}\n");
    if !declarations.is_empty() {
        let _ = write!(text, "\n{declarations}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_functions_stand_in_a_module() {
        let items = ["// C\nfn a() {\n\n    b\n}\n".to_owned()];
        let text = module("A fix", &items, "struct S;\n");
        assert!(text.contains("(description = \"A fix\", license"), "{text}");
        assert!(text.contains("mod fixes {\n    use super::*;\n\n    // C\n    fn a() {\n\n"));
        assert!(text.ends_with("    }\n}\n\nstruct S;\n"), "{text}");
    }
}
