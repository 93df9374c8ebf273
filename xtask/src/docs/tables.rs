// SPDX-License-Identifier: GPL-2.0-only

//! The generated tables, from the same rows that the code uses.
//!
//! klp-macros, klpctl and cargo-klp cannot be linked as libraries, so the files with their rows are compiled into
//! this program.

use clap::Args as _;
use klp_elf::check::{Kind, Problem, Severity};
use klp_host::kernel::debian_line::LINES;
use klp_host::kernel::metadata::{INLINED, VARIABLES};

#[path = "../../../cargo-klp/src/exit_status.rs"]
#[allow(dead_code)] // The help text.
mod cargo_klp_status;
#[path = "../../../cargo-klp/src/trial/options.rs"]
#[allow(dead_code)] // The values.
mod cargo_klp_trial;
#[path = "../../../klp-macros/src/keys/table.rs"]
#[allow(dead_code)] // The examples, for error messages.
mod keys_table;
#[path = "../../../klpctl/src/command/metrics/table.rs"]
#[allow(dead_code)] // The help of the output.
mod klpctl_metrics;
#[path = "../../../klpctl/src/status.rs"]
#[allow(dead_code)] // The words for JSON.
mod klpctl_status;
#[path = "../../../klp-macros/src/types/structure/attributes.rs"]
#[allow(dead_code)] // The names, for parsing.
mod member_attributes;
#[path = "../../../klp/src/abi/types.rs"]
mod type_rows;

use keys_table::{KEYS, KeyInfo, Place};

/// Formats a table with these columns.
fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = line(columns.iter().copied());
    text += &line(columns.iter().map(|_| "---"));
    for row in rows {
        text += &line(row.iter().map(String::as_str));
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: String = cells
        .map(|cell| match cell {
            "" => " |".to_owned(),
            cell => format!(" {cell} |"),
        })
        .collect();
    format!("|{cells}\n")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The options of a trial, from their help.
pub(super) fn trial_options() -> String {
    let command = cargo_klp_trial::TrialOptions::augment_args(clap::Command::new("cargo klp"));
    let rows = command.get_arguments().map(|option| {
        let names = option.get_value_names().unwrap_or_default();
        let value = names.first().map(|name| format!(" {name}"));
        let name = option.get_long().unwrap_or_default();
        let default = option.get_default_values().first();
        let default = default.map(|value| format!(" (default: {})", value.to_string_lossy()));
        vec![
            code(&format!("--{name}{}", value.unwrap_or_default())),
            option
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default()
                + &default.unwrap_or_default(),
        ]
    });
    table(&["option", "effect"], rows)
}

/// The names of Debian's kernels.
pub(super) fn kernels() -> String {
    let rows = LINES.iter().map(|line| {
        vec![
            code(line.name),
            line.main_suites().join(", "),
            line.series.to_owned(),
            if line.has_rust { "yes" } else { "no" }.to_owned(),
            line.lacks.unwrap_or_default().to_owned(),
        ]
    });
    let columns = [
        "`--kernel`",
        "Debian suites",
        "series",
        "Rust",
        "limitation",
    ];
    table(&columns, rows)
}

/// The keys of the attributes.
pub(super) fn keys() -> String {
    let rows = KEYS
        .iter()
        .map(|key| vec![code(key.name), places(key), key.meaning.to_owned()]);
    table(&["key", "of", "meaning"], rows)
}

/// Where a key is allowed, and where it is required.
fn places(key: &KeyInfo) -> String {
    const PLACES: [(Place, &str); 7] = [
        (Place::Mod, "patch"),
        (Place::Inside, "function"),
        (Place::Callback, "callback"),
        (Place::Symbols, "`symbols`"),
        (Place::Structure, "`kernel_struct`"),
        (Place::Shadow, "`shadow`"),
        (Place::State, "`state`"),
    ];
    let (required, optional): (Vec<_>, Vec<_>) = PLACES
        .into_iter()
        .filter(|(place, _)| place.takes(key.scope))
        .partition(|(place, _)| place.requires(key));
    let names = |places: Vec<(Place, &str)>| {
        let names: Vec<_> = places
            .into_iter()
            .map(|(_, name)| name.to_owned())
            .collect();
        names.join(", ")
    };
    match (required.is_empty(), optional.is_empty()) {
        (true, _) => names(optional),
        (false, true) => format!("{} (required)", names(required)),
        (false, false) => format!("{} (required), {}", names(required), names(optional)),
    }
}

/// The types of a replacement's signature.
pub(super) fn types() -> String {
    macro_rules! rows {
        ($([$($type:ty),+]: $($direction:ident)+, $c:literal, $note:literal;)*) => {
            [$(vec![
                [$(code(&compact(stringify!($type)))),+].join(", "),
                $c.to_owned(),
                [$(stringify!($direction)),+].join(", "),
                $note.to_owned(),
            ]),*]
        };
    }
    let rows = type_rows::for_each_type!(rows);
    table(&["Rust", "C", "as", "note"], rows)
}

/// A type as rustfmt writes it: the compiler puts spaces between all tokens.
fn compact(tokens: &str) -> String {
    let mut text = String::new();
    let mut rest = tokens.chars().peekable();
    let is_word = |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric());
    while let Some(character) = rest.next() {
        let last = text.chars().last();
        let between_words = is_word(last) && is_word(rest.peek().copied());
        if character != ' ' || between_words || last == Some(',') {
            text.push(character);
        }
    }
    text
}

