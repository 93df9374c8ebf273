// SPDX-License-Identifier: GPL-2.0-only

//! Gives a file to all that read such files.

use crate::files::{Folder, TEXT, vmlinux};
use crate::printed::Printed;
use crate::seeds::{Kind, types};
use klp_elf::check::{Against, check};
use klp_elf::{Form, Kernel, Module, Sources, Stub, VMLINUX, Wanted, livepatch};
use std::path::PathBuf;

/// As many functions of a file are looked at closely.
const FEW: usize = 16;

/// What the readers need besides the file.
pub(crate) struct Readers {
    folder: Folder,
    kernel: Kernel,
}

impl Readers {
    pub(crate) fn new() -> Self {
        let functions = [("show", TEXT + 0x100, true)];
        let mut folder = Folder::new(&vmlinux(&types(), &functions));
        folder.add("changed/m.ko", b"");
        folder.sources.modules = vec![folder.path().join("changed")];
        let kernel = folder.open();
        Self { folder, kernel }
    }

    pub(crate) fn read(&self, kind: Kind, data: &[u8]) -> Printed {
        let mut printed = Printed::default();
        match kind {
            Kind::Module => self.module(data, &mut printed),
            Kind::Kernel => self.fact(data, &mut printed, |sources, path| sources.vmlinux = path),
            Kind::Symbols => self.fact(data, &mut printed, |sources, path| {
                sources.kallsyms = Some(path);
            }),
            Kind::Traceable => self.fact(data, &mut printed, |sources, path| {
                sources.traceable = Some(path);
            }),
            Kind::Sites => self.fact(data, &mut printed, |sources, path| {
                sources.sites = Some(path);
            }),
            Kind::Exports => self.fact(data, &mut printed, |sources, path| {
                sources.symvers = Some(path);
            }),
        }
        printed
    }

    fn module(&self, data: &[u8], printed: &mut Printed) {
        match Module::parse(data) {
            Ok(module) => {
                printed.text(format!("{:?} {:?}", module.modinfo(), module.undefined()));
                printed.text(format!("{:?}", module.replacements()));
                for function in module.functions().take(FEW) {
                    let exits = module.exits(&function);
                    let exits = exits.iter().take(FEW).map(ToString::to_string);
                    printed.text(format!("{function} {}", exits.collect::<String>()));
                }
            }
            Err(error) => printed.text(error),
        }
        let against = Against::kernel(&self.kernel);
        for against in [Ok(Against::nothing()), against].into_iter().flatten() {
            report(data, &against, printed);
        }
        let linked = livepatch::needs_link(data).and_then(|_| livepatch::link(data));
        for written in [linked, livepatch::rename(data, "renamed")] {
            match written {
                Ok(written) => report(&written, &Against::nothing(), printed),
                Err(error) => printed.text(error),
            }
        }
        // As a module that is patched.
        self.folder.add("changed/m.ko", data);
        match Kernel::open(self.folder.sources.clone()) {
            Ok(kernel) => ask(&kernel, "m", printed),
            Err(error) => printed.text(error),
        }
    }

    /// A file that tells of a kernel.
    fn fact(&self, data: &[u8], printed: &mut Printed, set: impl FnOnce(&mut Sources, PathBuf)) {
        let mut sources = self.folder.sources.clone();
        set(&mut sources, self.folder.add("fact/Module.symvers", data));
        match Kernel::open(sources) {
            Ok(kernel) => {
                ask(&kernel, VMLINUX, printed);
                let against = Against::kernel(&kernel).err();
                printed.text(against.map_or(String::new(), |error| error.to_string()));
            }
            Err(error) => printed.text(error),
        }
        let folder = self.folder.path().join("fact");
        if let Err(error) = Against::nothing().build_folder(&folder) {
            printed.text(error);
        }
    }
}

fn report(data: &[u8], against: &Against<'_>, printed: &mut Printed) {
    match check(data, against) {
        Ok(report) => {
            printed.text(format!("{report}"));
            printed.text(format!("{report:?}"));
        }
        Err(error) => printed.text(error),
    }
}

/// Asks all that can be asked of a few things of an object.
fn ask(kernel: &Kernel, object: &str, printed: &mut Printed) {
    let known = match kernel.object(object) {
        Ok(Some(known)) => known,
        Ok(None) => return,
        Err(error) => return printed.text(error),
    };
    let names = ["show", "start", "shwo", "show.isra.0", "a\x1b[2J\n", ""].map(str::to_owned);
    let functions = known.functions().map(|name| name.to_string());
    let answers = ["-EPERM", "0", "NULL", "true", "void"];
    for function in functions.take(FEW).chain(names) {
        printed.text(format!("{:?}", known.function(&function)));
        printed.text(format!("{:?}", known.variable(&function)));
        printed.text(format!("{:?}", kernel.export(&function)));
        printed.rust(Stub::function(kernel, object, &function, None));
        printed.rust(Stub::with(kernel, Form::Wrap).whole(object, &function, Some(1)));
        for answer in answers {
            let form = Form::Returns(answer.parse().expect("an answer"));
            printed.rust(Stub::with(kernel, form).whole(object, &function, None));
        }
    }
    for structure in ["s", "t", "alias", "module", "list_head", "a\x1b[2J\n"] {
        printed.text(format!("{:?}", known.structure(structure)));
        printed.text(known.declares(structure));
        if let Some(found) = known.structure(structure) {
            printed.text(found.content());
            for path in ["next.prev.next", "list.next", "state"] {
                printed.text(format!("{:?}", known.member(&found, path)));
            }
        }
        for of in [Some("show"), None] {
            let wanted = Wanted {
                object,
                name: structure,
                of,
                members: &[],
            };
            printed.rust(Stub::structure(kernel, &wanted));
        }
    }
}
