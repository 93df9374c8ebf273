// SPDX-License-Identifier: GPL-2.0-only

//! Atomic replace: a patch that takes the place of all that were enabled before it.
//!
//! For functions that they redirect and it does not, the new patch gets an entry that leads back
//! to the original function. It is on top of theirs during the transition, like any other, and goes together
//! with them when the transition is over.

use crate::context::Core;
use crate::errno::Result;
use crate::model::{Func, Object};
use crate::name::Name;
use crate::platform::Platform;
use crate::types::TextRange;

/// Do the two mean the same function of an object? Position 0 says that it is the only one, which is
/// the first.
fn is_same<P: Platform>(a: &Func<P>, b: &Func<P>) -> bool {
    a.name == b.name && a.sympos.max(1) == b.sympos.max(1)
}

impl<P: Platform> Core<'_, P> {
    /// Gives the patch the entries that it lacks.
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
            let place = match found {
                Some(place) => place,
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
            if let Some(object) = new.objects.get_mut(place) {
                object.add_nops(self.platform, old)?;
            }
        }
        Ok(())
    }

    /// The patch at `index` has replaced those below it: their redirects go, and its nops.
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

    /// Removes the nops of the patch at `index`, which lead nowhere any more.
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

    /// Lets the patches below `handle` go.
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
    fn add_nops(&mut self, platform: &P, old: &Self) -> Result {
        for old in old.funcs.iter() {
            if self.funcs.iter().any(|func| is_same(func, old)) {
                continue;
            }
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
}
