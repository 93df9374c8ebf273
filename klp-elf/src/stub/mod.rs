// SPDX-License-Identifier: GPL-2.0-only

//! Beginnings of patches: replacements with the right signature and nothing in them yet.

mod keys;
mod possible;
mod structure;

use crate::Error;
use crate::kernel::{Kernel, Object};
use crate::prototype::{Kind, Pointee, Prototype, Type};
use crate::rust::{Names, View, argument_names, function_name, zero};
use possible::{Views, check, position};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

pub use structure::Wanted;

/// The longest line that is not broken.
const WIDTH: usize = 100;

/// Begins patches for one kernel.
///
/// Several replacements in one patch share the declarations of the structures they name.
pub struct Stub<'kernel> {
    kernel: &'kernel Kernel,
    names: Names,
    /// How each structure was found, by the name given to it.
    origins: HashMap<String, Origin>,
    /// The structures that are passed by value.
    views: Views,
    /// The tags of those that are results.
    results: HashSet<String>,
    functions: HashSet<String>,
}

/// Where a structure was found first.
#[derive(Clone)]
struct Origin {
    object: String,
    /// The function that takes it or gives it.
    function: Option<String>,
}

/// The parts of a replacement's signature.
struct Signature {
    name: String,
    arguments: Vec<(String, String)>,
    result: Option<String>,
    /// What the replacement returns as long as nobody wrote it.
    value: Option<String>,
}

impl<'kernel> Stub<'kernel> {
    /// Begins a patch for `kernel`.
    pub fn new(kernel: &'kernel Kernel) -> Self {
        Self {
            kernel,
            names: Names::default(),
            origins: HashMap::new(),
            views: BTreeMap::new(),
            results: HashSet::new(),
            functions: HashSet::new(),
        }
    }

    /// A whole patch of one function.
    ///
    /// # Errors
    ///
    /// When there is no such function, or a replacement in Rust cannot be written for it.
    pub fn function(
        kernel: &Kernel,
        object: &str,
        name: &str,
        sympos: Option<u32>,
    ) -> Result<String, Error> {
        let mut stub = Stub::new(kernel);
        let module = "\n            description = \"What it fixes\", license = \"GPL\"";
        let item = stub.write(object, name, sympos, module)?;
        let mut text = format!("use klp::prelude::*;\n\n{item}");
        let declarations = stub.declarations();
        if !declarations.is_empty() {
            text = text + "\n" + &declarations;
        }
        Ok(text)
    }

    /// One replacement for a patch of several, without declarations.
    ///
    /// # Errors
    ///
    /// As [`Stub::function`].
    pub fn add(&mut self, object: &str, name: &str, sympos: Option<u32>) -> Result<String, Error> {
        self.write(object, name, sympos, "")
    }

    /// The declarations of all structures that were named so far.
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

    /// Remembers how the structures were found that have been named since.
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
            function: name.to_owned(),
            reason,
        };
        let prototype = function.prototype.as_ref().ok_or_else(|| Error::Untyped {
            function: name.to_owned(),
            reason: function.untyped.clone().unwrap_or_default(),
        })?;
        let views = check(&found, prototype).map_err(refused)?;
        let signature = self.signature(prototype, views);
        self.found(object, Some(name));
        let sympos = sympos.map_or(String::new(), |sympos| format!(", sympos = {sympos}"));
        let comma = if module.is_empty() { "" } else { "," };
        Ok(format!(
            "// {prototype}\n\
             #[livepatch(object = \"{object}\", replaces = \"{name}\"{sympos}{comma}{module})]\n\
             {}",
            signature.item()
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
                    false => self.names.argument(&parameter.ty),
                };
                Some((name, ty?))
            })
            .collect();
        let result = self.names.result(&prototype.result);
        let result = result.filter(|result| result != "()");
        Signature {
            name: self.free_name(&prototype.name),
            arguments,
            value: self.value(&prototype.result, result.as_deref()),
            result,
        }
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

    /// A name for a replacement that none has yet.
    fn free_name(&mut self, replaces: &str) -> String {
        let name = function_name(replaces);
        let numbered = (2_u32..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| !self.functions.contains(name));
        let free = free.unwrap_or(name);
        self.functions.insert(free.clone());
        free
    }
}

impl Signature {
    /// The function.
    fn item(&self) -> String {
        let mut text = self.head();
        text.push_str(" {\n    // Write the fixed function here.\n");
        let names: Vec<&str> = self
            .arguments
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let _ = match names.as_slice() {
            [] => Ok(()),
            [name] => writeln!(text, "    let _ = {name};"),
            names => writeln!(text, "    let _ = ({});", names.join(", ")),
        };
        if let Some(value) = &self.value {
            let _ = writeln!(text, "    {value}");
        }
        text + "}\n"
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
        name: object.to_owned(),
    })
}

/// Is it the entry of a system call, whose arguments come in a `struct pt_regs`?
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
