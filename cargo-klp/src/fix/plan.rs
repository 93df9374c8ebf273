// SPDX-License-Identifier: GPL-2.0-only

//! Plans the patch for a fix on a kernel: a replacement or advice for each changed item.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use klp_elf::inlined::{Caller, Definition, Index};
use klp_elf::{Form, Function, Kernel, Stub, VMLINUX};

use super::Fix;
use super::diff::{FileChange, TOPS};
use super::hunk::{self, Place, State, Subject};
use super::object::{self, Tree};
use super::source::{self, Kind};
use crate::kernel::Described;

/// The maximum number of callers of an inlined function that get stubs.
const CALLERS_MAX: usize = 8;

/// The maximum number of names in a list.
const LISTED_MAX: usize = 20;

/// The maximum depth of calls that are followed in the source.
const DEPTH_MAX: u32 = 4;

/// The information about a kernel.
pub struct Facts {
    kernel: Kernel,
    tree: Option<Tree>,
    /// The text of `/proc/kallsyms`.
    kallsyms: Option<String>,
    /// Folders with indices of inlined functions.
    inlined: Vec<PathBuf>,
}

/// The plan of a patch for a fix.
#[derive(Debug, Default)]
pub struct Plan {
    /// One or more for each item that the fix changes.
    pub(super) verdicts: Vec<Verdict>,
    /// The replacements.
    pub(super) stubs: Vec<Planned>,
    /// The declarations of the structures that they use.
    pub(super) declarations: String,
    /// The kernel's source already has the fix.
    pub(super) fixed: bool,
}

/// What the patch does for an item that the fix changes.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The item, such as ``net/a.c: `f` ``.
    pub(super) what: String,
    /// The outcome or advice.
    pub(super) text: String,
}

/// A replacement.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    /// The source that `Stub` generated.
    pub(super) item: String,
    pub(super) place: Place,
    /// Notes for the author.
    pub(super) notes: Vec<String>,
    /// The file and the hunks that change the function.
    pub(super) path: String,
    pub(super) hunks: Vec<String>,
}

impl Facts {
    /// Collects the information.
    pub fn new(kernel: Kernel, described: &Described, inlined: Vec<PathBuf>) -> Self {
        let tree = described.source.as_deref().zip(described.config.as_deref());
        let kallsyms = described.known.kallsyms.as_deref();
        Self {
            kernel,
            tree: tree.and_then(|(source, config)| Tree::of(source, config)),
            kallsyms: kallsyms.and_then(|path| std::fs::read_to_string(path).ok()),
            inlined,
        }
    }

    /// All functions of that name in the debug information; `None` without debug information.
    fn definitions(&self, object: &str, name: &str) -> Result<Option<Vec<Definition>>> {
        let index = Index::in_folders(self.inlined.iter().cloned(), object)?;
        Ok(index.map(|index| index.named(name)).transpose()?)
    }
}

impl Plan {
    /// Plans the patch for all changes of a fix.
    pub fn make(fix: &Fix, facts: &Facts) -> Result<Self> {
        check_is_kernel(fix, facts)?;
        let mut planner = Planner {
            facts,
            stub: Stub::with(&facts.kernel, Form::Wrap),
            plan: Self::default(),
            seen: HashSet::new(),
        };
        let mut states = Vec::new();
        for file in &fix.files {
            states.extend(planner.file(file)?);
        }
        let mut plan = planner.plan;
        plan.declarations = planner.stub.declarations();
        plan.fixed = !states.is_empty() && states.iter().all(|state| *state == State::Fixed);
        Ok(plan)
    }

    /// Whether the kernel's source already has the fix.
    pub fn is_in_kernel(&self) -> bool {
        self.fixed
    }

    /// Whether no function can be replaced.
    pub fn is_empty(&self) -> bool {
        self.stubs.is_empty()
    }

