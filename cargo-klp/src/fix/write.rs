// SPDX-License-Identifier: GPL-2.0-only

//! Writes the patch for a fix: stubs with hunks, and a list of all changes.

use std::fmt::Write as _;

use super::hunk::Place;
use super::mail::About;
use super::plan::{Plan, Planned};

/// The maximum length of the description, which `modinfo` shows on one line.
const DESCRIPTION_MAX: usize = 160;

/// The maximum number of lines shown of a hunk.
const HUNK_LINES_MAX: usize = 200;

/// The files that are specific to the patch of a fix.
#[derive(Debug)]
pub struct Files {
    /// The source of the crate.
    pub patch: String,
    /// README.md, with the list of changes.
    pub readme: String,
}

impl Files {
    /// Generates the files.
    pub fn write(name: &str, about: &About, plan: &Plan) -> Self {
        Self {
            patch: patch(name, about, plan),
            readme: readme(name, about, plan),
        }
    }
}

/// The title of the fix, on one line.
fn title(name: &str, about: &About) -> String {
    let subject = visible(about.subject.as_deref().unwrap_or(name));
    match about.cves.as_slice() {
        [] => subject,
        cves => format!("{}: {subject}", cves.join(", ")),
    }
}

fn fixes(about: &About) -> Option<String> {
    let commit = about.commit.as_ref().map(|id| format!("commit {id}"));
    let parts: Vec<String> = about.cves.iter().cloned().chain(commit).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn patch(name: &str, about: &About, plan: &Plan) -> String {
    let mut text = format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n\n//! {}\n//!\n",
        title(name, about)
    );
    if let Some(fixes) = fixes(about) {
        let _ = writeln!(text, "//! Fixes: {fixes}\n//!");
    }
    text.push_str(
        "//! NOT WRITTEN YET: each replacement only calls the original until you write the change. The build\n\
         //! warns about replacements that are not written yet; README.md lists what else the fix changes.\n\n\
         use klp::prelude::*;\n\n\
         /// Marks a replacement that is not written yet: delete it with its last use.\n\
         #[deprecated = \"this replacement does not have the fix yet: write it, and delete this line\"]\n\
         const UNWRITTEN: () = ();\n\n",
    );
    let description = literal(&title(name, about));
    let cves: Vec<String> = about.cves.iter().map(|cve| format!("\"{cve}\"")).collect();
    let fixes = match cves.as_slice() {
        [] => String::new(),
        cves => format!("\n            fixes = [{}],", cves.join(", ")),
    };
    let _ = write!(
        text,
        "#[livepatch(description = \"{description}\",{fixes} license = \"GPL\")]\n\
         mod fixes {{\n    use super::*;\n"
    );
    for stub in &plan.stubs {
        text.push('\n');
        for line in replacement(stub).lines() {
            let indent = if line.is_empty() { "" } else { "    " };
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    text.push_str("}\n");
    if !plan.declarations.is_empty() {
        let _ = write!(text, "\n{}", plan.declarations);
    }
    text
}

/// Escapes a text for a string literal, and truncates it.
fn literal(text: &str) -> String {
    let short: String = text.chars().take(DESCRIPTION_MAX).collect();
    short.trim().replace('\\', "\\\\").replace('"', "\\\"")
}

/// Removes characters that could hide text.
fn visible(text: &str) -> String {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|c| !hides(*c)).collect()
}

/// A stub, with notes and hunks as comments.
fn replacement(stub: &Planned) -> String {
    let mut text = String::new();
    for note in &stub.notes {
        let _ = writeln!(text, "// {note}.");
    }
    let _ = writeln!(text, "// {}", visible(&stub.path));
    for hunk in &stub.hunks {
        let lines: Vec<&str> = hunk.lines().collect();
        text.push_str("//\n");
        for line in lines.iter().take(HUNK_LINES_MAX) {
            let line = format!("// {}", visible(&line.replace('\t', "    ")));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if lines.len() > HUNK_LINES_MAX {
            let _ = writeln!(text, "// ... {} more lines", lines.len() - HUNK_LINES_MAX);
        }
    }
    text.push_str("//\n");
    text + &calling_original(&stub.item, stub.place)
}

/// Adds the place for the change to a stub that calls the original.
fn calling_original(item: &str, place: Place) -> String {
    let lines: Vec<&str> = item.lines().collect();
    let call = lines
        .iter()
        .rfind(|line| line.trim_start().starts_with("original("));
    let (Some(call), Some(head)) = (call, item.split_once(" {\n").map(|(head, _)| head)) else {
        return item.to_owned();
    };
    let body = match place {
        Place::Top => format!(
            "    // Write the added lines of the hunk here: they run before the original.\n    \
             let () = UNWRITTEN;\n{call}\n"
        ),
        Place::End => format!(
            "    let result = {};\n    \
             // Write the added lines of the hunk here: they run after the original.\n    \
             let () = UNWRITTEN;\n    result\n",
            call.trim_start()
        ),
        Place::Middle => format!(
            "    // Write the whole function here, as in C with the hunk. Or, if that is enough,\n    \
             // add a check before or after the original.\n    \
             let () = UNWRITTEN;\n{call}\n"
        ),
    };
    format!("{head} {{\n{body}}}\n")
}

fn readme(name: &str, about: &About, plan: &Plan) -> String {
    let mut text = format!("# {name}\n\n{}\n\n", title(name, about));
    if let Some(fixes) = fixes(about) {
        let _ = writeln!(text, "Fixes: {fixes}\n");
    }
    if plan.fixed {
        text.push_str("**The kernel that this was created for already has the fix.**\n\n");
    }
    text.push_str("What the fix changes, and what this patch does for it:\n\n| change | in this patch |\n| --- | --- |\n");
    for verdict in &plan.verdicts {
        let cell = |text: &str| visible(&text.replace('|', "\\|").replace('\n', " "));
        let _ = writeln!(
            text,
            "| {} | {} |",
            cell(&verdict.what),
            cell(&verdict.text)
        );
    }
    let _ = write!(
        text,
        "\nThe changes are not written yet: `{name}.rs` has a replacement for each function, which only calls\n\
         the original. `cargo klp build` warns about replacements that are not written yet.\n\n\
         ```\ncargo klp build --vm --command 'echo show what the fix changes'\n```\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::plan::Verdict;
    use super::*;

    fn files(place: Place, subject: &str) -> Files {
        let item = "// int f(int a, void *p)\n\
            #[livepatch(object = \"vmlinux\", replaces = \"f\")]\n\
            fn livepatch_f(a: i32, p: *mut c_void) -> Result<i32> {\n    \
            // Check here what the original does not check.\n    original(a, p)\n}\n";
        let plan = Plan {
            verdicts: vec![Verdict {
                what: "fs/a.c: `f`".to_owned(),
                text: "a | b".to_owned(),
            }],
            stubs: vec![Planned {
                name: "f".to_owned(),
                item: item.to_owned(),
                place,
                notes: vec!["`g` was inlined here: fs/a.c:3".to_owned()],
                path: "fs/a.c".to_owned(),
                hunks: vec![" {\n+\tif (a \u{202e}> 9)\n\n }".to_owned()],
            }],
            declarations: String::new(),
            fixed: true,
        };
        let about = About {
            subject: Some(subject.to_owned()),
            commit: Some("0123456789ab".to_owned()),
            cves: vec!["CVE-2024-1234".to_owned()],
        };
        Files::write("fix-f", &about, &plan)
    }

    #[test]
    fn stubs_mark_the_place_of_the_change() {
        let body = |place| {
            let text = files(place, "fs: look").patch;
            let body = text
                .split_once("-> Result<i32> {\n")
                .expect("a body")
                .1
                .to_owned();
            let lines = body
                .lines()
                .map(str::trim)
                .filter(|line| !line.starts_with("//"));
            lines
                .take_while(|line| *line != "}")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(body(Place::Top), ["let () = UNWRITTEN;", "original(a, p)"]);
        assert_eq!(
            body(Place::Middle),
            ["let () = UNWRITTEN;", "original(a, p)"]
        );
        assert_eq!(
            body(Place::End),
            [
                "let result = original(a, p);",
                "let () = UNWRITTEN;",
                "result"
            ]
        );
    }

    #[test]
    fn stubs_contain_their_hunks() {
        let Files { patch, readme } = files(Place::Top, "fs: \"look\" \\ \u{202e}first");
        assert!(
            patch.contains("    // +    if (a > 9)\n    //\n    //  }\n"),
            "{patch}"
        );
        assert!(
            patch.contains("//! Fixes: CVE-2024-1234, commit 0123456789ab\n"),
            "{patch}"
        );
        assert!(
            patch.contains("description = \"CVE-2024-1234: fs: \\\"look\\\" \\\\ first\""),
            "{patch}"
        );
        assert!(
            patch.contains("// `g` was inlined here: fs/a.c:3."),
            "{patch}"
        );
        assert!(patch.contains("#[deprecated ="), "each build has to warn");
        assert!(readme.contains("| fs/a.c: `f` | a \\| b |"), "{readme}");
        assert!(readme.contains("already has the fix"), "{readme}");
        assert!(!patch.contains('\u{202e}') && !readme.contains('\u{202e}'));
    }
}
