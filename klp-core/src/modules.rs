// SPDX-License-Identifier: GPL-2.0-only

//! Modules that are loaded and unloaded while patches for them are enabled.
//!
//! A module is patched before its init runs, and for as long as its exit runs. In between, the
//! state of the module decides whether it may be patched ([`crate::platform::Modules::find`]).

use crate::context::Core;
use crate::errno::Result;
use crate::model::Patches;
use crate::name::Shown;
use crate::platform::Platform;
use core::ffi::CStr;

impl<P: Platform> Patches<P> {
    /// The index of the module `name` among the objects of the patch at `index`.
    fn object_position(&self, index: usize, name: &CStr) -> Option<usize> {
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
}

impl<P: Platform> Core<'_, P> {
    /// Patches a module that is being loaded.
    ///
    /// # Errors
    ///
    /// When a patch for it cannot be applied. The module is left unpatched, and must not be loaded.
    pub fn module_coming(&mut self, module: P::Module, name: &CStr) -> Result {
        for index in 0..self.state.patches.len() {
            let Some(position) = self.state.object_position(index, name) else {
                continue;
            };
            let shown = Shown(name);
            if let Err(error) = self.patch_module(index, position, module, name) {
                if let Some(patch) = self.state.patches.get_mut(index) {
                    self.platform.warn(format_args!(
                        "patch '{}' failed for module '{shown}', refusing to load module '{shown}'",
                        patch.name
                    ));
                    if let Some(object) = patch.objects.get_mut(position) {
                        object.forget_module(self.platform);
                    }
                }
                self.unpatch_module(name, index);
                return Err(error);
            }
        }
        self.init_registered(module, name)
            .and_then(|()| {
                let result = self.refresh_stack_check();
                result.inspect_err(|_| self.forget_registered(name))
            })
            .inspect_err(|_| {
                let all = self.state.patches.len();
                self.unpatch_module(name, all);
            })
    }

    /// Reverts the patches of a module that is being unloaded, or failed to load.
    pub fn module_going(&mut self, module: P::Module, name: &CStr) {
        let all = self.state.patches.len();
        self.unpatch_module(name, all);
        self.forget_registered(name);
        // Includes sites of patches that are gone already: ftrace forgets them with the module.
        self.state
            .site_ops
            .unregister_in(self.platform, &self.lock, self.platform.text(module));
        // Without memory it is retried before the next stack checks.
        let _ = self.refresh_stack_check();
    }

    fn patch_module(
        &mut self,
        index: usize,
        position: usize,
        module: P::Module,
        name: &CStr,
    ) -> Result {
        let shown = Shown(name);
        let in_transition = self.state.is_in_transition(index);
        let Some(patch) = self.state.patches.get_mut(index) else {
            return Ok(());
        };
        let handle = patch.handle;
        let Some(object) = patch.objects.get_mut(position) else {
            return Ok(());
        };
        object.module = Some(module);
        self.platform.set_module(object.handle, Some(module));
        if let Err(errno) = object.init_loaded(self.platform, handle, &patch.name) {
            self.platform.warn(format_args!(
                "failed to initialize patch '{}' for module '{shown}' ({errno})",
                patch.name
            ));
            return Err(errno);
        }
        self.platform.notice(format_args!(
            "applying patch '{}' to loading module '{shown}'",
            patch.name
        ));
        if let Err(errno) = object.pre_patch(self.platform) {
            self.platform.warn(format_args!(
                "pre-patch callback failed for object '{shown}'"
            ));
            self.platform.clear_relocations(handle, name);
            return Err(errno);
        }
        if let Err(errno) = self.redirect_module(handle, position) {
            if let Some(patch) = self.state.patches.get_mut(index) {
                self.platform.warn(format_args!(
                    "failed to apply patch '{}' to module '{shown}' ({errno})",
                    patch.name
                ));
                if let Some(object) = patch.objects.get_mut(position) {
                    object.post_unpatch(self.platform);
                }
            }
            self.platform.clear_relocations(handle, name);
            return Err(errno);
        }
        if !in_transition {
            if let Some(object) = self.state.object_mut(handle, position) {
                self.platform.post_patch(object.handle);
            }
            self.promote_soon();
        }
        Ok(())
    }

    /// Reverts the patches of a module, except those from `limit` on.
    fn unpatch_module(&mut self, name: &CStr, limit: usize) {
        let shown = Shown(name);
        for index in 0..limit {
            let Some(position) = self.state.object_position(index, name) else {
                continue;
            };
            let in_transition = self.state.is_in_transition(index);
            let Some(patch) = self.state.patches.get_mut(index) else {
                continue;
            };
            let Some(object) = patch
                .objects
                .get_mut(position)
                .filter(|object| object.is_loaded())
            else {
                continue;
            };
            if !in_transition {
                self.platform.pre_unpatch(object.handle);
            }
            self.platform.notice(format_args!(
                "reverting patch '{}' on unloading module '{shown}'",
                patch.name
            ));
            object.unpatch(self.platform);
            let handle = patch.handle;
            let running = self
                .state
                .transition
                .as_ref()
                .map(|transition| transition.patch);
            self.publish(running);
            self.detach_vanished(true);
            if let Some(object) = self.state.object_mut(handle, position) {
                object.post_unpatch(self.platform);
                self.platform.clear_relocations(handle, name);
                object.forget_module(self.platform);
            }
        }
    }

    /// Rebuilds the stack check after the objects of the patch in transition changed.
    ///
    /// # Errors
    ///
    /// Those of [`StackCheck::new`](crate::stack_check::StackCheck::new). The old check stays,
    /// marked as stale.
    pub(crate) fn refresh_stack_check(&mut self) -> Result {
        let Some(transition) = &mut self.state.transition else {
            return Ok(());
        };
        transition.has_stale_check = true;
        let (patch, direction) = (transition.patch, transition.direction);
        let check = self.make_stack_check(patch, direction)?;
        if let Some(transition) = &mut self.state.transition {
            transition.has_stale_check = false;
        }
        self.set_stack_check(Some(check));
        Ok(())
    }
}
