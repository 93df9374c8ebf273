// SPDX-License-Identifier: GPL-2.0-only

//! Modules that come and go while patches for them are enabled.
//!
//! A module is patched before its init runs, and for as long as its exit runs. In between, the
//! module says itself whether it may be patched ([`crate::platform::Modules::find`]).

use crate::errno::Result;
use crate::name::Shown;
use crate::patches::Patches;
use crate::platform::Platform;
use crate::published::Published;
use core::ffi::CStr;

impl<P: Platform> Patches<P> {
    /// A module comes: patches it.
    ///
    /// # Errors
    ///
    /// When a patch for it cannot be applied. The module must not come then, and is as it was.
    pub fn module_coming(
        &mut self,
        platform: &P,
        published: &Published,
        module: P::Module,
        name: &CStr,
    ) -> Result {
        for index in 0..self.patches.len() {
            let Some(place) = self.place_of(index, name) else {
                continue;
            };
            let shown = Shown(name);
            if let Err(error) = self.patch_module(platform, published, index, place, module, name) {
                if let Some(patch) = self.patches.get_mut(index) {
                    platform.warn(format_args!(
                        "patch '{}' failed for module '{shown}', refusing to load module '{shown}'",
                        patch.name
                    ));
                    if let Some(object) = patch.objects.get_mut(place) {
                        object.forget_module(platform);
                    }
                }
                self.unpatch_module(platform, published, name, index);
                return Err(error);
            }
        }
        self.refresh_stack_check(platform, published)
            .inspect_err(|_| {
                let all = self.patches.len();
                self.unpatch_module(platform, published, name, all);
            })
    }

    /// A module goes, or fails to come after all: reverts its patches.
    pub fn module_going(
        &mut self,
        platform: &P,
        published: &Published,
        module: P::Module,
        name: &CStr,
    ) {
        let all = self.patches.len();
        self.unpatch_module(platform, published, name, all);
        // Those of patches that are gone already, too: ftrace forgets the sites.
        self.dedicated
            .unregister_in(platform, platform.text(module));
        // Without memory it is tried again before the next look at stacks.
        let _ = self.refresh_stack_check(platform, published);
    }

    /// Where the patch at `index` has that object.
    fn place_of(&self, index: usize, name: &CStr) -> Option<usize> {
        self.patches
            .get(index)?
            .objects
            .iter()
            .position(|object| object.is_module(name))
    }

    /// Is the patch at `index` the one in transition?
    fn is_in_transition(&self, index: usize) -> bool {
        self.patches.get(index).is_some_and(|patch| {
            self.transition
                .as_ref()
                .is_some_and(|transition| transition.patch == patch.handle)
        })
    }

    fn patch_module(
        &mut self,
        platform: &P,
        published: &Published,
        index: usize,
        place: usize,
        module: P::Module,
        name: &CStr,
    ) -> Result {
        let shown = Shown(name);
        let in_transition = self.is_in_transition(index);
        let Some(patch) = self.patches.get_mut(index) else {
            return Ok(());
        };
        let handle = patch.handle;
        let Some(object) = patch.objects.get_mut(place) else {
            return Ok(());
        };
        object.module = Some(module);
        platform.set_module(object.handle, Some(module));
        if let Err(errno) = object.init_loaded(platform, handle, &patch.name) {
            platform.warn(format_args!(
                "failed to initialize patch '{}' for module '{shown}' ({errno})",
                patch.name
            ));
            return Err(errno);
        }
        platform.notice(format_args!(
            "applying patch '{}' to loading module '{shown}'",
            patch.name
        ));
        if let Err(errno) = object.pre_patch(platform) {
            platform.warn(format_args!(
                "pre-patch callback failed for object '{shown}'"
            ));
            platform.clear_relocations(handle, name);
            return Err(errno);
        }
        if let Err(errno) = self.redirect_module(platform, published, handle, place) {
            if let Some(patch) = self.patches.get_mut(index) {
                platform.warn(format_args!(
                    "failed to apply patch '{}' to module '{shown}' ({errno})",
                    patch.name
                ));
                if let Some(object) = patch.objects.get_mut(place) {
                    object.post_unpatch(platform);
                }
            }
            platform.clear_relocations(handle, name);
            return Err(errno);
        }
        if !in_transition {
            if let Some(object) = self.object_mut(handle, place) {
                platform.post_patch(object.handle);
            }
            self.promote_soon(platform);
        }
        Ok(())
    }

    /// Reverts the patches of a module, those from `limit` on excepted.
    fn unpatch_module(&mut self, platform: &P, published: &Published, name: &CStr, limit: usize) {
        let shown = Shown(name);
        for index in 0..limit {
            let Some(place) = self.place_of(index, name) else {
                continue;
            };
            let in_transition = self.is_in_transition(index);
            let Some(patch) = self.patches.get_mut(index) else {
                continue;
            };
            let Some(object) = patch
                .objects
                .get_mut(place)
                .filter(|object| object.is_loaded())
            else {
                continue;
            };
            if !in_transition {
                platform.pre_unpatch(object.handle);
            }
            platform.notice(format_args!(
                "reverting patch '{}' on unloading module '{shown}'",
                patch.name
            ));
            object.unpatch(platform);
            let handle = patch.handle;
            let running = self.transition.as_ref().map(|transition| transition.patch);
            self.publish(platform, published, running);
            self.detach_vanished(platform, published, true);
            if let Some(object) = self.object_mut(handle, place) {
                object.post_unpatch(platform);
                platform.clear_relocations(handle, name);
                object.forget_module(platform);
            }
        }
    }

    /// Makes another stack check, because the objects of the patch in transition have changed.
    ///
    /// # Errors
    ///
    /// Those of [`StackCheck::new`](crate::stack_check::StackCheck::new). The old one stays, and
    /// is known to be stale.
    pub(crate) fn refresh_stack_check(&mut self, platform: &P, published: &Published) -> Result {
        let Some(transition) = &mut self.transition else {
            return Ok(());
        };
        transition.has_stale_check = true;
        let (patch, direction) = (transition.patch, transition.direction);
        let check = self.make_stack_check(platform, patch, direction)?;
        if let Some(transition) = &mut self.transition {
            transition.has_stale_check = false;
        }
        self.set_stack_check(platform, published, Some(check));
        Ok(())
    }
}
