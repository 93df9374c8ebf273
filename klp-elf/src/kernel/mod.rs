// SPDX-License-Identifier: GPL-2.0-only

//! A kernel: the functions of vmlinux and modules, with their types.

#[cfg(feature = "code")]
mod build;
mod exports;
mod image;
mod index;
mod similar;
mod sources;
mod symbols;
mod traceable;
mod types;

pub use exports::Export;
#[cfg(feature = "code")]
pub(crate) use exports::Exports;
pub use similar::Others;
pub use sources::{Modules, Sources};
pub use symbols::VMLINUX;

use crate::Error;
use crate::arch::Machine;
use crate::prototype::{Kind, Place, Prototype, Type};
use crate::structure::{Member, NoMember, Structure};
use crate::text::{Identifier, Name, Shown};
#[cfg(not(feature = "code"))]
use exports::Exports;
use image::Image;
use similar::Effort;
use sources::is_module;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use symbols::{Symbol, SymbolList};
use traceable::{List, Places};
use types::{Reason, Types};

/// Information about one kernel. Files are read on demand, once.
pub struct Kernel {
    sources: Sources,
    vmlinux: Image,
    kallsyms: HashMap<String, Rc<SymbolList>>,
    listed: Option<List>,
    sites: Option<Rc<Places>>,
    exports: Option<Exports>,
    modules: OnceCell<Modules>,
    objects: RefCell<HashMap<String, Option<Rc<Contents>>>>,
    base: OnceCell<Rc<Types>>,
    /// The budget for the search of similar names.
    effort: Effort,
}

/// The kernel itself, or one of its modules.
pub struct Object<'kernel> {
    kernel: &'kernel Kernel,
    contents: Rc<Contents>,
}

/// Information about an object.
struct Contents {
    name: String,
    types: Result<Rc<Types>, Reason>,
    symbols: Option<Rc<SymbolList>>,
    places: Option<Rc<Places>>,
    /// The results of [`Object::content`], by the positions of types.
    structures: RefCell<HashMap<Place, Option<u64>>>,
}

/// Information about a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its prototype. `None` if unknown.
    pub prototype: Option<Prototype>,
    /// Why the prototype is unknown.
    pub untyped: Option<String>,
    /// The object's symbols of that name, in the order in which the kernel counts them. `None`
    /// if the object's symbols are unknown.
    pub matches: Option<Vec<Match>>,
    /// Similar names, if neither a symbol nor a prototype has that name.
    pub others: Others,
}

/// Information about data: a static variable, for example.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: Name,
    /// The object's symbols of that name, in the order in which the kernel counts them. `None`
    /// if the object's symbols are unknown.
    pub matches: Option<Vec<Match>>,
    /// Data with similar names, the best match first, if no symbol has that name.
    pub similar: Vec<Name>,
}

/// A symbol of a given name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Match {
    /// Its sympos: its position among the symbols of its name, from 1.
    pub sympos: u32,
    /// Its address; in a module, its offset in a section.
    pub address: u64,
    /// Its size in bytes. `None` if unknown.
    pub size: Option<u64>,
    /// Its maximal size, up to the next symbol. `None` if unknown.
    pub room: Option<u64>,
    /// Whether it is code. The kernel counts data of that name too.
    pub code: bool,
    /// Whether it is read-only data. `None` if unknown.
    pub read_only: Option<bool>,
    /// Whether it is the template from which each CPU's copy of a per-CPU variable is made.
    pub per_cpu: bool,
    /// Whether it is traceable, and so can be replaced, while the object is loaded. `None` if
    /// unknown.
    pub traceable: Option<bool>,
    /// The length of its entry in bytes, up to the end of the patch site. `None` if
    /// unknown, or not traceable.
    pub entry: Option<u64>,
    /// Whether it is freed after the boot, or after the module's init.
    pub init: bool,
}

impl Kernel {
    /// Opens the files of a kernel.
    ///
    /// # Errors
    ///
    /// One of them is missing, or has another format.
    pub fn open(sources: Sources) -> Result<Self, Error> {
        Modules::check(&sources.modules)?;
        let vmlinux = Image::open(&sources.vmlinux)?;
        let mut kallsyms = HashMap::new();
        if let Some(path) = &sources.kallsyms {
            let objects = SymbolList::of_kallsyms(path)?.into_iter();
            kallsyms.extend(objects.map(|(name, symbols)| (name, Rc::new(symbols))));
        }
        let listed = sources.traceable.as_deref().map(List::open).transpose()?;
        let sites = match &sources.sites {
            Some(path) => Places::of_sites(path, vmlinux.machine())?.map(Rc::new),
            None => None,
        };
        let exports = sources.symvers.as_deref().map(Exports::open).transpose()?;
        Ok(Self {
            sources,
            vmlinux,
            kallsyms,
            listed,
            sites,
            exports,
            modules: OnceCell::new(),
            objects: RefCell::default(),
            base: OnceCell::new(),
            effort: Effort::default(),
        })
    }

