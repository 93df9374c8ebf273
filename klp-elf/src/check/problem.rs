// SPDX-License-Identifier: GPL-2.0-only

//! What can be wrong with a livepatch module: an id for programs, how bad it is, and what to tell
//! people.

use super::Severity;
use crate::livepatch::NameError;
use crate::text::Name;
use crate::{Exit, Frame, Others};

/// What is wrong. What each stands for is the text that it shows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // The texts say it.
#[non_exhaustive]
pub enum Problem {
    // The module.
    #[error("it is an object file, not a finished module")]
    NotFinished,
    #[error("it is not marked as a livepatch module")]
    NotMarked,
    #[error("it does not call klp_enable_patch(), so it patches nothing")]
    NotEnabled,
    #[error("`{0}` is no licence that the kernel takes for a livepatch")]
    Licence(Name),
    #[error("there is no licence")]
    NoLicence,
    #[error("`{0}` is no name of a module")]
    ModuleName(Name),
    #[error("there is none, and the kernel loads such a module only by force")]
    NoVermagic,
    #[error("it was built for `{found}`, and the kernel is `{expected}`")]
    Vermagic { found: Name, expected: Name },
    #[error("its livepatch symbols were not linked after the build")]
    Unlinked,
    #[error("it has more than {1} {0}, and the rest was not checked")]
    TooMany(&'static str, usize),
    #[error("it names more objects than are looked up, so some functions and symbols were not")]
    ObjectsLeftOut,
    #[error("it has more code than is read, so not all of it was checked for jumps and frames")]
    TooMuchCode,

    // Its tables.
    #[error("its tables cannot be found: what klp_enable_patch() gets is made when it runs")]
    NoTables,
    #[error("the module fills it in when it runs, so what stands there is not known")]
    FilledLater,
    #[error("the patch has no objects")]
    NoObjects,
    #[error("the object `{0}` has no table of functions")]
    NoFunctions(Name),
    #[error("the table says {says} entries, and has room for {room}")]
    TableSize { says: u64, room: u64 },
    #[error("`{0}` is no name of a module that can be patched")]
    ObjectName(Name),
    #[error("the object `{0}` is there twice")]
    ObjectTwice(Name),
    #[error("an entry does not name the function to replace")]
    NoOldName,
    #[error("`{0}` is no name of a function")]
    FunctionName(Name),
    #[error("`{0}` is replaced twice")]
    FunctionTwice(Name),
    #[error("nothing replaces `{0}`")]
    NoNewFunction(Name),
    #[error("what replaces `{0}` is no function of this module")]
    NewFunctionElsewhere(Name),
    #[error("what replaces `{0}` is freed when the module has started")]
    NewFunctionInit(Name),
    #[error("it ends in a jump to code of this module (`{0}`), which then runs unseen")]
    LeavesForOwn(Exit),
    #[error("it is left by a jump (`{0}`), and what runs then is not seen on the stack")]
    LeavesStack(Exit),
    #[error("it takes {0} of the stack, more than the kernel allows")]
    LargeFrame(Frame),
    #[error("it takes {0} of the stack, and may reach over the page behind that")]
    FrameOverGuard(Frame),
    #[error("it uses `{0}`, so its code may run at any later time, also when it is unloaded")]
    Outlives(Name),
    #[error(
        "the address of `{0}` is taken, so the kernel may call that at any later time, also when the patch is unloaded"
    )]
    HandedOut(Name),
    #[error("it calls `{0}`, which it replaces, and so itself without end")]
    CallsItself(Name),
    #[error(
        "it enters `{name}` of `{object}` {found} bytes behind its beginning, and the entry has \
         {expected}"
    )]
    EntryDiffers {
        object: Name,
        name: Name,
        found: u64,
        expected: u64,
    },

    // The functions of the kernel.
    #[error("no kernel was given: the functions and symbols that it names were not looked up")]
    NoKernel,
    #[error("nothing is known of the module `{0}`")]
    ObjectUnknown(Name),
    #[error("no symbols are known of `{0}`")]
    NoSymbols(Name),
    #[error("`{object}` has no function `{name}`{others}")]
    FunctionMissing {
        object: Name,
        name: Name,
        others: Box<Others>,
    },
    #[error("`{name}` of `{object}` is no function")]
    FunctionIsData { object: Name, name: Name },
    #[error("`{object}` has {count} symbols `{name}`, and the entry does not say which")]
    FunctionAmbiguous {
        object: Name,
        name: Name,
        count: usize,
    },
    #[error("`{object}` has {count} symbols `{name}`, and the entry wants number {sympos}")]
    FunctionPosition {
        object: Name,
        name: Name,
        count: usize,
        sympos: u64,
    },
    #[error("`{name}` of `{object}` is freed when that has started")]
    FunctionInit { object: Name, name: Name },
    #[error("`{0}` never returns, and its callers have no code behind the call")]
    NeverReturns(Name),
    #[error("`{name}` of `{object}` cannot be traced, and so not be replaced")]
    NotTraceable { object: Name, name: Name },

    // Livepatch symbols.
    #[error("the name is wrong: {0}")]
    SymbolName(NameError),
    #[error("it has the name of a livepatch symbol, and is none")]
    SymbolUnmarked,
    #[error("`{object}` has no symbol `{name}`{others}")]
    SymbolMissing {
        object: Name,
        name: Name,
        others: Box<Others>,
    },
    #[error("`{object}` has {count} symbols `{name}`, and sympos 0 stands for a single one")]
    SymbolAmbiguous {
        object: Name,
        name: Name,
        count: usize,
    },
    #[error("`{object}` has {count} symbols `{name}`, and this is number {sympos}")]
    SymbolPosition {
        object: Name,
        name: Name,
        count: usize,
        sympos: u64,
    },
    #[error("`{name}` of `{object}` is freed when that has started")]
    SymbolInit { object: Name, name: Name },

    // Livepatch relocation sections.
    #[error("the name is wrong: {0}")]
    RelaName(NameError),
    #[error("it has the name of a livepatch relocation section, and not its flag")]
    RelaUnmarked,
    #[error("it is marked as a livepatch relocation section, and holds no relocations")]
    RelaType,
    #[error("it is not kept in memory (SHF_ALLOC), where the livepatch core reads it")]
    RelaNotKept,
    #[error("its symbol table (sh_link) is section {0}, which is not the module's")]
    RelaLink(usize),
    #[error("it relocates section {0}, which is not in memory")]
    RelaTarget(usize),
    #[error("it relocates `{0}`, and its name says another section")]
    RelaTargetName(Name),
    #[error("it is for `{0}`, which the module does not patch")]
    RelaObject(Name),
    #[error("it refers to `{0}`, which is no livepatch symbol")]
    RelaPlainSymbol(Name),
    #[error("it is for the module `{object}`, and refers to `{symbol}` of vmlinux")]
    RelaVmlinuxSymbol { object: Name, symbol: Name },
    #[error("it is for vmlinux, and refers to `{0}` of a module")]
    RelaModuleSymbol(Name),

    // Relocations of any kind.
    #[error("a relocation is of kind {0}, which the kernel does not know")]
    RelocationKind(u32),
    #[error("a relocation is outside of the section")]
    RelocationOffset,
    #[error("a relocation refers to symbol {0}, and there are fewer")]
    RelocationSymbol(usize),
    #[error("a relocation would write over something")]
    RelocationOccupied,
    #[error("a relocation of the module itself refers to the livepatch symbol `{0}`")]
    RelocationLivepatch(Name),

    // Symbols of the kernel and of other modules.
    #[error("it was not looked up which symbols the kernel exports")]
    NoExports,
    #[error("neither the kernel nor a module that this one depends on exports it")]
    NotExported,
    #[error(
        "it was built for another version of it ({found:#010x}, the kernel has {expected:#010x})"
    )]
    Version { found: u64, expected: u64 },
    #[error("it is exported to the namespace `{0}`, which the module does not import")]
    Namespace(Name),
    #[error("its file is not known, so what it exports was not looked up")]
    DependencyUnknown,
}