    /// A line about each item that the fix changes.
    pub fn summary(&self) -> String {
        let lines = self.verdicts.iter();
        let lines = lines.map(|verdict| format!("  {}: {}\n", verdict.what, verdict.text));
        lines.collect()
    }
}

fn check_is_kernel(fix: &Fix, facts: &Facts) -> Result<()> {
    let known = |file: &FileChange| match &facts.tree {
        Some(tree) if !file.created => tree.file(&file.path).is_some(),
        _ => false,
    };
    let looks = |file: &FileChange| {
        file.path
            .split('/')
            .next()
            .is_some_and(|top| TOPS.contains(&top))
    };
    let names: Vec<&str> = fix.files.iter().map(|file| file.path.as_str()).collect();
    ensure!(
        fix.files.iter().any(|file| known(file) || looks(file)),
        "this is not a fix for the kernel, which does not have {}",
        list(&names)
    );
    Ok(())
}

fn list(names: &[&str]) -> String {
    let shown = names.iter().take(LISTED_MAX);
    let mut text = shown
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = names.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

struct Planner<'a> {
    facts: &'a Facts,
    stub: Stub<'a>,
    plan: Plan,
    /// The objects and functions that were planned already.
    seen: HashSet<(String, String)>,
}

/// A function to replace, and the change that it is replaced for.
struct Candidate<'a> {
    object: &'a str,
    name: &'a str,
    file: &'a FileChange,
    subject: &'a Subject,
    /// The file that defines the function.
    path: &'a str,
    place: Place,
    /// A note for the author.
    note: Option<String>,
}

