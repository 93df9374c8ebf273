// SPDX-License-Identifier: GPL-2.0-only

//! Finds alternatives to a missing function: compiler variants, similar names, data.

use crate::kernel::symbols::SymbolList;
use crate::text::{Name, quoted};
use std::cell::Cell;
use std::fmt;

/// The Jaro-Winkler similarity from which on one name counts as a misspelling of another.
const ALIKE: f64 = 0.85;

/// The most similar names in a message.
const MOST: usize = 3;

/// The most compiler variants in a message.
const VARIANTS: usize = 8;

/// The most candidates that are kept before the best are selected.
const KEPT: usize = 1000;

/// The longest name for which similar ones are searched.
const LONGEST: usize = 128;

/// The approximate cost of looking at a name, and of comparing two apart from their lengths, in
/// nanoseconds.
const LOOK: u64 = 32;
const COMPARE: u64 = 128;

/// The budget for one kernel, in nanoseconds. It is enough for dozens of mistakes; a module can name
/// thousands of missing functions.
const EFFORT: u64 = 1_000_000_000;

/// The remaining budget.
pub(crate) struct Effort(Cell<u64>);

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(EFFORT))
    }
}

impl Effort {
    fn take(&self, cost: u64) -> bool {
        let left = self.0.get().checked_sub(cost);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// Alternatives to a missing function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Others {
    /// The compiler's variants of the function: `name.constprop.0`, `name.isra.0`. Their arguments may differ from
    /// the source.
    pub variants: Vec<Name>,
    /// Functions with similar names, the best match first.
    pub similar: Vec<Name>,
    /// Whether there is data of exactly that name.
    pub data: bool,
}

impl Others {
    /// The alternatives to a function `name` among symbols.
    pub(crate) fn among_symbols(name: &str, symbols: &SymbolList, effort: &Effort) -> Self {
        let functions = symbols.all().iter().filter(|symbol| symbol.code);
        Self::among(name, functions.map(|symbol| symbols.name(symbol)), effort)
    }

    /// The alternatives to a variable `name` among data.
    pub(crate) fn among_data(name: &str, symbols: &SymbolList, effort: &Effort) -> Self {
        let data = symbols.all().iter().filter(|symbol| !symbol.code);
        Self::among(name, data.map(|symbol| symbols.name(symbol)), effort)
    }

    /// The alternatives to `name` among names.
    pub(crate) fn among<T: AsRef<[u8]>>(
        name: &str,
        names: impl Iterator<Item = T>,
        effort: &Effort,
    ) -> Self {
        let mut variants: Vec<Name> = Vec::new();
        let mut similar: Vec<(f64, Name)> = Vec::new();
        for other in names {
            if !effort.take(LOOK) {
                break;
            }
            let Some(other) = std::str::from_utf8(other.as_ref())
                .ok()
                .filter(|it| !is_part(it))
            else {
                continue;
            };
            if is_variant(other, name) {
                variants.push(other.into());
            } else if let Some(alike) = alike(other, name, effort) {
                similar.push((alike, other.into()));
            }
            if variants.len() > KEPT {
                best_variants(&mut variants);
            }
            if similar.len() > KEPT {
                best(&mut similar);
            }
        }
        best_variants(&mut variants);
        best(&mut similar);
        Self {
            variants,
            similar: similar.into_iter().map(|(_, name)| name).collect(),
            data: false,
        }
    }
}

/// The similarity of two names. `None` if one is no misspelling of the other.
fn alike(other: &str, name: &str, effort: &Effort) -> Option<f64> {
    let (length, wanted) = (other.len(), name.len());
    let may_be = wanted <= LONGEST && length.abs_diff(wanted) <= wanted / 2 && other != name;
    if !may_be || !effort.take(COMPARE + (length * wanted) as u64) {
        return None;
    }
    Some(strsim::jaro_winkler(other, name)).filter(|alike| *alike >= ALIKE)
}

fn best_variants(variants: &mut Vec<Name>) {
    variants.sort();
    variants.dedup();
    variants.truncate(VARIANTS);
}

fn best(similar: &mut Vec<(f64, Name)>) {
    similar.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    similar.dedup_by(|a, b| a.1 == b.1);
    similar.truncate(MOST);
}

/// Continues a sentence about what is missing.
impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.data {
            f.write_str("; there is data of that name")?;
        }
        if !self.variants.is_empty() {
            let variants = quoted(&self.variants);
            write!(
                f,
                "; the compiler made {variants} of it, with other arguments perhaps"
            )?;
        }
        if self.data || !self.variants.is_empty() {
            return Ok(());
        }
        if !self.similar.is_empty() {
            write!(f, "; similar names are {}", quoted(&self.similar))?;
        }
        // Also if there are similar names.
        f.write_str(
            "; if C has one of that name, it was inlined into its callers, or its part of the \
             kernel was not built",
        )
    }
}

/// Whether `symbol` is a cold part of another function, or the padding before it.
fn is_part(symbol: &str) -> bool {
    symbol.ends_with(".cold") || symbol.starts_with("__pfx_") || symbol.starts_with("__cfi_")
}

/// Whether `symbol` is a compiler's variant of the function `name`.
fn is_variant(symbol: &str, name: &str) -> bool {
    symbol
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('.'))
}
