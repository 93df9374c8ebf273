// SPDX-License-Identifier: GPL-2.0-only

//! Writes stubs: replacements with the right signature and a placeholder, a call of the original, or a
//! return value.

mod errno;
mod form;
mod keys;
mod possible;
mod structure;

pub use form::{Answer, Form};

use crate::Error;
use crate::freed::frees_its_argument;
use crate::kernel::{Kernel, Object};
use crate::prototype::{Kind, Pointee, Prototype, Type};
use crate::rust::{self, Free, Names, View, argument_names, function_name, left_out, zero};
use crate::text::Identifier;
use form::InRust;
use keys::Origin;
use possible::{Views, check, position};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

pub use structure::Wanted;

/// The longest line that is not broken.
const WIDTH: usize = 100;

/// Writes stubs for one kernel.
///
/// Several replacements in one patch share the declarations of their structures.
pub struct Stub<'kernel> {
    kernel: &'kernel Kernel,
    form: Form,
    names: Names,
    /// The origin of each structure, by its Rust name.
    origins: HashMap<String, Origin>,
    /// The structures that are passed by value.
    views: Views,
    /// The tags of structures that are results.
    results: HashSet<Identifier>,
    functions: Free,
}

/// The parts of a replacement's signature.
struct Signature {
    name: String,
    arguments: Vec<(String, String)>,
    result: Option<String>,
    /// The placeholder's return value.
    value: Option<String>,
}

/// The description of the patch.
const DESCRIPTION: &str = "What it fixes";

impl<'kernel> Stub<'kernel> {
    /// Stubs for `kernel`.
    pub fn new(kernel: &'kernel Kernel) -> Self {
        Self::with(kernel, Form::Replace)
    }

    /// Stubs with that body.
    pub fn with(kernel: &'kernel Kernel, form: Form) -> Self {
        Self {
            kernel,
            form,
            names: Names::default(),
            origins: HashMap::new(),
            views: BTreeMap::new(),
            results: HashSet::new(),
            functions: Free::default(),
        }
    }

    /// A complete patch of one function.
    ///
    /// # Errors
    ///
    /// There is no such function, or it cannot be replaced in Rust.
    pub fn function(
        kernel: &Kernel,
        object: &str,
        name: &str,
        sympos: Option<u32>,
    ) -> Result<String, Error> {
        Stub::new(kernel).whole(object, name, sympos)
    }

    /// A complete patch of one function, with the body of this `Stub`.
    ///
    /// # Errors
    ///
    /// As [`Stub::function`], and if the function cannot return the value.
    pub fn whole(mut self, object: &str, name: &str, sympos: Option<u32>) -> Result<String, Error> {
        let description = self.description(name);
        let module = format!("\n            description = \"{description}\", license = \"GPL\"");
        let item = self.write(object, name, sympos, &module)?;
        let mut text = format!("use klp::prelude::*;\n\n{item}");
        let declarations = self.declarations();
        if !declarations.is_empty() {
            text = text + "\n" + &declarations;
        }
        Ok(text)
    }

    /// The description of a patch of that function.
    fn description(&self, name: &str) -> String {
        match &self.form {
            Form::Returns(answer) => format!("Emergency: {name} only answers {answer}"),
            _ => DESCRIPTION.to_owned(),
        }
    }

    /// One replacement for a patch of several, without declarations.
    ///
    /// # Errors
    ///
    /// As [`Stub::function`].
    pub fn add(&mut self, object: &str, name: &str, sympos: Option<u32>) -> Result<String, Error> {
        self.write(object, name, sympos, "")
    }

    /// The declarations of all structures named so far.
    pub fn declarations(&self) -> String {
        let mut names = self.names.clone();
        let views: BTreeMap<&str, View> = self
            .views
            .iter()
            .map(|(tag, structure)| (tag.as_str(), View::whole(structure, &mut names)))
            .collect();
        let handle = View::new(std::iter::empty(), &mut Names::default());
        let declarations = names.given().map(|(tag, name)| {
            let view = views.get(tag).unwrap_or(&handle);
            let origin = self.origins.get(name);
            let keys = keys::keys(self.kernel, tag, origin);
            view.declaration(&keys, name, self.results.contains(tag))
        });
        declarations.collect::<Vec<_>>().join("\n")
    }

    /// Records the origin of the structures that were named since the last call.
    fn found(&mut self, object: &str, function: Option<&str>) {
        for (_, name) in self.names.given() {
            self.origins
                .entry(name.to_owned())
                .or_insert_with(|| Origin {
                    object: object.to_owned(),
                    function: function.map(str::to_owned),
                });
        }
    }

