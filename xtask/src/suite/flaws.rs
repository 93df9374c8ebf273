// SPDX-License-Identifier: GPL-2.0-only

//! Checks the bugs of the kernel's livepatch core (`docs/upstream.md`): each scenario of `tests/vm/long/flaw-*`
//! passes on klp-core, and fails in a known way on the C core, on a kernel with debug checkers.

use anyhow::Result;
use klp_host::kernel::{Core, Profile};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::report;
use crate::scenarios;

/// The scenarios, each with the sign of its flaw: a part of a line of the console, or of a failed check.
const FLAWS: [(&str, &str); 7] = [
    ("flaw-aliases", "BUG: KASAN: "),
    ("flaw-entry", "Oops: "),
    ("flaw-helper-disabled", "Oops: "),
    ("flaw-helper-replaced", "Oops: "),
    ("flaw-lookup", "Oops: "),
    ("flaw-missing", "existing value is nonzero"),
    ("flaw-refused", "existing value is nonzero"),
];

/// Runs each scenario on the C core, in a separate boot, because most of them crash the machine.
pub(super) fn run() -> Result<Tally> {
    let kernel = checkout::kernel(Core::C, Profile::Debug)?;
    let built = checkout::build_all(&kernel)?;
    let mut tally = Tally::default();
    for (name, sign) in FLAWS {
        let script = scenarios::long()?
            .into_iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == name));
        let failures = match script {
            Some(script) => scenarios::failures(&kernel, &built.modules, &script)?,
            None => Vec::new(),
        };
        let is_seen = failures.iter().any(|line| line.contains(sign));
        let case = Case {
            script: name.to_owned(),
            name: "the flaw shows on the C core".to_owned(),
            failure: (!is_seen).then(|| match failures.as_slice() {
                [] => "the scenario passed: if the kernel was fixed, update docs/upstream.md"
                    .to_owned(),
                failures => format!("`{sign}` is not in:\n{}", failures.join("\n")),
            }),
        };
        report::add_on(kernel.core.name(), &case);
        tally.count(&case);
    }
    Ok(tally)
}
