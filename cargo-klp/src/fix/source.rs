// SPDX-License-Identifier: GPL-2.0-only

//! Finds the items of a C file. It relies on the kernel's coding style instead of a parser, and so works with any
//! macros and configuration.

use std::ops::RangeInclusive;

/// An item at the top level of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// The name; empty if it has none.
    pub(super) name: String,
    /// The range of lines, from 0.
    pub(super) lines: RangeInclusive<usize>,
    /// The line of the body's opening brace.
    pub(super) body: usize,
    /// The text before the body.
    pub(super) head: String,
}

/// The kind of item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A function with its body.
    Function { inline: bool, init: bool },
    /// A structure, union or enumeration.
    Type,
    /// A variable.
    Data,
    /// `#define`.
    Macro,
    /// Another preprocessor directive.
    Directive,
    /// A prototype, or a macro without code.
    Declaration,
}

/// Finds all items, in the order of the file.
pub(super) fn items(text: &str) -> Vec<Item> {
    let plain = without_comments(text);
    let mut reader = Reader::default();
    for (number, line) in plain.lines().enumerate() {
        reader.line(number, line);
        reader.before.push(line.to_owned());
    }
    // An excerpt may end in the middle of an item.
    if reader.head.is_some() {
        reader.end(reader.before.len().saturating_sub(1));
    }
    reader.items
}

/// The text with comments and literals replaced by spaces.
pub(super) fn without_comments(text: &str) -> String {
    #[derive(Clone, Copy, PartialEq)]
    enum In {
        Code,
        Line,
        Block,
        Quote(char),
    }
    let mut state = In::Code;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match (state, c, next) {
            (_, '\n', _) => {
                // Only block comments continue after the end of a line.
                if state != In::Block {
                    state = In::Code;
                }
                plain.push('\n');
                continue;
            }
            (In::Code, '/', Some('/')) => state = In::Line,
            (In::Code, '/', Some('*')) => {
                chars.next();
                plain.push(' ');
                state = In::Block;
            }
            (In::Block, '*', Some('/')) => {
                chars.next();
                plain.push(' ');
                state = In::Code;
                plain.push(' ');
                continue;
            }
            (In::Code, '"' | '\'', _) => {
                state = In::Quote(c);
                plain.push(c);
                continue;
            }
            (In::Quote(_), '\\', Some(escaped)) if escaped != '\n' => {
                chars.next();
                plain.push(' ');
            }
            (In::Quote(quote), _, _) if c == quote => {
                state = In::Code;
                plain.push(c);
                continue;
            }
            _ => {}
        }
        plain.push(if state == In::Code { c } else { ' ' });
    }
    plain
}

