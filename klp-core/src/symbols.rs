// SPDX-License-Identifier: GPL-2.0-only

//! Looking symbols up by name, and by position among those of the same name (sympos).
//!
//! Position 0 means that there is only one; position n is the n-th in the order of kallsyms.

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

    /// Can another match no longer change the result?
    fn is_over(&self) -> bool {
        match self.position {
            0 => self.count > 1,
            position => self.count == position,
        }
    }

    /// Adds a match.
    fn found(&mut self, address: usize) {
        if !self.is_over() {
            self.address = address;
            self.count += 1;
        }
    }

    /// Returns the address. Logs errors.
    fn finish(self, log: &impl Log, object: Option<&CStr>, name: &CStr) -> Result<usize> {
        let name = Shown(name);
        if self.address == 0 {
            log.error(format_args!("symbol '{name}' not found in symbol table"));
        } else if self.position == 0 && self.count > 1 {
            // The C core prints a null pointer for vmlinux, and scripts rely on the line.
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
/// `EINVAL`, which is logged, when there is no such symbol, or more than one and the position is 0.
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

/// The addresses of many symbols of one module, from one walk over its symbols instead of one for each.
#[derive(Debug)]
pub struct InModule {
    /// In the order of the requested symbols.
    searches: Vec<Search>,
}

/// A requested symbol.
#[derive(Debug)]
struct Request<'a> {
    /// The hash of the name: symbols of one module have common prefixes, so comparing names is slow.
    hash: u32,
    name: &'a CStr,
    /// The index of its search.
    index: usize,
}

impl InModule {
    /// Looks the names and positions of `requests` up in `module`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn search<'a>(
        platform: &impl Symbols,
        module: &Name,
        requests: impl Iterator<Item = (&'a CStr, usize)>,
    ) -> Result<Self> {
        let mut searches = Vec::new();
        let mut names: Vec<Request<'_>> = Vec::new();
        for (name, position) in requests {
            names.push(Request {
                hash: name::hash(name.to_bytes()),
                name,
                index: searches.len(),
            })?;
            searches.push(Search::new(position))?;
        }
        sort::sort_by_key(&mut names, |request| request.hash);
        platform.in_module(module.as_c_str(), |symbol, address| {
            let hash = name::hash(symbol.to_bytes());
            let first = names.partition_point(|request| request.hash < hash);
            let alike = names.iter().skip(first);
            for request in alike.take_while(|request| request.hash == hash) {
                if request.name == symbol {
                    if let Some(search) = searches.get_mut(request.index) {
                        search.found(address);
                    }
                }
            }
            ControlFlow::Continue(())
        });
        Ok(Self { searches })
    }

    /// The address of the requested symbol with the index `index`, which is called `name`.
    ///
    /// # Errors
    ///
    /// Those of [`find`].
    pub fn address(
        &self,
        log: &impl Log,
        module: &Name,
        index: usize,
        name: &CStr,
    ) -> Result<usize> {
        let search = self.searches.get(index).copied();
        search
            .unwrap_or(Search::new(0))
            .finish(log, Some(module.as_c_str()), name)
    }
}
