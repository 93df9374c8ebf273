// SPDX-License-Identifier: GPL-2.0-only

//! Gives a file to all that read such files.

use crate::files::{Folder, TEXT, vmlinux};
use crate::seeds::{Kind, types};
use klp_elf::check::{Against, check};
use klp_elf::{Kernel, Module, Stub, VMLINUX, Wanted, livepatch};

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

    pub(crate) fn read(&self, kind: Kind, data: &[u8]) {
        match kind {
            Kind::Module => self.module(data),
            Kind::Kernel => self.vmlinux(data),
            Kind::Symbols => self.symbols(data),
            Kind::Traceable => self.traceable(data),
            Kind::Exports => self.exports(data),
        }
    }

    fn module(&self, data: &[u8]) {
        if let Ok(module) = Module::parse(data) {
            let _ = module.modinfo();
            let _ = module.undefined();
            let _ = module.replacements();
            for function in module.functions().iter().take(FEW) {
                let _ = module.exits(function).map(|exits| format!("{exits:?}"));
            }
        }
        let against = Against::kernel(&self.kernel);
        for against in [Ok(Against::nothing()), against].into_iter().flatten() {
            let _ = check(data, &against).map(|report| report.to_string());
        }
        if livepatch::needs_link(data).unwrap_or_default() {
            let _ = livepatch::link(data).map(|linked| check(&linked, &Against::nothing()).is_ok());
        }
        // As a module that is patched.
        self.folder.add("changed/m.ko", data);
        let sources = self.folder.sources.clone();
        if let Ok(kernel) = Kernel::open(sources) {
            ask(&kernel, "m");
        }
    }

    fn vmlinux(&self, data: &[u8]) {
        let mut sources = self.folder.sources.clone();
        sources.vmlinux = self.folder.add("kernel/vmlinux", data);
        if let Ok(kernel) = Kernel::open(sources) {
            ask(&kernel, VMLINUX);
            let _ = Against::kernel(&kernel);
        }
    }

    fn symbols(&self, data: &[u8]) {
        let mut sources = self.folder.sources.clone();
        sources.kallsyms = Some(self.folder.add("kallsyms", data));
        if let Ok(kernel) = Kernel::open(sources) {
            ask(&kernel, VMLINUX);
        }
    }

    fn traceable(&self, data: &[u8]) {
        let mut sources = self.folder.sources.clone();
        sources.traceable = Some(self.folder.add("traceable", data));
        if let Ok(kernel) = Kernel::open(sources) {
            ask(&kernel, VMLINUX);
        }
    }

    fn exports(&self, data: &[u8]) {
        let folder = self.folder.path().join("build");
        self.folder.add("build/Module.symvers", data);
        let _ = Against::nothing().build_folder(&folder);
    }
}

/// Asks all that can be asked of a few things of an object.
fn ask(kernel: &Kernel, object: &str) {
    let Ok(Some(known)) = kernel.object(object) else {
        return;
    };
    let names = ["show", "start", "show.isra.0", ""].map(str::to_owned);
    for function in known.functions().take(FEW).chain(names) {
        let _ = known.function(&function);
        let _ = Stub::function(kernel, object, &function, None);
    }
    for structure in ["s", "t", "alias", "module", "list_head"] {
        if let Some(found) = known.structure(structure) {
            let _ = found.content();
            for path in ["next.prev.next", "list.next", "state"] {
                let _ = known.member(&found, path);
            }
        }
        let wanted = Wanted {
            object,
            name: structure,
            of: Some("show"),
            members: &[],
        };
        let _ = Stub::structure(kernel, &wanted);
        let _ = Stub::structure(kernel, &Wanted { of: None, ..wanted });
    }
}