    /// The kernel itself, by the name `vmlinux`, or a module by its name in `lsmod`.
    /// `None` if the module is unknown.
    ///
    /// # Errors
    ///
    /// Its file cannot be read.
    pub fn object(&self, name: &str) -> Result<Option<Object<'_>>, Error> {
        let known = self.objects.borrow().get(name).cloned();
        let contents = match known {
            Some(contents) => contents,
            None => {
                let contents = self.read(name)?.map(Rc::new);
                let mut objects = self.objects.borrow_mut();
                objects.insert(name.to_owned(), contents.clone());
                contents
            }
        };
        Ok(contents.map(|contents| Object {
            kernel: self,
            contents,
        }))
    }

    /// The export of that symbol by vmlinux. `None` if it is not exported, or exports are
    /// unknown.
    pub fn export(&self, name: &str) -> Option<Export<'_>> {
        self.exports.as_ref()?.of_kernel(name)
    }

    /// The files of its modules.
    fn modules(&self) -> &Modules {
        self.modules
            .get_or_init(|| Modules::in_folders(&self.sources.modules))
    }

    fn read(&self, name: &str) -> Result<Option<Contents>, Error> {
        match name {
            VMLINUX => self.read_vmlinux().map(Some),
            _ if is_module(name) => self.read_module(name),
            _ => Ok(None),
        }
    }

    fn read_vmlinux(&self) -> Result<Contents, Error> {
        let symbols = match self.kallsyms.get(VMLINUX) {
            Some(symbols) => Some(Rc::clone(symbols)),
            None if self.vmlinux.is_btf() => None,
            None => SymbolList::of_vmlinux(&self.vmlinux)?.map(Rc::new),
        };
        let places = match (&self.sites, &symbols) {
            (Some(sites), _) => Some(Rc::clone(sites)),
            (None, Some(symbols)) => Places::of_vmlinux(&self.vmlinux, symbols)?.map(Rc::new),
            (None, None) => None,
        };
        Ok(Contents {
            name: VMLINUX.to_owned(),
            types: Ok(self.base()?),
            symbols,
            places,
            structures: RefCell::default(),
        })
    }

    /// The types of vmlinux.
    fn base(&self) -> Result<Rc<Types>, Error> {
        if let Some(types) = self.base.get() {
            return Ok(Rc::clone(types));
        }
        let path = self.vmlinux.path();
        let data = self.vmlinux.btf()?.ok_or_else(|| Error::NoBtf {
            path: path.to_owned(),
        })?;
        let types = Types::parse(data).map_err(|reason| Error::Btf {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Rc::clone(self.base.get_or_init(|| Rc::new(types))))
    }

    fn read_module(&self, name: &str) -> Result<Option<Contents>, Error> {
        let loaded = self.kallsyms.get(name).cloned();
        let Some(path) = self.modules().get(name).or_else(|| self.sibling(name)) else {
            return Ok(loaded.map(|symbols| Contents {
                name: name.to_owned(),
                types: Err(format!("the file of module `{name}` is not known")),
                symbols: Some(symbols),
                places: None,
                structures: RefCell::default(),
            }));
        };
        let image = Image::open(&path)?;
        let (symbols, places) = match image.is_btf() {
            true => (loaded, None),
            false => (
                Some(Rc::new(SymbolList::of_module(&image)?)),
                Places::of_module(&image)?.map(Rc::new),
            ),
        };
        Ok(Some(Contents {
            name: name.to_owned(),
            types: self.module_types(&image)?,
            symbols,
            places,
            structures: RefCell::default(),
        }))
    }

    /// A running kernel has the BTF of its modules beside its own.
    fn sibling(&self, module: &str) -> Option<PathBuf> {
        let path = self.vmlinux.path().with_file_name(module);
        (self.vmlinux.is_btf() && path.is_file()).then_some(path)
    }

    /// The types of a module, or why they are unknown.
    fn module_types(&self, image: &Image) -> Result<Result<Rc<Types>, Reason>, Error> {
        let path = Shown::path(image.path());
        let Some(data) = image.btf()? else {
            return Ok(Err(format!("`{path}` has no type information (BTF)")));
        };
        // A module that was not built with its kernel contains the kernel types that it needs.
        let base = match image.section(".BTF.base")? {
            Some(base) => Types::parse(base).map(Rc::new),
            None => Ok(self.base()?),
        };
        let types = base.and_then(|base| Types::parse_split(data, &base));
        Ok(types.map(Rc::new).map_err(|reason| {
            format!("the type information of `{path}` does not fit this kernel's: {reason}")
        }))
    }
}

