// SPDX-License-Identifier: GPL-2.0-only

//! The bugs of the kernel's livepatch core (`docs/upstream.md`): each scenario of `tests/vm/long/flaw-*`
//! passes on klp-core, and fails in a known way on the C core, on a kernel with debug checkers.

use anyhow::Result;
use klp_host::kernel::{Core, Profile};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;
use crate::scenarios;

/// Scenarios, and what says that the flaw has shown: a part of a line of the console, or of a failed check.
const FLAWS: [(&str, &str); 7] = [
    ("flaw-aliases", "BUG: KASAN: "),
    ("flaw-entry", "Oops: "),
    ("flaw-helper-disabled", "Oops: "),
    ("flaw-helper-replaced", "Oops: "),
    ("flaw-lookup", "Oops: "),
    ("flaw-missing", "existing value is nonzero"),
    ("flaw-refused", "existing value is nonzero"),
];

/// Boots the C core for each: most of them are the end of the machine.
pub(super) fn run() -> Result<Tally> {
    let kernel = checkout::kernel(Core::C, Profile::Debug)?;
    let built = checkout::build_all(&kernel)?;
    let mut tally = Tally::default();
    for (name, sign) in FLAWS {
        let script = scenarios::long()?
            .into_iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == name));
        let wrongs = match script {
            Some(script) => scenarios::failures(&kernel, &built.modules, &script)?,
            None => Vec::new(),
        };
        let is_seen = wrongs.iter().any(|line| line.contains(sign));
        let case = Case {
            script: name.to_owned(),
            name: "the flaw shows on the C core".to_owned(),
            failure: (!is_seen).then(|| match wrongs.as_slice() {
                [] => "all was well: if the kernel was mended, docs/upstream.md has to say so"
                    .to_owned(),
                wrongs => format!("nothing says `{sign}`:\n{}", wrongs.join("\n")),
            }),
        };
        report::add_on(kernel.core.name(), &case);
        tally.count(&case);
    }
    Ok(tally)
}
