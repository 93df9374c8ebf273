// SPDX-License-Identifier: GPL-2.0-only

//! Finds the functions and other items that a fix changes in a file.
//!
//! The function in a hunk's header is often another one, so the hunk is searched in the source tree, with or without
//! the fix.

use super::diff::{Change, FileChange, Hunk};
use super::source::{self, Item, Kind};

/// A changed item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The fix adds it.
    pub(super) new: bool,
    /// The fix removes it.
    pub(super) removed: bool,
    pub(super) place: Place,
    /// The indices of its hunks.
    pub(super) hunks: Vec<usize>,
}

/// The position of a change in a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Lines are added before the function has an effect.
    Top,
    /// Lines are added after the last statement with an effect.
    End,
    /// Any other change.
    Middle,
}

/// Whether the source tree has the fix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Unfixed,
    Fixed,
    /// Neither, or there is no source.
    Unknown,
}

/// Finds the changed items, and whether the source has the fix.
pub(super) fn subjects(file: &FileChange, source: Option<&str>) -> (Vec<Subject>, State) {
    let mut found: Vec<Subject> = Vec::new();
    let mut states = Vec::new();
    for (index, hunk) in file.hunks.iter().enumerate() {
        let (text, state) = located(file, hunk, source);
        states.push(state);
        for subject in text.subjects(index) {
            add(&mut found, subject);
        }
    }
    (found, overall(&states))
}

fn overall(states: &[State]) -> State {
    match states.first() {
        Some(first) if states.iter().all(|state| state == first) => *first,
        _ => State::Unknown,
    }
}

/// Adds an item, or merges it with that of another hunk: one that moves within a file is neither new nor removed.
fn add(found: &mut Vec<Subject>, subject: Subject) {
    let same = |other: &&mut Subject| {
        other.name == subject.name
            && std::mem::discriminant(&other.kind) == std::mem::discriminant(&subject.kind)
    };
    let Some(known) = found.iter_mut().find(same) else {
        found.push(subject);
        return;
    };
    for hunk in subject.hunks {
        if !known.hunks.contains(&hunk) {
            known.hunks.push(hunk);
        }
    }
    known.new &= subject.new;
    known.removed &= subject.removed;
    if known.place != subject.place {
        known.place = Place::Middle;
    }
}

/// A text in which a hunk was located.
struct Text {
    lines: Vec<String>,
    items: Vec<Item>,
    /// The hunk's lines with their positions in the text; an absent line has that of the next one.
    places: Vec<(Change, usize, String)>,
    /// The change of absent lines.
    absent: Change,
}

/// Locates a hunk in the source, or else in a text made of the hunk.
fn located(file: &FileChange, hunk: &Hunk, source: Option<&str>) -> (Text, State) {
    if let Some(source) = source {
        let lines: Vec<&str> = source.lines().collect();
        let near = hunk.start.saturating_sub(1);
        let sides = [
            (Change::Added, State::Unfixed),
            (Change::Removed, State::Fixed),
        ];
        let places = sides.into_iter().filter_map(|(absent, state)| {
            let wanted: Vec<&str> = hunk.side(absent).collect();
            Some((find(&lines, &wanted, near)?, absent, state))
        });
        // Another function may look like the unfixed one: the nearest match is meant.
        let place = places.min_by_key(|(at, ..)| at.abs_diff(near));
        if let Some((at, absent, state)) = place {
            let items = source::items(source);
            return (Text::new(&lines, items, hunk, at, absent), state);
        }
    }
    let absent = if file.created {
        Change::Removed
    } else {
        Change::Added
    };
    let mut lines: Vec<&str> = Vec::new();
    let head = hunk.header.as_deref().and_then(head);
    if let Some(head) = &head {
        lines.extend([head.as_str(), "{"]);
    }
    let at = lines.len();
    lines.extend(hunk.side(absent));
    let items = source::items(&lines.join("\n"));
    (Text::new(&lines, items, hunk, at, absent), State::Unknown)
}

