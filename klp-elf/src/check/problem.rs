// SPDX-License-Identifier: GPL-2.0-only

//! Defines the problems of livepatch modules, each with an ID, a severity, a text and a help text.

use crate::livepatch::NameError;
use crate::text::Name;
use crate::{Exit, Frame, Others};
use std::fmt;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Something that could not be checked.
    Note,
    /// It works, but may have unexpected effects.
    Warning,
    /// The kernel rejects it, or it does harm.
    Error,
}

impl Severity {
    /// The worst first.
    pub(super) const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Defines [`Problem`] from a table: the variant with its fields, ID, severity, text and help.
macro_rules! problems {
    ($(
        $variant:ident $(($($field:ty),*))? $({ $($name:ident: $type:ty),* })?:
            $id:literal, $severity:ident, $text:tt, $help:literal;
    )*) => {
        /// A problem of a module. Users see its text.
        #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
        #[allow(missing_docs)] // The texts document the variants.
        #[non_exhaustive]
        pub enum Problem {
            $(
                #[error($text)]
                $variant $(($($field),*))? $({ $($name: $type),* })?,
            )*
        }

        impl Problem {
            /// All kinds, for the documentation.
            pub const KINDS: &'static [Kind] = &[
                $(Kind {
                    id: $id,
                    severity: Severity::$severity,
                    text: $text,
                    help: $help,
                },)*
            ];

            /// The ID, which is stable when texts change.
            pub fn id(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $id,)*
                }
            }

            /// The severity.
            pub fn severity(&self) -> Severity {
                match self {
                    $(Self::$variant { .. } => Severity::$severity,)*
                }
            }

            /// The help text: what to do.
            pub fn help(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $help,)*
                }
            }
        }
    };
}

/// A kind of problem, without the names of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The ID.
    pub id: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The text, with the names of its fields in braces.
    pub text: &'static str,
    /// The help text: what to do.
    pub help: &'static str,
}