impl Object<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.contents.name
    }

    /// The machine that the kernel is for.
    pub fn machine(&self) -> Machine {
        self.kernel.vmlinux.machine()
    }

    /// Why its types are unknown; `None` if they are known.
    pub fn untyped(&self) -> Option<&str> {
        let types = self.contents.types.as_ref();
        types.err().map(String::as_str)
    }

    /// Information about the function of that name. One that does not exist has no prototype and
    /// no matches.
    pub fn function(&self, name: &str) -> Function {
        let (prototype, untyped) = match &self.contents.types {
            Ok(types) => match types.prototype(name) {
                Ok(prototype) => (Some(self.identified(prototype)), None),
                Err(reason) => (None, Some(reason)),
            },
            Err(reason) => (None, Some(reason.clone())),
        };
        let matches = self.matches(name);
        let others = match &matches {
            Some(matches) if matches.is_empty() => self.others(name),
            Some(matches) => Others {
                data: !matches.iter().any(|found| found.code),
                ..Others::default()
            },
            None if prototype.is_none() => self.others(name),
            None => Others::default(),
        };
        Function {
            name: name.into(),
            prototype,
            untyped,
            matches,
            others,
        }
    }

    /// Adds the contents of the structures that a prototype takes and returns.
    fn identified(&self, mut prototype: Prototype) -> Prototype {
        let parameters = prototype
            .parameters
            .iter_mut()
            .map(|parameter| &mut parameter.ty);
        for ty in parameters.chain([&mut prototype.result]) {
            self.identify(ty);
        }
        prototype
    }

    /// Adds the content of the structure that a type is, points to, or has as element.
    fn identify(&self, ty: &mut Type) {
        ty.identity.content = self.content(ty);
        if let Kind::Array { element, .. } = &mut ty.kind {
            self.identify(element);
        }
    }

    /// Information about the data of that name.
    pub fn variable(&self, name: &str) -> Variable {
        let matches = self.matches(name);
        let similar = match (&matches, &self.contents.symbols) {
            (Some(matches), Some(symbols)) if matches.is_empty() => {
                Others::among_data(name, symbols, &self.kernel.effort).similar
            }
            _ => Vec::new(),
        };
        Variable {
            name: name.into(),
            matches,
            similar,
        }
    }

    /// The symbols of that name. `None` if the symbols are unknown.
    pub(crate) fn matches(&self, name: &str) -> Option<Vec<Match>> {
        let symbols: Vec<&Symbol> = self.contents.symbols.as_deref()?.named(name).collect();
        let stays = |symbol: &Symbol| symbol.code && !symbol.init;
        let functions = symbols.iter().filter(|symbol| stays(symbol)).count();
        let listed = self.kernel.listed.as_ref();
        let listed = listed.and_then(|list| list.all(self.name(), name, functions));
        let places = self.contents.places.as_deref();
        let found = (1..).zip(symbols).map(|(sympos, symbol)| Match {
            sympos,
            address: symbol.address,
            size: symbol.size(),
            room: symbol.room(),
            code: symbol.code,
            read_only: symbol.read_only,
            per_cpu: symbol.per_cpu,
            traceable: match stays(symbol) {
                true => listed.or_else(|| places.map(|places| places.contain(symbol))),
                false => Some(false),
            },
            entry: places.and_then(|places| places.entry(symbol)),
            init: symbol.init,
        });
        Some(found.collect())
    }

    /// The alternatives to a missing function of that name.
    pub(crate) fn others(&self, name: &str) -> Others {
        let effort = &self.kernel.effort;
        match (&self.contents.symbols, &self.contents.types) {
            (Some(symbols), _) => Others::among_symbols(name, symbols, effort),
            (None, Ok(types)) => Others::among(name, types.functions(), effort),
            (None, Err(_)) => Others::default(),
        }
    }

    /// The names of all functions with known prototypes.
    pub fn functions(&self) -> impl Iterator<Item = Identifier> {
        let types = self.contents.types.as_ref().ok();
        types.into_iter().flat_map(|types| types.functions())
    }

    /// The tags of its structures and unions, sorted.
    pub fn structure_tags(&self) -> impl Iterator<Item = Identifier> + use<> {
        let types = self.contents.types.as_ref();
        let tags = types.map(|types| types.tags()).unwrap_or_default();
        tags.into_iter()
    }

    /// The structure or union of that tag, or of a typedef of that name.
    pub fn structure(&self, name: &str) -> Option<Structure> {
        self.structures(name).into_iter().next()
    }

    /// Whether there is a structure or union of that tag or typedef, even if only declared. One that no file
    /// of the object defines has no members here.
    pub fn declares(&self, name: &str) -> bool {
        let own = self.contents.types.as_ref();
        own.is_ok_and(|types| types.declares(name))
            || self.kernel.base().is_ok_and(|base| base.declares(name))
    }

    /// All structures and unions of that tag: files of a kernel may use one tag for several.
    pub fn structures(&self, name: &str) -> Vec<Structure> {
        let own = self.contents.types.as_deref();
        let own = own.map_or(Vec::new(), |types| types.structures(name));
        match own.is_empty() {
            // A module's BTF lacks the types that it shares with vmlinux.
            true => self
                .kernel
                .base()
                .map_or(Vec::new(), |base| base.structures(name)),
            false => own,
        }
    }

    /// The structure of a type of this object, or of its pointer's target.
    pub fn structure_of(&self, ty: &Type) -> Option<Structure> {
        let base = self.kernel.base().ok()?;
        let own = self.contents.types.as_ref().ok();
        let found = own
            .and_then(|types| types.structure_of(ty))
            .or_else(|| base.structure_of(ty))?;
        if !found.members.is_empty() {
            return Some(found);
        }
        // A module with its own copy of the kernel's types lacks members.
        let mut whole = base.structures(found.name()).into_iter();
        match (whole.next(), whole.next()) {
            (Some(whole), None) if whole.size == found.size => Some(whole),
            (Some(_), _) => None,
            (None, _) => Some(found),
        }
    }

    /// The contents of the structures that a function takes or returns, by value or pointer. `None`
    /// if its types are unknown.
    pub fn taken_by(&self, function: &str) -> Option<Vec<u64>> {
        let prototype = self.function(function).prototype?;
        let parameters = prototype.parameters.iter().map(|parameter| &parameter.ty);
        let types = parameters.chain([&prototype.result]);
        Some(types.filter_map(|ty| ty.identity.content()).collect())
    }

    /// The [content](Structure::content) of the structure of a type of this object, or of its pointer's
    /// target. `None` for other types, or if unknown.
    pub fn content(&self, ty: &Type) -> Option<u64> {
        let place = ty.identity.place?;
        if let Some(known) = self.contents.structures.borrow().get(&place) {
            return *known;
        }
        let content = self.structure_of(ty).map(|structure| structure.content());
        let mut structures = self.contents.structures.borrow_mut();
        structures.insert(place, content);
        content
    }

    /// The member at `path`, such as `inner.list.next`, with its offset in `structure`, which is one of this
    /// object's.
    ///
    /// # Errors
    ///
    /// When there is no such member.
    pub fn member(&self, structure: &Structure, path: &str) -> Result<Member, NoMember> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let Some(member) = structure.member(name) else {
            return Err(NoMember::Missing {
                structure: Box::new(structure.clone()),
                name: name.to_owned(),
            });
        };
        let Some(rest) = rest else {
            let mut member = member.clone();
            self.identify(&mut member.ty);
            return Ok(member);
        };
        let is_inner = matches!(member.ty.kind, Kind::Aggregate { .. });
        let inner = self.structure_of(&member.ty).filter(|_| is_inner);
        let no_structure = || NoMember::NoStructure(Box::new(member.clone()));
        let found = self.member(&inner.ok_or_else(no_structure)?, rest)?;
        let offset = found.offset.checked_add(member.offset);
        Ok(Member {
            offset: offset.ok_or_else(no_structure)?,
            shared: found.shared || member.shared,
            ..found
        })
    }
}
