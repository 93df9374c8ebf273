// SPDX-License-Identifier: GPL-2.0-only

//! Finding a symbol by its name, and by its position among those of the same name.
//!
//! Position 0 says that there is only one; position n means the n-th in the order of kallsyms.

use crate::errno::{Result, EINVAL};
use crate::memory::Vec;
use crate::name::{Name, Shown};
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

    /// The address, or a log line that says what is wrong.
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
        Some(module) => platform.in_module(module, &mut |candidate, address| {
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
pub struct InModule<'a> {
    /// Sorted by name.
    searches: Vec<(&'a CStr, Search)>,
}

impl<'a> InModule<'a> {
    /// Looks for `wanted`, names and positions, in `module`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn search(
        platform: &impl Symbols,
        module: &Name,
        wanted: impl Iterator<Item = (&'a CStr, usize)>,
    ) -> Result<Self> {
        let mut searches = Vec::new();
        for (name, position) in wanted {
            searches.push((name, Search::new(position)))?;
        }
        sort::sort_by_key(&mut searches, |(name, _)| *name);
        platform.in_module(module.as_c_str(), &mut |name, address| {
            let first = searches.partition_point(|(wanted, _)| *wanted < name);
            for (wanted, search) in searches.iter_mut().skip(first) {
                if *wanted != name {
                    break;
                }
                search.found(address);
            }
            ControlFlow::Continue(())
        });
        Ok(Self { searches })
    }

    /// The address of one of them. Errors as for [`find`].
    ///
    /// # Errors
    ///
    /// See [`find`].
    pub fn address(
        &self,
        log: &impl Log,
        module: &Name,
        name: &CStr,
        position: usize,
    ) -> Result<usize> {
        let first = self.searches.partition_point(|(wanted, _)| *wanted < name);
        let search = self
            .searches
            .iter()
            .skip(first)
            .take_while(|(wanted, _)| *wanted == name)
            .map(|(_, search)| *search)
            .find(|search| search.position == position)
            .unwrap_or(Search::new(position));
        search.finish(log, Some(module.as_c_str()), name)
    }
}