impl Problem {
    /// Its name for programs. It stays the same when texts change.
    pub fn id(&self) -> &'static str {
        self.about().0
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.about().1
    }

    /// What to do.
    pub fn help(&self) -> &'static str {
        self.about().2
    }

    #[rustfmt::skip] // A table is read by columns.
    fn about(&self) -> (&'static str, Severity, &'static str) {
        use Severity::{Error, Note, Warning};
        match self {
            Self::NotFinished => ("not-finished", Error, "give the .ko file that the module build made"),
            Self::NotMarked => ("not-marked", Error, "add MODULE_INFO(livepatch, \"Y\"); `#[livepatch]` does so by itself"),
            Self::NotEnabled => ("not-enabled", Error, "give a livepatch module; the module that is patched needs no check"),
            Self::Licence(..) => ("licence", Error, "klp_enable_patch() is for modules under the GPL: say MODULE_LICENSE(\"GPL\")"),
            Self::NoLicence => ("no-licence", Error, "klp_enable_patch() is for modules under the GPL: say MODULE_LICENSE(\"GPL\")"),
            Self::ModuleName(..) => ("module-name", Error, "use letters, digits and underscores, fewer than 56"),
            Self::NoVermagic => ("no-vermagic", Error, "build it with the kernel's own build, which writes it"),
            Self::Vermagic { .. } => ("vermagic", Error, "build it for this kernel, or check it against the kernel that it was built for"),
            Self::Unlinked => ("unlinked", Error, "run `cargo klp link` on it"),
            Self::TooMany(..) => ("too-many", Error, "no kernel or module has so many: the module is damaged, build it again"),
            Self::ObjectsLeftOut => ("objects-left-out", Note, "check patches of fewer objects, or try it in a virtual machine"),
            Self::TooMuchCode => ("too-much-code", Note, "forbid tail calls in all replacements: -fno-optimize-sibling-calls in C"),
            Self::NoTables => ("no-tables", Warning, "nothing can be said of the functions that it replaces; try it in a virtual machine"),
            Self::FilledLater => ("filled-later", Warning, "nothing can be said of the functions that it replaces; try it in a virtual machine"),
            Self::NoObjects => ("no-objects", Error, "the kernel refuses a patch of nothing: give klp_patch.objs a table"),
            Self::NoFunctions(..) => ("no-functions", Error, "give klp_object.funcs a table, if only one with no entry but the last"),
            Self::TableSize { .. } => ("table-size", Error, "the module is damaged: build it again"),
            Self::ObjectName(..) => ("object-name", Error, "give the name that lsmod shows, with underscores; the kernel itself has no name there"),
            Self::ObjectTwice(..) => ("object-twice", Error, "put all functions of an object into one table"),
            Self::NoOldName => ("no-old-name", Error, "set klp_func.old_name; an entry of zeros ends the table"),
            Self::FunctionName(..) => ("function-name", Error, "give the name that /proc/kallsyms shows"),
            Self::FunctionTwice(..) => ("function-twice", Error, "take one of the entries out, or say by sympos which function each replaces"),
            Self::NoNewFunction(..) => ("no-new-function", Error, "set klp_func.new_func"),
            Self::NewFunctionElsewhere(..) => ("new-function-elsewhere", Error, "set klp_func.new_func to a function of this module"),
            Self::NewFunctionInit(..) => ("new-function-init", Error, "take __init from the replacement"),
            Self::LeavesForOwn(..) => ("leaves-for-own", Error, "the module could be unloaded under it: forbid tail calls, -fno-optimize-sibling-calls in C"),
            Self::LeavesStack(..) => ("leaves-stack", Warning, "forbid tail calls in it: -fno-optimize-sibling-calls in C; `#[livepatch]` does so by itself"),
            Self::LargeFrame(..) => ("large-frame", Warning, "keep large values elsewhere: in a `KBox`, or kmalloc() in C"),
            Self::FrameOverGuard(..) => ("frame-over-guard", Error, "keep large values elsewhere: in a `KBox`, or kmalloc() in C"),
            Self::Outlives(..) | Self::HandedOut(..) => ("outlives", Warning, "see that nothing of it is left when the patch is unpatched, or replaced by another"),
            Self::CallsItself(..) => ("calls-itself", Error, "call `original(...)` in its place, which is the kernel's own"),
            Self::EntryDiffers { .. } => ("entry-differs", Error, "build it for this kernel, and with the module's file at hand"),
            Self::NoKernel => ("no-kernel", Note, "give one with --kernel or --vmlinux"),
            Self::ObjectUnknown(..) => ("object-unknown", Note, "name the folder with its .ko file with --modules"),
            Self::NoSymbols(..) => ("no-symbols", Note, "give a vmlinux with symbols, or a copy of /proc/kallsyms as KLP_KALLSYMS"),
            Self::FunctionMissing { .. } => ("function-missing", Error, "give the name that /proc/kallsyms shows; what the compiler inlined has none"),
            Self::FunctionIsData { .. } => ("function-is-data", Error, "give the name of a function"),
            Self::FunctionAmbiguous { .. } => ("function-ambiguous", Error, "say which by sympos, counting in the order of /proc/kallsyms from 1"),
            Self::FunctionPosition { .. } => ("function-position", Error, "count them in the order of /proc/kallsyms from 1"),
            Self::FunctionInit { .. } => ("function-init", Error, "replace a function that stays"),
            Self::NeverReturns(..) => ("never-returns", Warning, "see that the replacement does not return either, or replace its callers"),
            Self::NotTraceable { .. } => ("not-traceable", Error, "replace its callers; see available_filter_functions of the tracing file system"),
            Self::SymbolName(..) => ("symbol-name", Error, "write it as .klp.sym.OBJECT.NAME,SYMPOS"),
            Self::SymbolUnmarked => ("symbol-unmarked", Error, "run `cargo klp link` on the module; it makes SHN_LIVEPATCH of the symbol's section"),
            Self::SymbolMissing { .. } => ("symbol-missing", Error, "give the name that /proc/kallsyms shows"),
            Self::SymbolAmbiguous { .. } => ("symbol-ambiguous", Error, "say which by sympos, counting in the order of /proc/kallsyms from 1"),
            Self::SymbolPosition { .. } => ("symbol-position", Error, "count them in the order of /proc/kallsyms from 1"),
            Self::SymbolInit { .. } => ("symbol-init", Error, "use a symbol that stays"),
            Self::RelaName(..) => ("rela-name", Error, "write it as .klp.rela.OBJECT.SECTION; `cargo klp link` does so by itself"),
            Self::RelaUnmarked => ("rela-unmarked", Error, "set SHF_RELA_LIVEPATCH; without it nobody resolves its symbols"),
            Self::RelaType => ("rela-type", Error, "make it a section of type SHT_RELA with whole entries"),
            Self::RelaNotKept => ("rela-not-kept", Error, "set SHF_ALLOC"),
            Self::RelaLink(..) => ("rela-link", Error, "set sh_link to the section `.symtab`"),
            Self::RelaTarget(..) => ("rela-target", Error, "set sh_info to a section of code or data"),
            Self::RelaTargetName(..) => ("rela-target-name", Error, "let the name end in that of the section which sh_info names"),
            Self::RelaObject(..) => ("rela-object", Error, "it is never applied: give that module a table of functions, or move the relocations"),
            Self::RelaPlainSymbol(..) => ("rela-plain-symbol", Error, "move that relocation into the section's ordinary relocations"),
            Self::RelaVmlinuxSymbol { .. } => ("rela-vmlinux-symbol", Error, "move that relocation into the section for vmlinux"),
            Self::RelaModuleSymbol(..) => ("rela-module-symbol", Error, "move that relocation into the section for that module"),
            Self::RelocationKind(..) => ("relocation-kind", Error, "compile with the kernel's own options: no PIC, -mcmodel=kernel"),
            Self::RelocationOffset => ("relocation-offset", Error, "the module is damaged: build it again"),
            Self::RelocationSymbol(..) => ("relocation-symbol", Error, "the module is damaged: build it again"),
            Self::RelocationOccupied => ("relocation-occupied", Error, "the place of a relocation has to be zero: build the module again"),
            Self::RelocationLivepatch(..) => ("relocation-livepatch", Error, "it would be resolved to nothing: run `cargo klp link` on the module, which moves the relocation"),
            Self::NoExports => ("no-exports", Note, "give a kernel's build folder with its Module.symvers"),
            Self::NotExported => ("not-exported", Error, "make it a livepatch symbol, or load what exports it and build against its Module.symvers"),
            Self::Version { .. } => ("version", Error, "build the module for this kernel"),
            Self::Namespace(..) => ("namespace", Error, "add MODULE_IMPORT_NS"),
            Self::DependencyUnknown => ("dependency-unknown", Note, "name the folder with its .ko file with --modules"),
        }
    }
}