impl Planner<'_> {
    fn file(&mut self, file: &FileChange) -> Result<Option<State>> {
        if let Some(text) = not_c(&file.path) {
            self.verdict(file.path.clone(), text.to_owned());
            return Ok(None);
        }
        let tree = self.facts.tree.as_ref();
        let source = tree.and_then(|tree| tree.file(&file.path));
        let (subjects, state) = hunk::subjects(file, source.as_deref());
        if subjects.is_empty() {
            let text =
                "only comments or blank lines change, or no function was found: see the hunk";
            self.verdict(file.path.clone(), text.to_owned());
        }
        let place = match (file.path.ends_with(".c"), tree) {
            (true, Some(tree)) => tree.place(&file.path),
            _ => object::Place::Unknown,
        };
        for subject in &subjects {
            self.subject(file, subject, &place, source.as_deref())?;
        }
        let has_functions = subjects
            .iter()
            .any(|it| matches!(it.kind, Kind::Function { .. }));
        Ok(has_functions.then_some(state))
    }

    fn verdict(&mut self, what: String, text: String) {
        self.plan.verdicts.push(Verdict { what, text });
    }

    fn subject(
        &mut self,
        file: &FileChange,
        subject: &Subject,
        place: &object::Place,
        source: Option<&str>,
    ) -> Result<()> {
        let what = match subject.name.is_empty() {
            true => file.path.clone(),
            false => format!("{}: `{}`", file.path, subject.name),
        };
        let text = match (subject.kind, place) {
            (Kind::Function { init: true, .. }, _) => INIT.to_owned(),
            (Kind::Function { .. }, _) if subject.new => NEW.to_owned(),
            (Kind::Function { .. }, _) if subject.removed => REMOVED.to_owned(),
            (Kind::Function { .. }, _) if file.path.ends_with(".h") => {
                self.in_header(&subject.name)?
            }
            (Kind::Function { .. }, object::Place::NotBuilt(option)) => {
                format!("this kernel was built without {option}: nothing to patch")
            }
            (Kind::Function { .. }, place) => {
                let object = match place {
                    object::Place::Module(name) => name.as_str(),
                    _ => VMLINUX,
                };
                let candidate = Candidate {
                    object,
                    name: &subject.name,
                    file,
                    subject,
                    path: &file.path,
                    place: subject.place,
                    note: None,
                };
                self.function(&candidate, source)?
            }
            (Kind::Type, _) => TYPE.to_owned(),
            (Kind::Data, _) => DATA.to_owned(),
            (Kind::Macro, _) => MACRO.to_owned(),
            (Kind::Directive | Kind::Declaration, _) => NOTHING.to_owned(),
        };
        self.verdict(what, text);
        Ok(())
    }

    /// The advice for a function of a header.
    fn in_header(&self, name: &str) -> Result<String> {
        let Some(definitions) = self.facts.definitions(VMLINUX, name)? else {
            return Ok(format!(
                "{HEADER}; debug information (--debug-info) shows which these are"
            ));
        };
        let mut callers: Vec<String> = definitions
            .iter()
            .flat_map(|definition| &definition.callers)
            .map(|caller| caller.shown().to_string())
            .collect();
        callers.sort_unstable();
        callers.dedup();
        let callers: Vec<&str> = callers.iter().map(String::as_str).collect();
        Ok(match callers.as_slice() {
            [] => format!("{HEADER}; it was not inlined in vmlinux, but may be in modules"),
            callers => format!(
                "{HEADER}; in vmlinux it was inlined into {}: {}",
                callers.len(),
                list(callers)
            ),
        })
    }

    /// Plans the replacement of a function; returns the text of its verdict.
    fn function(&mut self, candidate: &Candidate<'_>, source: Option<&str>) -> Result<String> {
        let Candidate { object, name, .. } = *candidate;
        if !self.seen.insert((object.to_owned(), name.to_owned())) {
            return Ok("see above".to_owned());
        }
        let facts = self.facts;
        let Some(found) = facts
            .kernel
            .object(object)
            .context("cannot look the function up")?
        else {
            return Ok(format!(
                "it is in the unknown module `{object}`: name the folder with `{object}.ko` (or .ko.xz, ...) in \
                 KLP_MODULES, and run the command again"
            ));
        };
        let function = found.function(name);
        let definitions = facts.definitions(object, name)?;
        let own = own(definitions.as_deref(), candidate.path);
        let callers = own.map_or(&[][..], |own| &own.callers);
        if is_missing(&function) {
            return self.without_entry(candidate, &function, callers, source);
        }
        let sympos = match self.sympos(&function, own, candidate, source) {
            Ok(sympos) => sympos,
            Err(text) => return Ok(text),
        };
        match self.stub.add(object, name, sympos) {
            Ok(item) => {
                let mut text = self.add_stub(candidate, item);
                if !callers.is_empty() {
                    text = format!("{text}; {}", self.inlined_copies(candidate, callers)?);
                }
                Ok(text)
            }
            Err(error) if function.matches.iter().flatten().any(|it| it.init) => {
                Ok(format!("{error}. {INIT}"))
            }
            Err(error) => {
                let callers = self.callers(candidate, callers, source)?;
                Ok(format!("{error}{}", caller_advice(&callers)))
            }
        }
    }

    /// Adds a replacement to the plan; returns the text of its verdict.
    fn add_stub(&mut self, candidate: &Candidate<'_>, item: String) -> String {
        let hunks = candidate.subject.hunks.iter();
        let hunks = hunks.filter_map(|index| candidate.file.hunks.get(*index));
        self.plan.stubs.push(Planned {
            name: candidate.name.to_owned(),
            item,
            place: candidate.place,
            notes: candidate.note.clone().into_iter().collect(),
            path: candidate.file.path.clone(),
            hunks: hunks.map(super::diff::Hunk::text).collect(),
        });
        let way = match candidate.place {
            Place::Top => "a replacement that runs the change before the original",
            Place::End => "a replacement that runs the change after the original",
            Place::Middle => {
                "a replacement: the change is in the middle of the function, so write the whole function"
            }
        };
        format!("{way} (`{}`)", candidate.object)
    }

    /// The verdict on inlined copies of a replaced function.
    fn inlined_copies(&mut self, candidate: &Candidate<'_>, callers: &[Caller]) -> Result<String> {
        let planned = self.callers(candidate, callers, None)?;
        let names: Vec<String> = callers.iter().map(ToString::to_string).collect();
        let shown = names
            .iter()
            .take(LISTED_MAX)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        let more = match names.len().checked_sub(LISTED_MAX) {
            Some(more) if more > 0 => format!(" and {more} more"),
            _ => String::new(),
        };
        Ok(format!(
            "it was also inlined into {shown}{more}, which keep the old code{}",
            caller_advice(&planned)
        ))
    }

    /// The verdict on a function without an entry.
    fn without_entry(
        &mut self,
        candidate: &Candidate<'_>,
        function: &Function,
        callers: &[Caller],
        source: Option<&str>,
    ) -> Result<String> {
        let planned = self.callers(candidate, callers, source)?;
        let (name, object) = (candidate.name, candidate.object);
        let what = match callers {
            [] => format!(
                "`{object}` has no such function in this kernel{}",
                function.others
            ),
            callers => {
                let names: Vec<String> = callers.iter().map(ToString::to_string).collect();
                format!("`{name}` was inlined into {}", names.join(", "))
            }
        };
        Ok(format!("{what}{}", caller_advice(&planned)))
    }

    /// Plans the replacement of functions with an inlined copy or, if none is known, of callers in the source.
    fn callers(
        &mut self,
        candidate: &Candidate<'_>,
        known: &[Caller],
        source: Option<&str>,
    ) -> Result<Vec<String>> {
        let mut names: Vec<(String, String)> = Vec::new();
        for caller in known {
            let note = format!("`{}` was inlined here: {}", candidate.name, caller.site);
            if !names.iter().any(|(name, _)| *name == caller.name) {
                names.push((caller.name.clone(), note));
            }
        }
        if known.is_empty()
            && let Some(source) = source
        {
            let note = format!("`{}` may have been inlined here", candidate.name);
            let callers = calling(source, candidate.name).into_iter();
            names = callers.map(|name| (name, note.clone())).collect();
        }
        let mut planned = Vec::new();
        for (name, note) in names.into_iter().take(CALLERS_MAX) {
            if self.caller(candidate, &name, note)? {
                planned.push(name);
            }
        }
        Ok(planned)
    }

    /// Plans the replacement of one caller; returns whether that is possible.
    fn caller(&mut self, candidate: &Candidate<'_>, name: &str, note: String) -> Result<bool> {
        let key = (candidate.object.to_owned(), name.to_owned());
        if self.seen.contains(&key) {
            return Ok(self.plan.stubs.iter().any(|stub| stub.name == name));
        }
        let Ok(item) = self.stub.add(candidate.object, name, None) else {
            return Ok(false);
        };
        self.seen.insert(key);
        let caller = Candidate {
            name,
            place: Place::Middle,
            note: Some(note),
            ..*candidate
        };
        self.add_stub(&caller, item);
        Ok(true)
    }

    /// The sympos of the function that the file defines, if several have that name.
    fn sympos(
        &self,
        function: &Function,
        own: Option<&Definition>,
        candidate: &Candidate<'_>,
        source: Option<&str>,
    ) -> Result<Option<u32>, String> {
        let Some([_, _, ..]) = function.matches.as_deref() else {
            return Ok(None);
        };
        let matches = function.matches.as_deref().unwrap_or_default();
        let entries = own.map_or(&[][..], |own| &own.entries);
        let by_entry = matches.iter().find(|it| entries.contains(&it.address));
        let addresses: Vec<u64> = matches.iter().map(|it| it.address).collect();
        let by_symbols = || {
            let (kallsyms, source) = (self.facts.kallsyms.as_deref()?, source?);
            let index = by_neighbouring_symbols(kallsyms, &addresses, source)?;
            matches.get(index)
        };
        match by_entry.or_else(by_symbols) {
            Some(found) => Ok(Some(found.sympos)),
            None => Err(format!(
                "`{object}` has {count} functions of that name: find the position of that of {path} in /proc/kallsyms, \
                 and run `cargo klp stub {name} --object {object} --sympos N`",
                object = candidate.object,
                name = candidate.name,
                path = candidate.path,
                count = matches.len(),
            )),
        }
    }
}