problems! {
    // The module.
    NotFinished: "not-finished", Error,
        "it is an object file, not a finished module",
        "give the .ko file that the module build made";
    NotMarked: "not-marked", Error,
        "it is not marked as a livepatch module",
        "add MODULE_INFO(livepatch, \"Y\"); `#[livepatch]` does so by itself";
    NotEnabled: "not-enabled", Error,
        "it does not call klp_enable_patch(), so it patches nothing",
        "give a livepatch module; the module that is patched needs no check";
    Licence(Name): "licence", Error,
        "`{0}` is not a licence that the kernel accepts for a livepatch",
        "klp_enable_patch() is for modules under the GPL: say MODULE_LICENSE(\"GPL\")";
    NoLicence: "no-licence", Error,
        "there is no licence",
        "klp_enable_patch() is for modules under the GPL: say MODULE_LICENSE(\"GPL\")";
    ModuleName(Name): "module-name", Error,
        "`{0}` is not a valid module name",
        "use letters, digits and underscores, fewer than 56";
    NoVermagic: "no-vermagic", Error,
        "the module has no version magic, and the kernel loads such a module only by force",
        "build it with the kernel's own build, which writes it";
    Vermagic { found: Name, expected: Name }: "vermagic", Error,
        "it was built for `{found}`, and the kernel is `{expected}`",
        "build it for this kernel, or check it against the kernel that it was built for";
    Unlinked: "unlinked", Error,
        "its livepatch symbols were not linked after the build",
        "run `cargo klp link` on it";
    TooMany(&'static str, usize): "too-many", Error,
        "it has more than {1} {0}, and the rest was not checked",
        "no kernel or module has so many: the module is damaged, build it again";
    ObjectsLeftOut: "objects-left-out", Note,
        "it names more objects than are looked up, so some functions and symbols were not",
        "check patches of fewer objects, or try it in a virtual machine";
    TooMuchCode: "too-much-code", Note,
        "it has more code than is read, so not all of it was checked for jumps and frames",
        "forbid tail calls in all replacements: -fno-optimize-sibling-calls in C";

    // Its tables.
    NoTables: "no-tables", Warning,
        "its tables cannot be found: the argument of klp_enable_patch() is made at run time",
        "the functions that it replaces cannot be checked; try it in a virtual machine";
    FilledLater: "filled-later", Warning,
        "the module fills it in at run time, so its value is unknown",
        "the functions that it replaces cannot be checked; try it in a virtual machine";
    NoObjects: "no-objects", Error,
        "the patch has no objects",
        "the kernel refuses a patch of nothing: give klp_patch.objs a table";
    NoFunctions(Name): "no-functions", Error,
        "the object `{0}` has no table of functions",
        "give klp_object.funcs a table, if only one with no entry but the last";
    TableSize { says: u64, room: u64 }: "table-size", Error,
        "the table says {says} entries, and has room for {room}",
        "the module is damaged: build it again";
    ObjectName(Name): "object-name", Error,
        "`{0}` is not the name of a module that can be patched",
        "give the name that lsmod shows, with underscores; the kernel itself has no name there";
    ObjectTwice(Name): "object-twice", Error,
        "the object `{0}` is listed twice",
        "put all functions of an object into one table";
    NoOldName: "no-old-name", Error,
        "an entry does not name the function to replace",
        "set klp_func.old_name; an entry of zeros ends the table";
    FunctionName(Name): "function-name", Error,
        "`{0}` is not a valid function name",
        "give the name that /proc/kallsyms shows";
    FunctionTwice(Name): "function-twice", Error,
        "`{0}` is replaced twice",
        "remove one of the entries, or set sympos to select the function that each replaces";
    NoNewFunction(Name): "no-new-function", Error,
        "nothing replaces `{0}`",
        "set klp_func.new_func";
    NewFunctionElsewhere(Name): "new-function-elsewhere", Error,
        "the replacement of `{0}` is not a function of this module",
        "set klp_func.new_func to a function of this module";
    NewFunctionInit(Name): "new-function-init", Error,
        "the replacement of `{0}` is freed after the module's init",
        "remove __init from the replacement";
    LeavesForOwn(Exit): "leaves-for-own", Error,
        "it ends in a jump to code of this module (`{0}`), which the stack check does not see",
        "the module could be unloaded under it: forbid tail calls, -fno-optimize-sibling-calls in C";
    LeavesStack(Exit): "leaves-stack", Warning,
        "it is left by a jump (`{0}`) to code that runs without it on the stack",
        "forbid tail calls in it: -fno-optimize-sibling-calls in C; `#[livepatch]` does so by itself";
    LargeFrame(Frame): "large-frame", Warning,
        "it takes {0} of the stack, more than the kernel allows",
        "allocate large values: in a `KBox`, or by kmalloc() in C";
    FrameOverGuard(Frame): "frame-over-guard", Error,
        "it takes {0} of the stack, and may reach beyond the guard page",
        "allocate large values: in a `KBox`, or by kmalloc() in C";
    Outlives(Name): "outlives", Warning,
        "it uses `{0}`, so its code may run at any later time, also when it is unloaded",
        "make sure that none of its code can run after the patch is disabled or replaced";
    HandedOut(Name): "outlives", Warning,
        "the address of `{0}` is taken, so the kernel may call that at any later time, also when the patch is unloaded",
        "make sure that none of its code can run after the patch is disabled or replaced";
    CallsItself(Name): "calls-itself", Error,
        "it calls `{0}`, which it replaces, and so itself without end",
        "call `original(...)` instead, the kernel's function";
    EntryDiffers { object: Name, name: Name, found: u64, expected: u64 }: "entry-differs", Error,
        "it enters `{name}` of `{object}` {found} bytes behind its beginning, and the entry has {expected}",
        "build it for this kernel, and with the module's file at hand";

    // The functions of the kernel.
    NoKernel: "no-kernel", Note,
        "no kernel was given: the functions and symbols that it names were not looked up",
        "give one with --kernel or --vmlinux";
    ObjectUnknown(Name): "object-unknown", Note,
        "nothing is known of the module `{0}`",
        "name the folder with its .ko file with --modules";
    NoSymbols(Name): "no-symbols", Note,
        "no symbols are known of `{0}`",
        "give a vmlinux with symbols, or a copy of /proc/kallsyms as KLP_KALLSYMS";
    FunctionMissing { object: Name, name: Name, others: Box<Others> }: "function-missing", Error,
        "`{object}` has no function `{name}`{others}",
        "give the name that /proc/kallsyms shows; what the compiler inlined has none";
    FunctionIsData { object: Name, name: Name }: "function-is-data", Error,
        "`{name}` of `{object}` is no function",
        "give the name of a function";
    FunctionAmbiguous { object: Name, name: Name, count: usize }: "function-ambiguous", Error,
        "`{object}` has {count} symbols `{name}`, and the entry has no sympos",
        "set sympos, counting in the order of /proc/kallsyms from 1";
    FunctionPosition { object: Name, name: Name, count: usize, sympos: u64 }: "function-position", Error,
        "`{object}` has {count} symbols `{name}`, and the entry wants number {sympos}",
        "count them in the order of /proc/kallsyms from 1";
    FunctionInit { object: Name, name: Name }: "function-init", Error,
        "`{name}` of `{object}` is freed when that has started",
        "replace a function that stays";
    NeverReturns(Name): "never-returns", Warning,
        "`{0}` never returns, and its callers have no code behind the call",
        "make sure that the replacement does not return either, or replace its callers";
    NotTraceable { object: Name, name: Name }: "not-traceable", Error,
        "`{name}` of `{object}` cannot be traced, so it cannot be replaced",
        "replace its callers; see available_filter_functions of the tracing file system";

    // Livepatch symbols.
    SymbolName(NameError): "symbol-name", Error,
        "the name is wrong: {0}",
        "write it as .klp.sym.OBJECT.NAME,SYMPOS";
    SymbolUnmarked: "symbol-unmarked", Error,
        "it has the name of a livepatch symbol, but not its section index",
        "run `cargo klp link` on the module; it makes SHN_LIVEPATCH of the symbol's section";
    SymbolMissing { object: Name, name: Name, others: Box<Others> }: "symbol-missing", Error,
        "`{object}` has no symbol `{name}`{others}",
        "give the name that /proc/kallsyms shows";
    SymbolAmbiguous { object: Name, name: Name, count: usize }: "symbol-ambiguous", Error,
        "`{object}` has {count} symbols `{name}`, and sympos 0 stands for a single one",
        "set sympos, counting in the order of /proc/kallsyms from 1";
    SymbolPosition { object: Name, name: Name, count: usize, sympos: u64 }: "symbol-position", Error,
        "`{object}` has {count} symbols `{name}`, and this is number {sympos}",
        "count them in the order of /proc/kallsyms from 1";
    SymbolInit { object: Name, name: Name }: "symbol-init", Error,
        "`{name}` of `{object}` is freed when that has started",
        "use a symbol that stays";

    // Livepatch relocation sections.
    RelaName(NameError): "rela-name", Error,
        "the name is wrong: {0}",
        "write it as .klp.rela.OBJECT.SECTION; `cargo klp link` does so by itself";
    RelaUnmarked: "rela-unmarked", Error,
        "it has the name of a livepatch relocation section, but not its flag",
        "set SHF_RELA_LIVEPATCH; without it the livepatch core does not resolve its symbols";
    RelaType: "rela-type", Error,
        "it is marked as a livepatch relocation section, and holds no relocations",
        "make it a section of type SHT_RELA with whole entries";
    RelaNotKept: "rela-not-kept", Error,
        "it is not kept in memory (SHF_ALLOC), where the livepatch core reads it",
        "set SHF_ALLOC";
    RelaLink(usize): "rela-link", Error,
        "its symbol table (sh_link) is section {0}, which is not the module's",
        "set sh_link to the section `.symtab`";
    RelaTarget(usize): "rela-target", Error,
        "it relocates section {0}, which is not in memory",
        "set sh_info to a section of code or data";
    RelaTargetName(Name): "rela-target-name", Error,
        "it relocates `{0}`, but its name is for another section",
        "let the name end in that of the section which sh_info names";
    RelaObject(Name): "rela-object", Error,
        "it is for `{0}`, which the module does not patch",
        "it is never applied: give that module a table of functions, or move the relocations";
    RelaPlainSymbol(Name): "rela-plain-symbol", Error,
        "it refers to `{0}`, which is no livepatch symbol",
        "move that relocation into the section's ordinary relocations";
    RelaVmlinuxSymbol { object: Name, symbol: Name }: "rela-vmlinux-symbol", Error,
        "it is for the module `{object}`, and refers to `{symbol}` of vmlinux",
        "move that relocation into the section for vmlinux";
    RelaModuleSymbol(Name): "rela-module-symbol", Error,
        "it is for vmlinux, and refers to `{0}` of a module",
        "move that relocation into the section for that module";

    // Relocations of any kind.
    RelocationKind(u32): "relocation-kind", Error,
        "a relocation is of kind {0}, which the kernel does not know",
        "compile with the kernel's own options: no PIC, -mcmodel=kernel";
    RelocationOffset: "relocation-offset", Error,
        "a relocation is outside of the section",
        "the module is damaged: build it again";
    RelocationSymbol(usize): "relocation-symbol", Error,
        "a relocation refers to symbol {0}, and there are fewer",
        "the module is damaged: build it again";
    RelocationOccupied: "relocation-occupied", Error,
        "a relocation would overwrite data",
        "the place of a relocation has to be zero: build the module again";
    RelocationLivepatch(Name): "relocation-livepatch", Error,
        "a relocation of the module itself refers to the livepatch symbol `{0}`",
        "it would be resolved to nothing: run `cargo klp link` on the module, which moves the relocation";

    // Symbols of the kernel and of other modules.
    NoExports: "no-exports", Note,
        "the kernel's exports are unknown, so undefined symbols were not looked up",
        "give a kernel's build folder with its Module.symvers";
    NotExported: "not-exported", Error,
        "neither the kernel nor a module that this one depends on exports it",
        "make it a livepatch symbol, or load what exports it and build against its Module.symvers";
    Version { found: u64, expected: u64 }: "version", Error,
        "it was built for another version of it ({found:#010x}, the kernel has {expected:#010x})",
        "build the module for this kernel";
    Namespace(Name): "namespace", Error,
        "it is exported to the namespace `{0}`, which the module does not import",
        "add MODULE_IMPORT_NS";
    DependencyUnknown: "dependency-unknown", Note,
        "its file is not known, so what it exports was not looked up",
        "name the folder with its .ko file with --modules";
}
