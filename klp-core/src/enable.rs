// SPDX-License-Identifier: GPL-2.0-only

//! Enabling and disabling a patch: the steps from `klp_enable_patch()` to its transition, and from the write to
//! `enabled` to its release.

use crate::context::Core;
use crate::errno::{Errno, Result, EBUSY, EINVAL, ENODEV};
use crate::model::{Declared, Patch};
use crate::name::Name;
use crate::platform::Platform;
use crate::states;
use crate::types::Direction;

/// The error of a patch that was not enabled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EnableError {
    /// The reason.
    pub errno: Errno,
    /// The patch has a folder in sysfs and a reference to its module. The caller has to release them, before the
    /// module's init returns and without the core's mutex.
    pub needs_release: bool,
}

impl<P: Platform> Core<'_, P> {
    /// Enables a patch.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the patch is invalid, or incompatible with enabled ones; `EBUSY` when a
    /// transition runs or something else redirects a function already; `ENODEV` when its module
    /// is going away; `EEXIST`, `ENOMEM`; or a callback's error. Nothing of the patch is left except
    /// what the [`EnableError`] states.
    pub fn enable(&mut self, declared: Declared<P>) -> core::result::Result<(), EnableError> {
        let handle = declared.handle;
        let refused = |errno| EnableError {
            errno,
            needs_release: false,
        };
        self.check_states(handle, &declared.name, declared.replace)
            .and_then(|()| self.check_immediate(&declared))
            .map_err(refused)?;
        if !self.platform.try_get_module(handle) {
            return Err(refused(ENODEV));
        }
        self.platform.init_patch(handle);
        let result = self
            .add(declared)
            .and_then(|()| self.start_enabling(handle));
        result.map_err(|errno| {
            self.remove(handle);
            EnableError {
                errno,
                needs_release: true,
            }
        })
    }

    /// Refuses a patch that is incompatible with the system states of enabled patches.
    pub(crate) fn check_states(&self, handle: P::Patch, name: &Name, replace: bool) -> Result {
        if states::are_compatible(self.platform, self.state, handle, replace) {
            return Ok(());
        }
        self.platform.error(format_args!(
            "Livepatch patch ({name}) is not compatible with the already installed livepatches."
        ));
        Err(EINVAL)
    }

    /// Refuses an immediate patch that replaces others: it would never be known when their modules can be unloaded.
    fn check_immediate(&self, declared: &Declared<P>) -> Result {
        if !(declared.immediate && declared.replace) {
            return Ok(());
        }
        self.platform.error(format_args!(
            "patch '{}' cannot be immediate and replace others: nobody waits until they are left",
            declared.name
        ));
        Err(EINVAL)
    }

    /// Adds a patch to the list and to sysfs, without effect on calls yet.
    fn add(&mut self, declared: Declared<P>) -> Result {
        let (handle, replace) = (declared.handle, declared.replace);
        // In the list from the start, so that an error releases the patch as a whole.
        let patch = Patch::declared(declared)?;
        self.state.patches.push(patch)?;
        self.platform.add_patch(handle)?;
        if replace {
            self.add_nops(handle)?;
        }
        if let Some(patch) = self.state.get_mut(handle) {
            patch.show_objects(self.platform)?;
        }
        self.platform.patch_list_add(handle);
        Ok(())
    }

    pub(crate) fn start_enabling(&mut self, handle: P::Patch) -> Result {
        if self.state.transition.is_some() {
            return Err(EBUSY);
        }
        if let Some(patch) = self.state.get(handle) {
            self.platform
                .notice(format_args!("enabling patch '{}'", patch.name));
        }
        self.init_transition(handle, Direction::Patching)?;
        let result = self
            .patch_objects(handle)
            .and_then(|()| self.revert_to_handler(handle))
            .and_then(|()| self.make_stack_check(handle, Direction::Patching));
        match result {
            Ok(check) => self.set_stack_check(Some(check)),
            Err(error) => {
                if let Some(patch) = self.state.get(handle) {
                    self.platform
                        .warn(format_args!("failed to enable patch '{}'", patch.name));
                }
                self.cancel_transition();
                return Err(error);
            }
        }
        self.start_transition();
        if let Some(patch) = self.state.get_mut(handle) {
            patch.set_enabled(self.platform, true);
            if patch.has_immediate() {
                patch.forced = true;
                self.platform.set_forced(handle);
            }
        }
        self.try_complete();
        Ok(())
    }

    /// Disables a patch, reverses its transition, or enables a registered one.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the patch is in that state already, or is to be enabled and not registered;
    /// `EBUSY` when another transition runs; `ENOMEM`; those of [`Core::enable`].
    pub fn set_enabled(&mut self, patch: P::Patch, enabled: bool) -> Result {
        let is_enabled = self.state.get(patch).is_some_and(|patch| patch.enabled);
        if is_enabled == enabled {
            return Err(EINVAL);
        }
        if self
            .state
            .transition_patch()
            .is_some_and(|running| running.handle == patch)
        {
            return self.reverse_transition();
        }
        if enabled {
            return self.enable_registered(patch);
        }
        self.disable(patch)
    }

    fn disable(&mut self, handle: P::Patch) -> Result {
        if self.state.transition.is_some() {
            return Err(EBUSY);
        }
        let check = self.make_stack_check(handle, Direction::Unpatching)?;
        self.revert_to_handler(handle)?;
        self.init_transition(handle, Direction::Unpatching)?;
        // The targets stay, but are in transition now.
        self.publish(Some(handle));
        self.set_stack_check(Some(check));
        if let Some(patch) = self.state.get(handle) {
            for object in patch.objects.iter().filter(|object| object.patched) {
                self.platform.pre_unpatch(object.handle);
            }
        }
        self.start_transition();
        if let Some(patch) = self.state.get_mut(handle) {
            patch.set_enabled(self.platform, false);
        }
        self.try_complete();
        Ok(())
    }

    /// Releases a patch: its folder in sysfs and its module. A registered one stays, disabled.
    pub(crate) fn release(&mut self, handle: P::Patch) {
        if self.park(handle) {
            return;
        }
        let forced = self.remove(handle);
        self.platform.release_later(handle, forced);
    }

    /// Removes a patch from the list, and its objects and functions from sysfs. Returns whether it was forced.
    fn remove(&mut self, handle: P::Patch) -> bool {
        let patch = self
            .state
            .index(handle)
            .and_then(|index| self.state.patches.remove(index));
        self.platform.patch_list_remove(handle);
        patch.is_some_and(|mut patch| {
            patch.remove_parts(self.platform);
            patch.forced
        })
    }
}
