// SPDX-License-Identifier: GPL-2.0-only

//! Registered patches: loading the module only adds them to sysfs. They can be enabled and disabled any number of
//! times, until the module is unloaded.
//!
//! While such a patch is disabled, the core has no reference to its module, and its record is separate from those
//! of enabled patches. Its functions in modules are looked up when these are loaded, as for any patch.

use crate::context::Core;
use crate::enable::EnableError;
use crate::errno::{Errno, Result, EBUSY, EINVAL, ENODEV};
use crate::model::{Declared, Object, Patch};
use crate::name::Shown;
use crate::platform::Platform;
use core::ffi::CStr;

impl<P: Platform> Core<'_, P> {
    /// Registers a patch. It stays until [`Core::unregister`].
    ///
    /// # Errors
    ///
    /// `EINVAL` when the patch is invalid, registered already, or has `replace`; `EEXIST`, `ENOMEM`. Nothing
    /// of it is left except what the [`EnableError`] states.
    pub fn register(&mut self, declared: Declared<P>) -> core::result::Result<(), EnableError> {
        let handle = declared.handle;
        let refused = |errno, needs_release| EnableError {
            errno,
            needs_release,
        };
        if self.is_registered(handle) || self.state.get(handle).is_some() {
            return Err(refused(EINVAL, false));
        }
        if declared.replace {
            self.platform.error(format_args!(
                "patch '{}' cannot replace others and be registered: it would replace them each time",
                declared.name
            ));
            return Err(refused(EINVAL, false));
        }
        let reserved = self.reserve_registered();
        let patch = reserved.and_then(|()| Patch::declared(declared));
        let mut patch = patch.map_err(|errno| refused(errno, false))?;
        patch.registered = true;
        self.platform.init_patch(handle);
        let shown = self
            .platform
            .add_patch(handle)
            .and_then(|()| patch.show_objects(self.platform));
        if let Err(errno) = shown {
            patch.restore_declaration(self.platform);
            patch.remove_parts(self.platform);
            return Err(refused(errno, true));
        }
        // Room was reserved above.
        self.state
            .registered
            .push(patch)
            .map_err(|errno| refused(errno, true))
    }

    /// Reserves room for one more patch, beside the enabled ones that return here.
    fn reserve_registered(&mut self) -> Result {
        let enabled = self.state.patches.iter();
        let enabled = enabled.filter(|patch| patch.registered).count();
        self.state.registered.reserve(enabled.saturating_add(1))
    }

    /// Unregisters a patch. The caller removes its folder from sysfs, without the core's mutex.
    ///
    /// # Errors
    ///
    /// `EBUSY` when it is enabled, `EINVAL` when it is not registered.
    pub fn unregister(&mut self, handle: P::Patch) -> Result {
        if self.state.get(handle).is_some() {
            return Err(EBUSY);
        }
        let index = self.registered_index(handle).ok_or(EINVAL)?;
        let mut patch = self.state.registered.remove(index).ok_or(EINVAL)?;
        patch.restore_declaration(self.platform);
        patch.remove_parts(self.platform);
        Ok(())
    }

    /// Enables a patch that the core knows already; `None` if it does not.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the patch is enabled, or not registered; those of [`Core::enable`].
    pub fn enable_known(&mut self, handle: P::Patch) -> Option<Result> {
        let is_registered = |patch: &Patch<P>| patch.registered;
        match self.state.get(handle) {
            Some(patch) if !is_registered(patch) => Some(Err(EINVAL)),
            None if !self.is_registered(handle) => None,
            _ => Some(self.set_enabled(handle, true)),
        }
    }

    /// Is it registered, and not enabled?
    pub fn is_registered(&self, handle: P::Patch) -> bool {
        self.registered_index(handle).is_some()
    }

    fn registered_index(&self, handle: P::Patch) -> Option<usize> {
        let mut all = self.state.registered.iter();
        all.position(|patch| patch.handle == handle)
    }

    /// Enables a registered patch, on top of the enabled ones.
    ///
    /// # Errors
    ///
    /// Those of [`Core::enable`]; the patch stays registered.
    pub(crate) fn enable_registered(&mut self, handle: P::Patch) -> Result {
        let index = self.registered_index(handle).ok_or(EINVAL)?;
        if self.state.transition.is_some() {
            return Err(EBUSY);
        }
        if let Some(patch) = self.state.registered.get(index) {
            self.check_states(handle, &patch.name, patch.replace)?;
        }
        self.state.patches.reserve(1)?;
        self.get_module(index)?;
        if let Some(patch) = self.state.registered.remove(index) {
            self.state.patches.push(patch)?;
        }
        self.platform.patch_list_add(handle);
        self.start_enabling(handle).inspect_err(|_| {
            self.park(handle);
        })
    }

    /// Takes a reference to the patch's module, unless it is pinned and so has one already.
    fn get_module(&self, index: usize) -> Result {
        let Some(patch) = self.state.registered.get(index) else {
            return Ok(());
        };
        if patch.forced || self.platform.try_get_module(patch.handle) {
            return Ok(());
        }
        Err(ENODEV)
    }

    /// Moves a patch that is no longer enabled back to the registered ones, if it is registered. Returns
    /// whether it is.
    pub(crate) fn park(&mut self, handle: P::Patch) -> bool {
        let is_registered = |patch: &Patch<P>| patch.registered;
        if !self.state.get(handle).is_some_and(is_registered) {
            return false;
        }
        self.platform.patch_list_remove(handle);
        let index = self.state.index(handle);
        let Some(patch) = index.and_then(|index| self.state.patches.remove(index)) else {
            return false;
        };
        if !patch.forced {
            self.platform.put_module(handle);
        }
        if self.state.registered.push(patch).is_err() {
            self.platform
                .bug(c"there is no room for a registered patch");
        }
        true
    }

    /// Finds the functions of registered patches in a module that is being loaded.
    ///
    /// # Errors
    ///
    /// When a patch for it cannot be initialised. The module must not be loaded then.
    pub(crate) fn init_registered(&mut self, module: P::Module, name: &CStr) -> Result {
        for patch in self.state.registered.iter_mut() {
            let Err(errno) = patch.init_module(self.platform, module, name) else {
                continue;
            };
            let shown = Shown(name);
            self.platform.warn(format_args!(
                "failed to initialize patch '{}' for module '{shown}' ({errno})",
                patch.name
            ));
            self.platform.warn(format_args!(
                "patch '{}' failed for module '{shown}', refusing to load module '{shown}'",
                patch.name
            ));
            self.forget_registered(name);
            return Err(errno);
        }
        Ok(())
    }

    /// Forgets the functions of a module that is being unloaded, in registered patches.
    pub(crate) fn forget_registered(&mut self, name: &CStr) {
        for patch in self.state.registered.iter_mut() {
            let handle = patch.handle;
            let is_there = |object: &Object<P>| object.module.is_some() && object.is_module(name);
            if let Some(object) = patch.objects.iter_mut().find(|object| is_there(object)) {
                self.platform.clear_relocations(handle, name);
                object.forget_module(self.platform);
            }
        }
    }
}

impl<P: Platform> Patch<P> {
    /// Restores the immediate flags in the patch's structures, so that its module can register it again.
    fn restore_declaration(&self, platform: &P) {
        let funcs = self.objects.iter().flat_map(|object| object.funcs.iter());
        for func in funcs.filter(|func| func.immediate) {
            platform.set_func_transition(func.handle, true);
        }
        platform.set_enabled(self.handle, self.immediate);
    }

    /// Finds its functions in a module that is being loaded. On failure, forgets the module.
    fn init_module(
        &mut self,
        platform: &P,
        module: P::Module,
        name: &CStr,
    ) -> core::result::Result<(), Errno> {
        let mut objects = self.objects.iter_mut();
        let Some(object) = objects.find(|object| object.is_module(name)) else {
            return Ok(());
        };
        object.module = Some(module);
        platform.set_module(object.handle, Some(module));
        let result = object.init_loaded(platform, self.handle, &self.name);
        result.inspect_err(|_| object.forget_module(platform))
    }
}
