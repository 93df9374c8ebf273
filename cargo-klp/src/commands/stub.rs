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
    /// Kernel functions to replace, all in one patch.
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Print a view of this kernel structure instead.
    #[arg(long = "struct", value_name = "NAME")]
    structure: Option<String>,
    /// Make the replacements call the originals, to add a check before or after.
    #[arg(long, conflicts_with_all = ["structure", "returns"])]
    wrap: bool,
    /// Make the replacements only return this value, as an emergency measure: an errno such as -EPERM, a number, true,
    /// false, NULL, or void.
    #[arg(
        long,
        value_name = "ANSWER",
        conflicts_with = "structure",
        allow_hyphen_values = true
    )]
    returns: Option<Answer>,
    /// Include only this member of the structure, such as `inner.member`; may be given several times.
    #[arg(long = "field", value_name = "PATH", requires = "structure")]
    fields: Vec<String>,
    /// If several structures have that name, use the one that this function takes or returns.
    #[arg(long, value_name = "FUNCTION", requires = "structure")]
    of: Option<String>,
    /// Object of the functions or the structure: vmlinux, or a module.
    #[arg(long, value_name = "MODULE", default_value = VMLINUX)]
    object: String,
    /// If several functions have that name, the position of the function among them in kallsyms, from 1.
    #[arg(long, value_name = "N", requires = "functions")]
    sympos: Option<u32>,
    /// Target kernel: one of Debian's, which is fetched (`cargo klp kernels` lists them), `running`, or a kernel's build folder.
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
            "--sympos selects among functions of the same name: give one function"
        );
        let kernel = Kernel::open(self.known()?.sources()?).map_err(message_only)?;
        let text = match &self.structure {
            Some(name) => {
                let wanted = Wanted {
                    object: &self.object,
                    name,
                    of: self.of.as_deref(),
                    members: &self.fields,
                };
                Stub::structure(&kernel, &wanted).map_err(message_only)?
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
                .map_err(message_only);
        }
        let (mut items, mut errors) = (Vec::new(), Vec::new());
        for function in &self.functions {
            match stub.add(&self.object, function, None) {
                Ok(item) => items.push(item),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if !errors.is_empty() {
            bail!("{}", errors.join("\nerror: "));
        }
        let description = match &self.returns {
            Some(answer) => format!("Emergency: some functions only return {answer}"),
            None => "What it fixes".to_owned(),
        };
        Ok(module(&description, &items, &stub.declarations()))
    }
}

/// Drops the sources of an error: its message contains theirs.
pub(super) fn message_only(error: klp_elf::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// The source of a patch with several functions.
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
    fn several_functions_share_a_mod() {
        let items = ["// C\nfn a() {\n\n    b\n}\n".to_owned()];
        let text = module("A fix", &items, "struct S;\n");
        assert!(text.contains("(description = \"A fix\", license"), "{text}");
        assert!(text.contains("mod fixes {\n    use super::*;\n\n    // C\n    fn a() {\n\n"));
        assert!(text.ends_with("    }\n}\n\nstruct S;\n"), "{text}");
    }
}
