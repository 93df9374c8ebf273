// SPDX-License-Identifier: GPL-2.0-only

//! Livepatch symbols: are their names whole, and has the kernel what they name?

use super::file::File;
use super::functions::Choice;
use super::{Against, Place, Problem, Report, Severity};
use crate::livepatch::{SYMBOL_PREFIX, SymbolName};
use crate::{Error, Kernel};

/// Checks all of them.
pub(super) fn check(
    file: &File<'_>,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let linked = !report
        .findings
        .iter()
        .any(|it| it.problem == Problem::Unlinked);
    let mut unknown = Vec::new();
    for symbol in &file.symbols {
        let place = || Place::Symbol(symbol.name.to_string());
        if !symbol.is_livepatch() {
            if linked && symbol.name.starts_with(SYMBOL_PREFIX) {
                report.add(place(), Problem::SymbolUnmarked);
            }
            continue;
        }
        let name: SymbolName = match symbol.name.parse() {
            Ok(name) => name,
            Err(error) => {
                report.add(place(), Problem::SymbolName(error));
                continue;
            }
        };
        let Some(kernel) = against.kernel else {
            continue;
        };
        if let Some(problem) = look_up(kernel, &name)? {
            // Once is enough to tell what is not known.
            let known = problem.severity() != Severity::Note;
            if known || !unknown.contains(&problem) {
                report.add(place(), problem.clone());
                unknown.push(problem);
            }
        }
    }
    Ok(())
}

/// Asks the kernel for a symbol.
fn look_up(kernel: &Kernel, symbol: &SymbolName) -> Result<Option<Problem>, Error> {
    let (object, name) = (symbol.object().to_owned(), symbol.name().to_owned());
    let Some(known) = kernel.object(&object)? else {
        return Ok(Some(Problem::ObjectUnknown(object)));
    };
    let found = known.function(&name);
    let Some(matches) = &found.matches else {
        return Ok(Some(Problem::NoSymbols(object)));
    };
    let count = matches.len();
    Ok(match Choice::of(count, symbol.sympos().into()) {
        Choice::None => Some(Problem::SymbolMissing {
            object,
            name,
            others: found.others.to_string(),
        }),
        Choice::Many => Some(Problem::SymbolAmbiguous {
            object,
            name,
            count,
        }),
        Choice::Beyond => Some(Problem::SymbolPosition {
            object,
            name,
            count,
            sympos: symbol.sympos().into(),
        }),
        Choice::One(index) => {
            let init = matches.get(index).is_some_and(|found| found.init);
            init.then_some(Problem::SymbolInit { object, name })
        }
    })
}