/// The definition in this file.
fn own<'a>(definitions: Option<&'a [Definition]>, path: &str) -> Option<&'a Definition> {
    let definitions = definitions?;
    let same = |definition: &&Definition| {
        definition.file == path || definition.file.ends_with(&format!("/{path}"))
    };
    definitions.iter().find(same).or(match definitions {
        [only] if path.starts_with("arch/") => Some(only),
        _ => None,
    })
}

/// Which callers are replaced instead, or the advice to replace them.
fn caller_advice(planned: &[String]) -> String {
    let names: Vec<&str> = planned.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => "; replace its callers where possible".to_owned(),
        names => format!("; the patch replaces {} instead", list(names)),
    }
}

fn is_missing(function: &Function) -> bool {
    let matches = function.matches.as_ref();
    matches.is_some_and(|matches| !matches.iter().any(|found| found.code))
}

/// The functions of a file that call this one, directly or through others.
fn calling(source: &str, name: &str) -> Vec<String> {
    let plain = source::without_comments(source);
    let lines: Vec<&str> = plain.lines().collect();
    let bodies: Vec<(String, String)> = source::items(source)
        .into_iter()
        .filter(|item| matches!(item.kind, Kind::Function { init: false, .. }))
        .filter_map(|item| {
            let body = lines.get(item.body..=*item.lines.end())?.join("\n");
            Some((item.name, body))
        })
        .collect();
    let mut found: Vec<String> = Vec::new();
    let mut names = vec![name.to_owned()];
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (caller, body) in &bodies {
            let calls = names.iter().any(|name| mentions(body, name));
            if calls && caller != name && !found.contains(caller) {
                found.push(caller.clone());
                next.push(caller.clone());
            }
        }
        names = next;
    }
    found
}

