// SPDX-License-Identifier: GPL-2.0-only

//! Finding a symbol by its name, and by its position among those of the same name.
//!
//! Position 0 means that there is only one; position n means the n-th in the order of kallsyms.

use crate::errno::{Result, EINVAL};
use crate::memory::Vec;
use crate::name::{self, Name, Shown};
use crate::platform::{Log, Symbols};
use crate::sort;
use core::ffi::CStr;
use core::ops::ControlFlow;

/// The search for one symbol.
#[derive(Clone, Copy, Debug)]
struct Search {
    position: usize,
    count: usize,
    address: usize,
}

impl Search {
    fn new(position: usize) -> Self {
        Self {
            position,
            count: 0,
            address: 0,
        }
    }

    /// Is nothing to be learned from another match?
    fn is_over(&self) -> bool {
        match self.position {
            0 => self.count > 1,
            position => self.count == position,
        }
    }

    /// Here is a match.
    fn found(&mut self, address: usize) {
        if !self.is_over() {
            self.address = address;
            self.count += 1;
        }
    }

    /// The address. Errors are logged.
    fn finish(self, log: &impl Log, object: Option<&CStr>, name: &CStr) -> Result<usize> {
        let name = Shown(name);
        if self.address == 0 {
            log.error(format_args!("symbol '{name}' not found in symbol table"));
        } else if self.position == 0 && self.count > 1 {
            // The C core prints its null pointer for vmlinux, and scripts know the line.
            let object = Shown(object.unwrap_or(c"(null)"));
            log.error(format_args!(
                "unresolvable ambiguity for symbol '{name}' in object '{object}'"
            ));
        } else if self.position != 0 && self.count != self.position {
            let (object, position) = (Shown(object.unwrap_or(c"vmlinux")), self.position);
            log.error(format_args!(
                "symbol position {position} for symbol '{name}' in object '{object}' not found"
            ));
        } else {
            return Ok(self.address);
        }
        Err(EINVAL)
    }
}

/// The address of the symbol `name` at `position` in `object`, or in vmlinux.
///
/// # Errors
///
/// `EINVAL` when it is not there, or is there more than once and the position is 0. The log says
/// which.
pub fn find<P: Symbols + Log>(
    platform: &P,
    object: Option<&CStr>,
    name: &CStr,
    position: usize,
) -> Result<usize> {
    let mut search = Search::new(position);
    let mut found = |address| {
        search.found(address);
        if search.is_over() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    match object {
        None => platform.in_vmlinux(name, &mut found),
        Some(module) => platform.in_module(module, |candidate, address| {
            if candidate == name {
                found(address)
            } else {
                ControlFlow::Continue(())
            }
        }),
    }
    search.finish(platform, object, name)
}

/// The addresses of many symbols of one module, for one walk through its symbols: looking for each of them by itself
/// takes a walk each.
#[derive(Debug)]
pub struct InModule {
    /// In the order of the symbols that were looked for.
    searches: Vec<Search>,
}

/// A symbol that is looked for.
#[derive(Debug)]
struct Wanted<'a> {
    /// Of the name. Symbols of one module begin alike, so comparing names takes long.
    hash: u32,
    name: &'a CStr,
    /// Its place among those that are looked for.
    place: usize,
}

impl InModule {
    /// Looks for `wanted`, names and positions, in `module`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn search<'a>(
        platform: &impl Symbols,
        module: &Name,
        wanted: impl Iterator<Item = (&'a CStr, usize)>,
    ) -> Result<Self> {
        let mut searches = Vec::new();
        let mut names: Vec<Wanted<'_>> = Vec::new();
        for (name, position) in wanted {
            names.push(Wanted {
                hash: name::hash(name.to_bytes()),
                name,
                place: searches.len(),
            })?;
            searches.push(Search::new(position))?;
        }
        sort::sort_by_key(&mut names, |wanted| wanted.hash);
        platform.in_module(module.as_c_str(), |symbol, address| {
            let hash = name::hash(symbol.to_bytes());
            let first = names.partition_point(|wanted| wanted.hash < hash);
            let alike = names.iter().skip(first);
            for wanted in alike.take_while(|wanted| wanted.hash == hash) {
                if wanted.name == symbol {
                    if let Some(search) = searches.get_mut(wanted.place) {
                        search.found(address);
                    }
                }
            }
            ControlFlow::Continue(())
        });
        Ok(Self { searches })
    }

    /// The address of the symbol that was the `place`-th to be looked for, `name`.
    ///
    /// # Errors
    ///
    /// Those of [`find`].
    pub fn address(
        &self,
        log: &impl Log,
        module: &Name,
        place: usize,
        name: &CStr,
    ) -> Result<usize> {
        let search = self.searches.get(place).copied();
        search
            .unwrap_or(Search::new(0))
            .finish(log, Some(module.as_c_str()), name)
    }
}