#[derive(Default)]
struct Reader {
    items: Vec<Item>,
    /// The text of the current item so far.
    text: String,
    first: Option<usize>,
    /// The text before its first brace, and that brace's line.
    head: Option<(String, usize)>,
    depth: usize,
    /// The start of a continued directive.
    directive: Option<(usize, String)>,
    /// The lines so far.
    before: Vec<String>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        if self.directive.is_some() || line.trim_start().starts_with('#') {
            return self.directive(number, line);
        }
        if self.ends_as_macro(line) {
            self.end(number.saturating_sub(1));
        }
        // A closing brace in the first column ends a function, even if #if unbalances the others.
        if line.starts_with('}') && self.depth > 1 {
            self.depth = 1;
        }
        if line.starts_with('{') && self.depth > 0 {
            self.restart();
        }
        for c in line.chars() {
            self.character(number, c);
        }
        self.text.push(' ');
    }

    /// Whether a macro call without a semicolon ended before this line.
    fn ends_as_macro(&self, line: &str) -> bool {
        let text = self.text.trim();
        let name = words(text).next().unwrap_or_default();
        self.depth == 0
            && self.head.is_none()
            && self.first.is_some()
            && line.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.ends_with(')')
            && text.starts_with(name)
            && name.chars().all(|c| !c.is_ascii_lowercase())
            && groups(text).is_some_and(|groups| groups.len() == 1)
    }

    /// Starts a function at a brace in the first column, even if the previous one is not closed.
    fn restart(&mut self) {
        let is_head = |line: &&String| {
            let line = line.trim_end();
            !line.is_empty() && !line.ends_with([';', '}'])
        };
        let count = self.before.iter().rev().take_while(is_head).count();
        let start = self.before.len() - count;
        if start > 0 {
            self.end(start - 1);
        }
        self.depth = 0;
        self.head = None;
        self.first = Some(start);
        self.text = self.before[start..].join(" ");
    }

    fn directive(&mut self, number: usize, line: &str) {
        let (first, mut text) = self.directive.take().unwrap_or((number, String::new()));
        text.push_str(line.trim_end().trim_end_matches('\\'));
        text.push(' ');
        if line.trim_end().ends_with('\\') {
            self.directive = Some((first, text));
            return;
        }
        let rest = text.trim_start().trim_start_matches('#').trim_start();
        let (kind, name) = match rest.strip_prefix("define") {
            Some(rest) => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let name = rest.trim_start().split(|c| !is_word(c)).next();
                (Kind::Macro, name.unwrap_or_default().to_owned())
            }
            None => (Kind::Directive, String::new()),
        };
        // Other directives inside a function are part of it.
        if self.depth == 0 || kind == Kind::Macro {
            self.items.push(Item {
                kind,
                name,
                lines: first..=number,
                body: first,
                head: rest.trim().to_owned(),
            });
        }
    }

    fn character(&mut self, number: usize, c: char) {
        if self.first.is_none() && !c.is_whitespace() && c != ';' && c != '}' {
            self.first = Some(number);
            self.text.clear();
        }
        match c {
            '{' => {
                if self.depth == 0 && self.head.is_none() {
                    self.head = Some((self.text.clone(), number));
                }
                self.depth += 1;
            }
            '}' => {
                self.depth = self.depth.saturating_sub(1);
                let is_function = self
                    .head
                    .as_ref()
                    .is_some_and(|(head, _)| is_function(head));
                if self.depth == 0 && is_function {
                    self.end(number);
                }
            }
            ';' if self.depth == 0 => self.end(number),
            c if self.depth == 0 => self.text.push(if c.is_whitespace() { ' ' } else { c }),
            _ => {}
        }
    }

    fn end(&mut self, last: usize) {
        let head = self.head.take();
        let text = std::mem::take(&mut self.text);
        let Some(first) = self.first.take() else {
            return;
        };
        let (head, body) = match head {
            Some((head, body)) => (head, Some(body)),
            None => (text, None),
        };
        self.items.push(item(head.trim(), first..=last, body));
    }
}

fn item(head: &str, lines: RangeInclusive<usize>, body: Option<usize>) -> Item {
    let (kind, name) = if body.is_some() && is_function(head) {
        let kind = Kind::Function {
            inline: words(head)
                .any(|word| matches!(word, "inline" | "__always_inline" | "__inline")),
            init: words(head).any(|word| matches!(word, "__init" | "__exit" | "__meminit")),
        };
        (kind, function_name(head))
    } else if is_type(head) {
        let name = words(head).skip_while(|word| !TAGS.contains(word)).nth(1);
        (Kind::Type, name.unwrap_or_default().to_owned())
    } else {
        declared(head)
    };
    Item {
        kind,
        name,
        body: body.unwrap_or(*lines.end()),
        lines,
        head: head.to_owned(),
    }
}

const TAGS: [&str; 3] = ["struct", "union", "enum"];

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c: char| !is_word(c))
        .filter(|word| !word.is_empty())
}

fn is_type(head: &str) -> bool {
    let before = head.split(['=', '(']).next().unwrap_or_default();
    let mut words =
        words(before).filter(|word| !matches!(*word, "typedef" | "static" | "const" | "extern"));
    let is_tag = words.next().is_some_and(|word| TAGS.contains(&word));
    is_tag && !head.contains('=') && words.count() <= 1
}

fn declared(head: &str) -> (Kind, String) {
    let before = head.split('=').next().unwrap_or_default();
    if !head.contains('=') && (head.contains('(') || head.starts_with("typedef")) {
        let storage = ["static", "extern", "const"];
        let mut plain = words(head).skip_while(|word| storage.contains(word));
        let name = plain.next().unwrap_or_default();
        let makes_data = ["DEFINE_", "DECLARE_", "LIST_HEAD", "HLIST_HEAD"];
        return match makes_data.iter().any(|start| name.starts_with(start)) {
            true => (Kind::Data, plain.next().unwrap_or(name).to_owned()),
            false => (Kind::Declaration, function_name(head)),
        };
    }
    let before = before.split('[').next().unwrap_or_default();
    let name = words(before).filter(|word| !word.starts_with("__")).last();
    (Kind::Data, name.unwrap_or_default().to_owned())
}