/// Whether the text contains the name as a word.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word)
    })
}

/// The address with the most functions of that file near it.
fn by_neighbouring_symbols(kallsyms: &str, addresses: &[u64], source: &str) -> Option<usize> {
    const NEAR: usize = 12;
    let own: HashSet<String> = source::items(source)
        .into_iter()
        .filter(|item| matches!(item.kind, Kind::Function { .. }))
        .map(|item| item.name)
        .collect();
    let lines = kallsyms.lines().filter(|line| !line.ends_with(']'));
    let mut symbols: Vec<(u64, &str)> = lines
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            words.next()?;
            let name = words.next()?;
            (!name.starts_with("__pfx_")).then_some((address, name))
        })
        .collect();
    symbols.sort_unstable();
    let score = |address: &u64| {
        let at = symbols.partition_point(|(other, _)| other < address);
        let near = symbols.get(at.saturating_sub(NEAR)..(at + NEAR + 1).min(symbols.len()));
        let near = near.unwrap_or_default().iter();
        near.filter(|(other, name)| other != address && own.contains(*name))
            .count()
    };
    let scores: Vec<usize> = addresses.iter().map(score).collect();
    let best = *scores.iter().max()?;
    let mut winners = scores
        .iter()
        .enumerate()
        .filter(|(_, score)| **score == best);
    match (winners.next(), winners.next()) {
        (Some((index, _)), None) if best > 1 => Some(index),
        _ => None,
    }
}

