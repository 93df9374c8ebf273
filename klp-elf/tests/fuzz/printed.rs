// SPDX-License-Identifier: GPL-2.0-only

//! Collects the text that readers print, and checks it for unescaped names.

use quote::ToTokens as _;
use syn::Item;

/// What was printed while a file was read.
#[derive(Default)]
pub(crate) struct Printed {
    /// For people.
    text: Vec<String>,
    /// To be compiled.
    rust: Vec<String>,
}

impl Printed {
    pub(crate) fn text(&mut self, text: impl ToString) {
        self.text.push(text.to_string());
    }

    /// Rust, or why there is none.
    pub(crate) fn rust(&mut self, printed: Result<String, klp_elf::Error>) {
        match printed {
            Ok(text) => self.rust.push(text),
            Err(error) => self.text(error),
        }
    }

    /// Checks for control characters and unexpected items.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_odd = |c: char| c.is_control() && c != '\n' || !c.is_ascii() && !c.is_alphanumeric();
        for text in self.text.iter().chain(&self.rust) {
            if let Some(odd) = text.chars().find(|c| is_odd(*c)) {
                return Err(format!("{odd:?} in {text:?}"));
            }
        }
        self.rust.iter().try_for_each(|text| items(text))
    }
}

/// Checks that there are no items but those of a stub.
fn items(text: &str) -> Result<(), String> {
    let file = syn::parse_file(text).map_err(|error| format!("{error} in:\n{text}"))?;
    for item in &file.items {
        if !matches!(item, Item::Use(_) | Item::Fn(_) | Item::Struct(_)) {
            return Err(format!("`{}` in:\n{text}", item.to_token_stream()));
        }
    }
    let functions = file.items.iter().filter(|item| matches!(item, Item::Fn(_)));
    match functions.count() {
        0 | 1 => Ok(()),
        count => Err(format!("{count} functions in:\n{text}")),
    }
}
