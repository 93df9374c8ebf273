// SPDX-License-Identifier: GPL-2.0-only

//! What there is instead of a function that there is not.

use crate::kernel::symbols::Symbols;
use std::fmt;

/// How alike two names must be, from 0 to 1, for one to be a slip of the other.
const ALIKE: f64 = 0.85;

/// How many similar names are worth telling.
const MOST: usize = 3;

/// What there is instead of a function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Others {
    /// What the compiler made of the function: `name.constprop.0`, `name.isra.0`. Such a symbol
    /// may take other arguments than the source shows.
    pub variants: Vec<String>,
    /// Functions whose names look alike, the best first.
    pub similar: Vec<String>,
    /// Is there data of that very name?
    pub data: bool,
}

impl Others {
    /// What symbols there are instead of a function `name`.
    pub(crate) fn among_symbols(name: &str, symbols: &Symbols) -> Self {
        let functions = symbols.all().iter().filter(|symbol| symbol.code);
        Self::among(name, functions.map(|symbol| &*symbol.name))
    }

    /// What data there is instead of a variable `name`.
    pub(crate) fn among_data(name: &str, symbols: &Symbols) -> Self {
        let data = symbols.all().iter().filter(|symbol| !symbol.code);
        Self::among(name, data.map(|symbol| &*symbol.name))
    }

    /// The same for names alone.
    pub(crate) fn among_names(name: &str, names: &[String]) -> Self {
        Self::among(name, names.iter().map(String::as_str))
    }

    fn among<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let mut variants = Vec::new();
        let mut similar: Vec<(f64, &str)> = Vec::new();
        for other in names.filter(|other| !is_part(other)) {
            if is_variant(other, name) {
                variants.push(other.to_owned());
            } else if other.len().abs_diff(name.len()) <= name.len() / 2 {
                let alike = strsim::jaro_winkler(other, name);
                if alike >= ALIKE && other != name {
                    similar.push((alike, other));
                }
            }
        }
        variants.sort();
        variants.dedup();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        similar.dedup_by(|a, b| a.1 == b.1);
        let similar = similar.into_iter().take(MOST);
        Self {
            variants,
            similar: similar.map(|(_, name)| name.to_owned()).collect(),
            data: false,
        }
    }
}

/// Goes on a sentence that says what there is not.
impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| format!("`{}`", names.join("`, `"));
        if self.data {
            f.write_str("; there is data of that name")?;
        }
        if !self.variants.is_empty() {
            let variants = list(&self.variants);
            write!(
                f,
                "; the compiler made {variants} of it, with other arguments perhaps"
            )?;
        }
        if self.data || !self.variants.is_empty() {
            return Ok(());
        }
        if !self.similar.is_empty() {
            write!(f, "; similar names are {}", list(&self.similar))?;
        }
        // A similar name does not make that less likely.
        f.write_str(
            "; if C has one of that name, it was inlined into its callers, or its part of the \
             kernel was not built",
        )
    }
}

/// Is `symbol` a part of another function, or the room before it?
fn is_part(symbol: &str) -> bool {
    symbol.ends_with(".cold") || symbol.starts_with("__pfx_") || symbol.starts_with("__cfi_")
}

/// Is `symbol` a compiler's variant of the function `name`?
fn is_variant(symbol: &str, name: &str) -> bool {
    symbol
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('.'))
}