/// The advice for files that cannot be patched.
fn not_c(path: &str) -> Option<&'static str> {
    let top = path.split('/').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    Some(match (top, ending) {
        ("Documentation" | "LICENSES" | "MAINTAINERS", _) | (_, "rst" | "txt") => {
            "no code: nothing to patch"
        }
        ("tools" | "samples" | "scripts", _) => "not part of the running kernel: nothing to patch",
        (_, "c" | "h") => return None,
        _ if name.starts_with("Kconfig") || name.starts_with("Makefile") || name == "Kbuild" => {
            "the kernel's configuration or build: this needs a new kernel, unless the option's effect can be changed \
             at run time"
        }
        (_, "S" | "s") => {
            "assembly cannot be replaced: replace the C functions that call it, or use a new kernel"
        }
        (_, "rs") => {
            "Rust functions cannot be traced, so they cannot be replaced: replace C functions that call them, or use \
             a new kernel"
        }
        (_, "dts" | "dtsi") => "a device tree is read at boot: use a new one",
        _ => "not C: a live patch replaces functions in C",
    })
}

const INIT: &str = "an `__init` or `__exit` function, which has run already, or runs when the module is unloaded: \
                    correct what it set up in a callback (`#[post_patch]`)";
const NEW: &str = "added by the fix: write it as a plain function of the patch";
const REMOVED: &str = "removed by the fix: its callers change, and it needs no replacement";
const TYPE: &str = "a type: existing objects have the old layout; keep new members in a shadow variable, and do \
                    not move members";
const DATA: &str = "data, which is not replaced: declare it with #[klp::symbols] and set it in a callback \
                    (`#[post_patch]`), or use another value in the replaced functions";
const MACRO: &str =
    "a macro, which is expanded in each function that uses it: replace those functions";
const NOTHING: &str = "nothing to patch";
const HEADER: &str =
    "a function of a header: replace the functions that it was inlined into, as far as they matter";

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "static int leaf(int a)\n{\n\treturn a;\n}\n\n\
        static int middle(int a)\n{\n\t/* leafy */\n\treturn leaf(a);\n}\n\n\
        int top(int a)\n{\n\treturn middle(a) + leaf_of(a);\n}\n\n\
        int other(int a)\n{\n\treturn leaf_of(a); /* leaf(a) */\n}\n\n\
        static int __init start(void)\n{\n\treturn leaf(1);\n}\n";

    #[test]
    fn callers_are_found_in_the_source() {
        assert_eq!(calling(SOURCE, "leaf"), ["middle", "top"]);
        assert!(calling(SOURCE, "top").is_empty());
    }

    #[test]
    fn neighbouring_symbols_identify_a_function() {
        let mut kallsyms = String::new();
        for (address, name) in [(0x100, "far"), (0x110, "leaf"), (0x120, "away")] {
            kallsyms += &format!("{address:x} t {name}\n");
        }
        for number in 0..40 {
            kallsyms += &format!("{:x} t filler{number}\n", 0x200 + number);
        }
        for (address, name) in [(0x310, "middle"), (0x320, "leaf"), (0x330, "top")] {
            kallsyms += &format!("{address:x} t {name}\n");
        }
        assert_eq!(
            by_neighbouring_symbols(&kallsyms, &[0x110, 0x320], SOURCE),
            Some(1)
        );
        assert_eq!(by_neighbouring_symbols("", &[0x110, 0x320], SOURCE), None);
    }

    #[test]
    fn files_other_than_c_have_advice() {
        for (path, word) in [
            ("fs/Kconfig", "configuration"),
            ("fs/Makefile", "build"),
            ("arch/x86/lib/memcpy_64.S", "assembly"),
            ("rust/kernel/lib.rs", "Rust"),
            ("tools/testing/a.c", "not part"),
            ("Documentation/a.rst", "no code"),
            ("arch/arm/boot/dts/a.dts", "device tree"),
        ] {
            let advice = not_c(path).expect("advice");
            assert!(advice.contains(word), "{path}: {advice}");
        }
        assert_eq!(not_c("fs/a.c"), None);
        assert_eq!(not_c("include/linux/a.h"), None);
    }
}
