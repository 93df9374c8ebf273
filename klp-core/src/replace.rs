// SPDX-License-Identifier: GPL-2.0-only

//! Atomic replace: a cumulative patch replaces all enabled patches.
//!
//! For each function that only the older patches redirect, the new patch gets a nop: an entry that restores the
//! original function. It is on top of theirs during the transition, like any other, and is removed with
//! them when the transition ends.

use crate::context::Core;
use crate::errno::Result;
use crate::memory::Vec;
use crate::model::{Func, Object};
use crate::name::{self, Name};
use crate::platform::Platform;
use crate::sort;
use crate::types::TextRange;

/// Are both the same function of an object? Position 0 means the only one of its name, which is the
/// first.
fn is_same<P: Platform>(a: &Func<P>, b: &Func<P>) -> bool {
    a.name == b.name && a.sympos.max(1) == b.sympos.max(1)
}

impl<P: Platform> Core<'_, P> {
    /// Adds nops to the patch for functions that only older patches redirect.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn add_nops(&mut self, handle: P::Patch) -> Result {
        let Some(index) = self.state.index(handle) else {
            return Ok(());
        };
        let Some((older, rest)) = self.state.patches.split_at_mut_checked(index) else {
            return Ok(());
        };
        let Some(new) = rest.first_mut() else {
            return Ok(());
        };
        for old in older.iter().flat_map(|patch| patch.objects.iter()) {
            let found = new
                .objects
                .iter()
                .position(|object| object.is(old.name.as_ref()));
            let position = match found {
                Some(position) => position,
                None => {
                    let name = old.name.as_ref().map(Name::try_clone).transpose()?;
                    let object = self.platform.new_object(handle, name.as_ref())?;
                    let object = Object::new(object, name, true);
                    let handle = object.handle;
                    new.objects
                        .push(object)
                        .inspect_err(|_| self.platform.remove_object(handle))?;
                    new.objects.len() - 1
                }
            };
            if let Some(object) = new.objects.get_mut(position) {
                object.add_nops(self.platform, old)?;
            }
        }
        Ok(())
    }

    /// Marks the patches below the one at `index`, which it has replaced, as disabled and not redirected, and its
    /// nops.
    pub(crate) fn retire_replaced(&mut self, index: usize) {
        let Some((older, rest)) = self.state.patches.split_at_mut_checked(index) else {
            return;
        };
        let Some(new) = rest.first_mut().filter(|patch| patch.replace) else {
            return;
        };
        for old in older {
            old.set_enabled(self.platform, false);
            old.unpatch_all(self.platform);
        }
        for object in new.objects.iter_mut() {
            for func in object.funcs.iter_mut().filter(|func| func.nop) {
                func.set_patched(self.platform, false);
            }
            if object.dynamic {
                object.set_patched(self.platform, false);
            }
        }
    }

    /// Removes the nops of the patch at `index` that are not redirected any more.
    pub(crate) fn drop_nops(&mut self, index: usize) {
        let Some(patch) = self.state.patches.get_mut(index) else {
            return;
        };
        for object in patch.objects.iter_mut() {
            object.funcs.retain(|func| {
                let keep = !func.nop || func.patched;
                if !keep {
                    self.platform.remove_func(func.handle);
                }
                keep
            });
        }
        patch.objects.retain(|object| {
            let keep = !object.dynamic || !object.funcs.is_empty();
            if !keep {
                self.platform.remove_object(object.handle);
            }
            keep
        });
    }

    /// Releases the patches below `handle`.
    pub(crate) fn release_replaced(&mut self, handle: P::Patch) {
        while let Some(lowest) = self.state.patches.first().map(|patch| patch.handle) {
            if lowest == handle {
                return;
            }
            self.release(lowest);
        }
    }
}

impl<P: Platform> Object<P> {
    /// Adds a nop for each function of `old` that the object lacks.
    fn add_nops(&mut self, platform: &P, old: &Self) -> Result {
        for position in self.missing(old)?.iter() {
            let Some(old) = old.funcs.get(*position) else {
                continue;
            };
            let name = old.name.try_clone()?;
            let handle = platform.new_nop(self.handle, &name, old.sympos)?;
            self.funcs
                .push(Func {
                    handle,
                    name,
                    sympos: old.sympos,
                    nop: true,
                    immediate: false,
                    patched: false,
                    site: None,
                    old: TextRange::NONE,
                    new: TextRange::NONE,
                })
                .inspect_err(|_| platform.remove_func(handle))?;
        }
        Ok(())
    }

    /// The indices of the functions of `old` that this object lacks, each function once.
    fn missing(&self, old: &Self) -> Result<Vec<usize>> {
        let own = by_hash(&self.funcs)?;
        let theirs = by_hash(&old.funcs)?;
        let mut missing = Vec::new();
        for (index, (hash, position, func)) in theirs.iter().enumerate() {
            let is_this = |(_, _, other): &(u32, usize, &Func<P>)| is_same(func, other);
            let first = own.partition_point(|(other, ..)| other < hash);
            let alike = own.iter().skip(first);
            let is_there = alike.take_while(|(other, ..)| other == hash).any(is_this);
            // The old patch may have it with position 0 and with position 1.
            let before = theirs.get(..index).unwrap_or_default().iter().rev();
            let is_repeated = before.take_while(|(other, ..)| other == hash).any(is_this);
            if !is_there && !is_repeated {
                missing.push(*position)?;
            }
        }
        sort::sort_by_key(&mut missing, |&position| position);
        Ok(missing)
    }
}

/// Functions with the hashes of their names and their indices, sorted by these.
fn by_hash<P: Platform>(funcs: &[Func<P>]) -> Result<Vec<(u32, usize, &Func<P>)>> {
    let mut sorted = Vec::with_capacity(funcs.len())?;
    for (position, func) in funcs.iter().enumerate() {
        sorted.push((name::hash(func.name.to_bytes()), position, func))?;
    }
    sort::sort_by_key(&mut sorted, |(hash, position, _)| (*hash, *position));
    Ok(sorted)
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;
    use crate::simulated::Kernel;
    use std::ffi::CString;

    fn object(funcs: &[(&str, usize)]) -> Object<Kernel> {
        let mut object = Object::new(0, None, false);
        for (name, sympos) in funcs {
            let name = CString::new(*name).expect("no zero byte");
            let func = Func {
                handle: 0,
                name: Name::new(&name).expect("memory"),
                sympos: *sympos,
                nop: false,
                patched: true,
                site: None,
                immediate: false,
                old: TextRange::NONE,
                new: TextRange::NONE,
            };
            object.funcs.push(func).expect("memory");
        }
        object
    }

    #[test]
    fn missing_functions_are_found_once_and_in_order() {
        let old = object(&[
            ("write", 0),
            ("read", 1),
            ("write", 1),
            ("read", 2),
            ("open", 0),
            ("read", 0),
        ]);
        let missing = |new: &[(&str, usize)]| -> std::vec::Vec<usize> {
            object(new).missing(&old).expect("memory").to_vec()
        };
        assert_eq!(missing(&[]), [0, 1, 3, 4]);
        assert_eq!(missing(&[("read", 0)]), [0, 3, 4]);
        assert_eq!(missing(&[("read", 2), ("close", 0), ("write", 1)]), [1, 4]);
        assert_eq!(missing(&[("open", 1), ("read", 1), ("write", 0)]), [3]);
    }
}