/// Whether a brace after this starts a function.
fn is_function(head: &str) -> bool {
    let head = head.trim();
    !head.contains('=')
        && head.contains('(')
        && !head.starts_with("typedef")
        && (head.ends_with(')')
            || groups(head).is_some_and(|groups| !groups.is_empty() && ends_with_attributes(head)))
}

/// Whether only attributes follow the parameters.
fn ends_with_attributes(head: &str) -> bool {
    let rest = head.rsplit(')').next().unwrap_or_default();
    words(rest).all(|word| word.starts_with("__"))
}

/// The words before top-level parentheses, with their contents.
fn groups(head: &str) -> Option<Vec<(&str, &str)>> {
    let (mut depth, mut start) = (0_usize, 0);
    let mut found = Vec::new();
    for (at, c) in head.char_indices() {
        match c {
            '(' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let name = words(&head[..start]).last().unwrap_or_default();
                    found.push((name, &head[start + 1..at]));
                }
            }
            _ => {}
        }
    }
    Some(found)
}

/// Attributes with arguments, which look like functions.
const ATTRIBUTES: [&str; 9] = [
    "__acquires",
    "__attribute__",
    "__cond_acquires",
    "__context_unsafe",
    "__must_hold",
    "__must_not_hold",
    "__no_context_analysis",
    "__releases",
    "__section",
];

/// The symbol name of a function.
pub(super) fn function_name(head: &str) -> String {
    let groups = groups(head).unwrap_or_default();
    let mut named = groups.iter().rev();
    let Some((name, inside)) = named.find(|(name, _)| !ATTRIBUTES.contains(name)) else {
        return words(head).last().unwrap_or_default().to_owned();
    };
    let first = inside.split(',').next().unwrap_or_default().trim();
    if name.starts_with("SYSCALL_DEFINE") {
        return format!("__x64_sys_{first}");
    }
    if name.starts_with("COMPAT_SYSCALL_DEFINE") {
        return format!("__ia32_compat_sys_{first}");
    }
    if name.starts_with("BPF_CALL_") {
        return first.to_owned();
    }
    (*name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"// A comment { with a brace
#include <linux/fs.h>
#define TWICE(x) \
	((x) * 2)

struct thing {
	int a; /* } */
};

static const struct thing_ops ops = {
	.show = show,
};
static DEFINE_MUTEX(lock);
static int counter;
DEFINE_GUARD(mine, int, a(), b())
static int forward(int a);

static inline int small(int a)
{
	return a;
}

static __printf(1, 2) int
long_name(const char *text,
	  ...) __must_hold(&lock)
{
	if (text[0] == '{')
		return 1;
#ifdef CONFIG_X
	if (a) {
#else
	if (b) {
#endif
		return 2;
	}
	return 0;
}

SYSCALL_DEFINE2(thing, int, a, int __user *, b)
{
	return 0;
}
EXPORT_SYMBOL(small);

static int __init start(void) {
	return 0;
}
struct thing *make(struct thing *old)
{
	return old;
}
"#;

    #[test]
    fn items_are_found() {
        let found: Vec<_> = items(SOURCE)
            .into_iter()
            .map(|item| {
                (
                    item.kind,
                    item.name,
                    *item.lines.start() + 1,
                    *item.lines.end() + 1,
                )
            })
            .collect();
        let function = |inline, init| Kind::Function { inline, init };
        let wanted = [
            (Kind::Directive, "", 2, 2),
            (Kind::Macro, "TWICE", 3, 4),
            (Kind::Type, "thing", 6, 8),
            (Kind::Data, "ops", 10, 12),
            (Kind::Data, "lock", 13, 13),
            (Kind::Data, "counter", 14, 14),
            (Kind::Data, "mine", 15, 15),
            (Kind::Declaration, "forward", 16, 16),
            (function(true, false), "small", 18, 21),
            (function(false, false), "long_name", 23, 37),
            (function(false, false), "__x64_sys_thing", 39, 42),
            (Kind::Declaration, "EXPORT_SYMBOL", 43, 43),
            (function(false, true), "start", 45, 47),
            (function(false, false), "make", 48, 51),
        ];
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(kind, name, first, last)| (kind, name.to_owned(), first, last))
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn malformed_text_does_not_panic() {
        for text in [
            "", "}", "{", "((", "))", "/*", "'", "\"\\", "#define", "#\\\n", "a(b){", "=", ";;",
            "}}{{",
        ] {
            let _ = items(text);
            let _ = items(&text.repeat(3));
        }
    }
}