/// The attributes of a view's members.
pub(super) fn members() -> String {
    let claims = member_attributes::CLAIMS.iter();
    let forms = claims.flat_map(|attribute| attribute.forms);
    let rows = std::iter::once(&member_attributes::PATH)
        .chain(forms)
        .map(|form| vec![code(form.written), form.meaning.to_owned()]);
    table(&["attribute", "meaning"], rows)
}

/// The findings of `cargo klp check`.
pub(super) fn findings() -> String {
    let rows = Problem::KINDS.iter().map(|kind: &Kind| {
        let severity = match kind.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        vec![
            code(kind.id),
            severity.to_owned(),
            without_fields(kind.text),
            kind.help.to_owned(),
        ]
    });
    table(&["id", "severity", "text", "what to do"], rows)
}

/// The text of a problem with its fields in capitals, as `NAME`, or `X` if they have no name.
fn without_fields(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, (field, after))) = rest
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let name = field.split(':').next().unwrap_or_default();
        shown += before;
        match name {
            // An optional list of similar names.
            "others" => {}
            name if name.starts_with(|first: char| first.is_ascii_digit()) => shown += "X",
            name => shown += &name.to_uppercase(),
        }
        rest = after;
    }
    shown + rest
}

/// The variables that name files with information about a kernel.
pub(super) fn variables() -> String {
    let rows = VARIABLES.iter().chain([&INLINED]).map(|variable| {
        vec![
            code(variable.name),
            variable.names.to_owned(),
            variable.without.to_owned(),
        ]
    });
    table(&["variable", "names", "if missing"], rows)
}

/// The metrics of klpctl.
pub(super) fn metrics() -> String {
    let rows = klpctl_metrics::METRICS.map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| code(label)).collect();
        vec![
            code(metric.name),
            labels.join(", "),
            metric.value.to_owned(),
        ]
    });
    table(&["metric", "labels", "value"], rows)
}

/// The exit statuses of klpctl.
pub(super) fn klpctl_exit() -> String {
    let meanings = klpctl_status::Status::MEANINGS;
    exit(meanings.map(|(status, meaning)| (status as u8, meaning)))
}

/// The exit statuses of `cargo klp`.
pub(super) fn cargo_klp_exit() -> String {
    exit(cargo_klp_status::MEANINGS)
}

fn exit<const N: usize>(meanings: [(u8, &'static str); N]) -> String {
    let rows = meanings.map(|(status, meaning)| vec![status.to_string(), meaning.to_owned()]);
    table(&["status", "meaning"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_capitals() {
        for (text, shown) in [
            ("no fields", "no fields"),
            ("`{0}` is no name", "`X` is no name"),
            (
                "`{object}` has no `{name}`{others}",
                "`OBJECT` has no `NAME`",
            ),
            ("({found:#010x})", "(FOUND)"),
        ] {
            assert_eq!(without_fields(text), shown);
        }
    }

    #[test]
    fn types_have_no_superfluous_spaces() {
        for (tokens, text) in [
            ("& SeqFile", "&SeqFile"),
            ("* const T", "*const T"),
            ("InOut < '_, i64 >", "InOut<'_, i64>"),
            ("Option < Pin < KBox < T >> >", "Option<Pin<KBox<T>>>"),
            ("Result < * mut T >", "Result<*mut T>"),
        ] {
            assert_eq!(compact(tokens), text);
            assert_eq!(compact(text), text);
        }
    }

    #[test]
    fn keys_show_where_they_are_required() {
        let keys = keys();
        for row in [
            "| `object` | function, `symbols` (required), callback, `kernel_struct` |",
            "| `description` | patch (required) |",
            "| `sympos` | function |",
        ] {
            assert!(keys.contains(row), "{row}\n{keys}");
        }
    }
}