/// The position of the lines; if there are several, the nearest to `near`.
fn find(lines: &[&str], wanted: &[&str], near: usize) -> Option<usize> {
    if wanted.is_empty() || wanted.len() > lines.len() {
        return None;
    }
    let same = |window: &[&str]| {
        window
            .iter()
            .zip(wanted)
            .all(|(a, b)| a.trim_end() == b.trim_end())
    };
    let places = lines.windows(wanted.len()).enumerate();
    places
        .filter(|(_, window)| same(window))
        .map(|(at, _)| at)
        .min_by_key(|at| at.abs_diff(near))
}

/// The function or structure in a hunk's header, which git truncates.
fn head(header: &str) -> Option<String> {
    let first = header.chars().next()?;
    if !(first.is_ascii_alphabetic() || first == '_') || header.ends_with(':') {
        return None;
    }
    if let Some((before, _)) = header.split_once('{') {
        return Some(before.to_owned());
    }
    let (before, _) = header.split_once('(')?;
    match before.starts_with("SYSCALL_DEFINE") || before.starts_with("BPF_CALL_") {
        true => Some(format!("{})", header.split(',').next()?)),
        false => Some(format!("{before}(void)")),
    }
}

impl Text {
    fn new(lines: &[&str], items: Vec<Item>, hunk: &Hunk, at: usize, absent: Change) -> Self {
        let mut next = at;
        let places = hunk.lines.iter().map(|(change, line)| {
            let place = next;
            if *change != absent {
                next += 1;
            }
            (*change, place, line.clone())
        });
        Self {
            places: places.collect(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            items,
            absent,
        }
    }

    fn subjects(&self, hunk: usize) -> Vec<Subject> {
        let mut found = Vec::new();
        let mut outside: Vec<&str> = Vec::new();
        for (change, place, line) in &self.places {
            if *change == Change::None {
                self.outside(&mut outside, hunk, &mut found);
                continue;
            }
            match self.enclosing(*change, *place) {
                Some(item) => add(&mut found, self.subject(item, hunk)),
                None if *change == self.absent => outside.push(line),
                None => {}
            }
        }
        self.outside(&mut outside, hunk, &mut found);
        found
    }

    /// The item that contains a changed line.
    fn enclosing(&self, change: Change, place: usize) -> Option<&Item> {
        let contains = |item: &&Item| match change == self.absent {
            // Between two lines of the item.
            true => *item.lines.start() < place && place <= *item.lines.end(),
            false => item.lines.contains(&place),
        };
        // A macro inside a function is an item, too.
        let around = self.items.iter().filter(contains);
        around.max_by_key(|item| item.lines.end() - item.lines.start())
    }

    /// Adds the items in absent lines.
    fn outside(&self, lines: &mut Vec<&str>, hunk: usize, found: &mut Vec<Subject>) {
        if lines.is_empty() {
            return;
        }
        let text = lines.join("\n");
        lines.clear();
        for item in source::items(&text) {
            let only_added = self.absent == Change::Added;
            add(
                found,
                Subject {
                    kind: item.kind,
                    name: item.name,
                    new: only_added,
                    removed: !only_added,
                    place: Place::Middle,
                    hunks: vec![hunk],
                },
            );
        }
    }

    fn subject(&self, item: &Item, hunk: usize) -> Subject {
        let inside: Vec<&(Change, usize, String)> = self
            .places
            .iter()
            .filter(|(change, place, _)| {
                *change != Change::None
                    && self
                        .enclosing(*change, *place)
                        .is_some_and(|other| other == item)
            })
            .collect();
        let all = |which: Change| {
            let own = inside.iter().filter(|(change, ..)| *change == which);
            own.count() > item.lines.end() - item.lines.start()
        };
        let only_added = inside.iter().all(|(change, ..)| *change == Change::Added);
        let place = match only_added && matches!(item.kind, Kind::Function { .. }) {
            true => self.place(item, &inside),
            false => Place::Middle,
        };
        Subject {
            kind: item.kind,
            name: item.name.clone(),
            new: self.absent == Change::Removed && all(Change::Added),
            removed: self.absent == Change::Added && all(Change::Removed),
            place,
            hunks: vec![hunk],
        }
    }

    /// The position of the added lines in a function.
    fn place(&self, item: &Item, inside: &[&(Change, usize, String)]) -> Place {
        let present = self.absent != Change::Added;
        let (Some((_, first, _)), Some((_, last, _))) = (inside.first(), inside.last()) else {
            return Place::Middle;
        };
        let behind = if present { last + 1 } else { *last };
        let before = self.between(item.body + 1, *first);
        let after = self.between(behind, *item.lines.end());
        if has_no_effect(&before) {
            Place::Top
        } else if only_returns(&after) {
            Place::End
        } else {
            Place::Middle
        }
    }

    /// The non-empty lines, without comments.
    fn between(&self, from: usize, to: usize) -> Vec<String> {
        let lines = self.lines.get(from..to).unwrap_or_default().join("\n");
        let plain = source::without_comments(&lines);
        let lines = plain.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }
}

/// Keywords of statements.
const STATEMENTS: [&str; 11] = [
    "return", "if", "goto", "for", "while", "switch", "do", "else", "case", "break", "continue",
];

/// Only declarations, and checks that return.
fn has_no_effect(lines: &[String]) -> bool {
    let (mut in_declaration, mut after_if) = (false, false);
    for line in lines {
        let is_return = line.starts_with("return") || line.starts_with("goto");
        if line.starts_with("BUILD_BUG_ON") && line.ends_with(';') {
            // Evaluated by the compiler.
        } else if after_if && is_return {
            after_if = false;
        } else if line.starts_with("if (") && line.ends_with(')') && !after_if {
            after_if = true;
        } else if !after_if && (in_declaration || declares(line)) {
            in_declaration = !line.ends_with(';');
        } else {
            return false;
        }
    }
    !after_if && !in_declaration
}

fn declares(line: &str) -> bool {
    let mut rest = line.trim_start();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first: String = rest.chars().take_while(|c| is_word(*c)).collect();
    if first.is_empty() || STATEMENTS.contains(&first.as_str()) {
        return false;
    }
    rest = rest[first.len()..].trim_start();
    // `type name`, `type *name`, or a macro that expands to a declaration.
    rest.starts_with(is_word)
        || rest.starts_with('*')
        || first.starts_with("DEFINE_")
        || first.starts_with("DECLARE_")
}

/// Only labels, braces, and returns without a call.
fn only_returns(lines: &[String]) -> bool {
    lines.iter().all(|line| {
        let is_return = line.starts_with("return") && line.ends_with(';') && !line.contains('(');
        is_return || line.ends_with(':') || line == "}"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "#include <linux/a.h>\n\nstruct thing {\n\tint a;\n};\n\nstatic int limit = 3;\n\n\
        static int first(struct thing *it, int n)\n{\n\tint sum = 0;\n\n\tif (!it)\n\t\treturn -EINVAL;\n\
        \twork(it);\n\tsum = it->a + n;\n\tmore(it);\nout:\n\treturn sum;\n}\n\n\
        static int second(struct thing *it)\n{\n\treturn first(it, 1);\n}\n";

    /// The diff that replaces `from` by `to`, with three lines of context.
    fn change(from: &str, to: &str) -> FileChange {
        let after = BEFORE.replacen(from, to, 1);
        assert_ne!(after, BEFORE);
        let patch = diffy::create_patch(BEFORE, &after).to_string();
        let text = patch
            .replace("--- original", "--- a/fs/a.c")
            .replace("+++ modified", "+++ b/fs/a.c");
        super::super::diff::read(&text).unwrap().remove(0)
    }

    fn names(subjects: &[Subject]) -> Vec<(&str, Place)> {
        subjects
            .iter()
            .map(|subject| (subject.name.as_str(), subject.place))
            .collect()
    }

    /// The items found in the source, which are the same with and without the fix.
    fn both(from: &str, to: &str) -> Vec<(String, Place)> {
        let file = change(from, to);
        let (before, state) = subjects(&file, Some(BEFORE));
        assert_eq!(state, State::Unfixed);
        let after = BEFORE.replacen(from, to, 1);
        let (fixed, state) = subjects(&file, Some(&after));
        assert_eq!(state, State::Fixed);
        assert_eq!(names(&before), names(&fixed));
        before
            .into_iter()
            .map(|subject| (subject.name, subject.place))
            .collect()
    }

    #[test]
    fn places_of_changes_are_found() {
        let check = "\tif (n > 9)\n\t\treturn -EINVAL;\n\twork(it);\n";
        assert_eq!(
            both("\twork(it);\n", check),
            [("first".to_owned(), Place::Top)]
        );
        let end = "\tmore(it);\n\tlast(it);\nout:\n";
        assert_eq!(
            both("\tmore(it);\nout:\n", end),
            [("first".to_owned(), Place::End)]
        );
        let middle = "\twork(it);\n\tcheck(it);\n\tsum";
        assert_eq!(
            both("\twork(it);\n\tsum", middle),
            [("first".to_owned(), Place::Middle)]
        );
        let changed = "\twork(it, n);\n";
        assert_eq!(
            both("\twork(it);\n", changed),
            [("first".to_owned(), Place::Middle)]
        );
    }

    #[test]
    fn items_other_than_functions_are_distinguished() {
        let kinds = |from: &str, to: &str| -> Vec<(Kind, String)> {
            let (found, _) = subjects(&change(from, to), Some(BEFORE));
            found
                .into_iter()
                .map(|subject| (subject.kind, subject.name))
                .collect()
        };
        assert_eq!(
            kinds("\tint a;\n", "\tint a;\n\tint b;\n"),
            [(Kind::Type, "thing".to_owned())]
        );
        assert_eq!(
            kinds("limit = 3", "limit = 4"),
            [(Kind::Data, "limit".to_owned())]
        );
        let include = "<linux/a.h>\n#include <linux/b.h>\n";
        assert_eq!(
            kinds("<linux/a.h>\n", include),
            [(Kind::Directive, String::new())]
        );
        let function = "}\n\nstatic int third(void)\n{\n\treturn 3;\n}\n\nstatic int second";
        let (found, _) = subjects(&change("}\n\nstatic int second", function), Some(BEFORE));
        assert_eq!(names(&found), [("third", Place::Middle)]);
        assert!(found[0].new);
    }

    #[test]
    fn a_header_that_names_another_function_is_ignored() {
        let mut file = change("first(it, 1)", "first(it, 2)");
        file.hunks[0].header = Some("static int first(struct thing *it, int n)".to_owned());
        for source in [Some(BEFORE), None] {
            let (found, _) = subjects(&file, source);
            assert_eq!(names(&found), [("second", Place::Middle)], "{source:?}");
        }
    }

    /// With the fix in the source, the old text may be in another function.
    #[test]
    fn the_nearest_match_is_used() {
        let twin = |name: &str, check: &str| {
            format!(
                "int {name}(int a)\n{{\n\tint rc = 0;\n\n{check}\tone(a);\n\ttwo(a);\n\treturn rc;\n}}\n\n"
            )
        };
        let padding = "int x;\n".repeat(20);
        let check = "\tcheck(a);\n";
        let before = twin("first", "") + &padding + &twin("second", "") + &padding;
        let after = twin("first", check) + &padding + &twin("second", "") + &padding;
        let patch = diffy::create_patch(&before, &after).to_string();
        let text = patch
            .replace("--- original", "--- a/fs/a.c")
            .replace("+++ modified", "+++ b/fs/a.c");
        let mut file = super::super::diff::read(&text).unwrap().remove(0);
        // With so little context, only the position counts.
        let lines = &mut file.hunks[0].lines;
        lines.retain(|(_, line)| !line.contains("first") && line != "{");
        file.hunks[0].start = 3;
        let (found, state) = subjects(&file, Some(&after));
        assert_eq!(names(&found), [("first", Place::Top)]);
        assert_eq!(state, State::Fixed);
    }

    #[test]
    fn the_header_is_used_without_a_source() {
        let mut file = change("\twork(it);\n", "\twork(it, n);\n");
        let lines = &mut file.hunks[0].lines;
        lines.retain(|(change, line)| *change != Change::None || line.contains("sum"));
        for (header, name) in [
            ("static int first(struct thing *it,", "first"),
            ("SYSCALL_DEFINE2(first, int, a,", "__x64_sys_first"),
        ] {
            file.hunks[0].header = Some(header.to_owned());
            let (found, state) = subjects(&file, None);
            assert_eq!(
                (names(&found), state),
                (vec![(name, Place::Middle)], State::Unknown)
            );
        }
        file.hunks[0].header = None;
        assert!(
            subjects(&file, None)
                .0
                .iter()
                .all(|subject| subject.name != "first")
        );
    }
}
