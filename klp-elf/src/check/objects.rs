// SPDX-License-Identifier: GPL-2.0-only

//! Looks up the objects and symbols that a module refers to.

use super::{Place, Problem, Report};
use crate::limits::OBJECTS_MAX;
use crate::{Error, Kernel, Match, Object, Others};
use std::collections::HashMap;

/// The objects of a kernel that were looked up.
pub(super) struct Objects<'kernel> {
    kernel: &'kernel Kernel,
    known: HashMap<String, Option<Object<'kernel>>>,
    /// Whether objects above the limit were skipped.
    left_out: bool,
}

/// The result of looking up an object.
pub(super) enum Found<'a, 'kernel> {
    /// The object.
    Known(&'a Object<'kernel>),
    /// It is unknown.
    Unknown,
    /// It was not looked up, because there are too many.
    LeftOut,
}

/// The symbol of a sympos among several of one name.
pub(super) enum Choice {
    /// There is none.
    None(Box<Others>),
    /// There are several, and the sympos is 0.
    Many,
    /// The sympos is larger than their number.
    Beyond,
    /// The symbol.
    One(Match),
}

impl<'kernel> Objects<'kernel> {
    pub(super) fn new(kernel: &'kernel Kernel) -> Self {
        Self {
            kernel,
            known: HashMap::new(),
            left_out: false,
        }
    }

    /// The object of that name. Reading one takes time, and no patch has very many.
    pub(super) fn get(&mut self, name: &str) -> Result<Found<'_, 'kernel>, Error> {
        if !self.known.contains_key(name) {
            if self.known.len() >= OBJECTS_MAX {
                self.left_out = true;
                return Ok(Found::LeftOut);
            }
            let object = self.kernel.object(name)?;
            self.known.insert(name.to_owned(), object);
        }
        Ok(match self.known.get(name) {
            Some(Some(object)) => Found::Known(object),
            _ => Found::Unknown,
        })
    }

    /// Reports whether objects were skipped.
    pub(super) fn report(&self, report: &mut Report) {
        if self.left_out {
            report.add(Place::Module, Problem::ObjectsLeftOut);
        }
    }
}

impl Choice {
    /// The symbol of `sympos` among those of a name in an object.
    pub(super) fn of(object: &Object<'_>, name: &str, matches: &[Match], sympos: u64) -> Self {
        let one = |index: usize| matches.get(index).copied().map_or(Self::Beyond, Self::One);
        match (matches.len(), usize::try_from(sympos).unwrap_or(usize::MAX)) {
            (0, _) => Self::None(Box::new(object.others(name))),
            (1, 0) => one(0),
            (_, 0) => Self::Many,
            (_, sympos) => one(sympos - 1),
        }
    }
}