    fn write(
        &mut self,
        object: &str,
        name: &str,
        sympos: Option<u32>,
        module: &str,
    ) -> Result<String, Error> {
        let found = find(self.kernel, object)?;
        let function = found.function(name);
        let sympos = position(object, &function, sympos)?;
        let refused = |reason| Error::NotReplaceable {
            function: name.into(),
            reason,
        };
        let prototype = function.prototype.as_ref().ok_or_else(|| Error::Untyped {
            function: name.into(),
            reason: function.untyped.clone().unwrap_or_default(),
        })?;
        let views = check(&found, prototype).map_err(refused)?;
        let item = match self.form.clone() {
            Form::Replace => self.signature(prototype, views).item(),
            Form::Wrap => self.signature(prototype, views).wrapping(),
            Form::Returns(answer) => {
                let rust = rust::result_in_c(&prototype.result).unwrap_or_default();
                let answer =
                    answer
                        .in_rust(&prototype.result, &rust)
                        .map_err(|reason| Error::NoAnswer {
                            function: name.into(),
                            reason,
                        })?;
                self.answering(prototype, views, answer)
            }
        };
        self.found(object, Some(name));
        let sympos = sympos.map_or(String::new(), |sympos| format!(", sympos = {sympos}"));
        let comma = if module.is_empty() { "" } else { "," };
        // From the kernel's files, where names are checked identifiers.
        let (object, name) = (found.name(), &prototype.name);
        Ok(format!(
            "{}// {prototype}\n\
             #[livepatch(object = \"{object}\", replaces = \"{name}\"{sympos}{comma}{module})]\n\
             {item}",
            left_out(prototype.left_out)
        ))
    }

    /// The signature for a prototype that was checked.
    fn signature(&mut self, prototype: &Prototype, views: Views) -> Signature {
        self.views.extend(views);
        let names = argument_names(prototype).into_iter();
        let arguments = names
            .zip(&prototype.parameters)
            .filter_map(|(name, parameter)| {
                let ty = match is_syscall(prototype) {
                    true => Some("&SyscallArgs".to_owned()),
                    false if frees_its_argument(&prototype.name) => self.names.value(&parameter.ty),
                    false => self.names.argument(&parameter.ty),
                };
                Some((name, ty?))
            })
            .collect();
        let result = self.names.result(&prototype.result);
        let result = result.filter(|result| result != "()");
        Signature {
            name: self.functions.take(function_name(&prototype.name)),
            arguments,
            value: self.value(&prototype.result, result.as_deref()),
            result,
        }
    }

    /// A replacement that only returns a value.
    fn answering(&mut self, prototype: &Prototype, views: Views, answer: InRust) -> String {
        self.views.extend(views);
        let names = argument_names(prototype).into_iter();
        let arguments = names
            .zip(&prototype.parameters)
            .filter_map(|(name, parameter)| {
                let ty = match parameter.ty.kind {
                    Kind::Pointer { constant, .. } => Some(rust::untyped(constant)),
                    _ => self.names.argument(&parameter.ty),
                };
                Some((format!("_{}", name.trim_start_matches("r#")), ty?))
            })
            .collect();
        let signature = Signature {
            name: self.functions.take(function_name(&prototype.name)),
            arguments,
            result: answer.ty,
            value: answer.value,
        };
        let comment = answer.comment.map(|comment| format!("    // {comment}\n"));
        signature.with(&comment.unwrap_or_default())
    }

    /// A harmless value for a result of type `result`.
    fn value(&mut self, ty: &Type, result: Option<&str>) -> Option<String> {
        let result = result?;
        if let Kind::Aggregate { names } = &ty.kind {
            self.results.insert(names.last()?.clone());
            return Some(format!("{result}::zeroed().into_inner()"));
        }
        let value = zero(ty)?;
        Some(match result.starts_with("Result<") {
            true => format!("Ok({value})"),
            false => value,
        })
    }
}

impl Signature {
    /// The function with a placeholder.
    fn item(&self) -> String {
        let mut text = "    // Write the fixed function here.\n".to_owned();
        let names = self.names();
        let _ = match names.as_slice() {
            [] => Ok(()),
            [name] => writeln!(text, "    let _ = {name};"),
            names => writeln!(text, "    let _ = ({});", names.join(", ")),
        };
        self.with(&text)
    }

    /// The function with a call of the original.
    fn wrapping(mut self) -> String {
        self.value = Some(format!("original({})", self.names().join(", ")));
        self.with("    // Check here what the original does not check.\n")
    }

    /// The function with these lines before its value.
    fn with(&self, lines: &str) -> String {
        let mut text = self.head() + " {\n" + lines;
        if let Some(value) = &self.value {
            let _ = writeln!(text, "    {value}");
        }
        text + "}\n"
    }

    fn names(&self) -> Vec<&str> {
        let arguments = self.arguments.iter();
        arguments.map(|(name, _)| name.as_str()).collect()
    }

    fn head(&self) -> String {
        let result = self.result.as_ref();
        let result = result.map_or(String::new(), |result| format!(" -> {result}"));
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|(name, ty)| format!("{name}: {ty}"))
            .collect();
        let line = format!("fn {}({}){result}", self.name, arguments.join(", "));
        if line.len() + " {".len() <= WIDTH || arguments.is_empty() {
            return line;
        }
        let arguments = arguments.join(",\n    ");
        format!("fn {}(\n    {arguments},\n){result}", self.name)
    }
}

fn find<'kernel>(kernel: &'kernel Kernel, object: &str) -> Result<Object<'kernel>, Error> {
    kernel.object(object)?.ok_or_else(|| Error::NoObject {
        name: object.into(),
    })
}

/// Whether it is the entry of a system call, whose arguments are in a `struct pt_regs`.
fn is_syscall(prototype: &Prototype) -> bool {
    let is_registers = |ty: &Type| match &ty.kind {
        Kind::Pointer {
            to: Pointee::Named(names),
            constant: true,
        } => names.iter().any(|name| name == "pt_regs"),
        _ => false,
    };
    prototype.name.starts_with("__x64_sys_")
        && matches!(prototype.parameters.as_slice(), [only] if is_registers(&only.ty))
}
