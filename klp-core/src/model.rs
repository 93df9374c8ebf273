// SPDX-License-Identifier: GPL-2.0-only

//! The core's records of patches, their objects and functions.

use crate::backoff::Transition;
use crate::errno::{Result, EINVAL, ENOENT};
use crate::memory::Vec;
use crate::name::{Name, ObjectName};
use crate::platform::Platform;
use crate::redirect::Redirects;
use crate::site_ops::SiteOps;
use crate::sizes::Sizes;
use crate::snapshot::Writer;
use crate::stack_check::StackCheck;
use crate::symbols::{self, InModule};
use crate::types::{Direction, Site, TextRange};
use core::ffi::CStr;

/// Everything that the core's mutex guards. See [`Core`].
#[derive(Debug)]
pub struct Patches<P: Platform> {
    /// The stack of patches, from the bottom up: the last one enabled is on top.
    pub(crate) patches: Vec<Patch<P>>,
    /// Registered patches that are not enabled, with room for those that are.
    pub(crate) registered: Vec<Patch<P>>,
    /// The running transition: there is one at most.
    pub(crate) transition: Option<Transition<P>>,
    pub(crate) redirects: Redirects,
    pub(crate) site_ops: SiteOps<P>,
    pub(crate) check_writer: Writer<StackCheck>,
}

/// A patch.
#[derive(Debug)]
pub struct Patch<P: Platform> {
    /// The platform's handle.
    pub handle: P::Patch,
    /// The name of its module.
    pub name: Name,
    /// Does it replace all patches below it?
    pub replace: bool,
    /// Is it enabled, or being enabled?
    pub enabled: bool,
    /// Is it kept when disabled, until its module unregisters it?
    pub registered: bool,
    /// Do all tasks use it at once, without a transition?
    pub immediate: bool,
    /// Tasks may still run this patch, so its module is pinned: a transition was forced, or
    /// [`Func::immediate`] functions were patched.
    pub forced: bool,
    /// The objects.
    pub objects: Vec<Object<P>>,
}

/// An object of a patch: vmlinux or a module.
#[derive(Debug)]
pub struct Object<P: Platform> {
    /// The platform's handle.
    pub handle: P::Object,
    /// The module's name; `None` for vmlinux.
    pub name: Option<Name>,
    /// The functions.
    pub funcs: Vec<Func<P>>,
    /// The module, while it is loaded.
    pub module: Option<P::Module>,
    /// Are its functions redirected?
    pub patched: bool,
    /// Did the core create it, for functions that an older patch replaces and this one does not?
    pub dynamic: bool,
    /// `pre_patch` succeeded, so `post_unpatch` must run.
    pub owes_post_unpatch: bool,
}

/// A function of an object that a patch replaces.
#[derive(Debug)]
pub struct Func<P: Platform> {
    /// The platform's handle.
    pub handle: P::Func,
    /// The function's name.
    pub name: Name,
    /// The position among symbols of that name; see [`symbols`].
    pub sympos: usize,
    /// Does it restore the original function, in place of an older patch's replacement?
    pub nop: bool,
    /// Do all tasks use the replacement at once, wherever they are?
    pub immediate: bool,
    /// Is it redirected?
    pub patched: bool,
    /// The patch site in its entry, once looked up.
    pub site: Option<Site>,
    /// The function's code.
    pub old: TextRange,
    /// The replacement's code.
    pub new: TextRange,
}

/// A patch as its module declares it.
#[derive(Debug)]
pub struct Declared<P: Platform> {
    /// The platform's handle.
    pub handle: P::Patch,
    /// The name of its module.
    pub name: Name,
    /// Does it replace all others?
    pub replace: bool,
    /// Do all tasks use it at once?
    pub immediate: bool,
    /// The objects.
    pub objects: Vec<DeclaredObject<P>>,
}

/// An object as a patch declares it.
#[derive(Debug)]
pub struct DeclaredObject<P: Platform> {
    /// The platform's handle.
    pub handle: P::Object,
    /// The module's name; `None` for vmlinux.
    pub name: Option<Name>,
    /// The functions.
    pub funcs: Vec<DeclaredFunc<P>>,
}

/// A function as a patch declares it.
#[derive(Debug)]
pub struct DeclaredFunc<P: Platform> {
    /// The platform's handle.
    pub handle: P::Func,
    /// The function's name, if the patch has one.
    pub name: Option<Name>,
    /// The position among symbols of that name.
    pub sympos: usize,
    /// Do all tasks use the replacement at once?
    pub immediate: bool,
    /// The replacement's address, or zero.
    pub new_func: usize,
}

/// The size of the longest symbol name, with its terminator: `KSYM_NAME_LEN` of `include/linux/kallsyms.h`.
const KSYM_NAME_LEN: usize = 512;

impl<P: Platform> Object<P> {
    /// Is it vmlinux or a loaded module?
    pub fn is_loaded(&self) -> bool {
        self.name.is_none() || self.module.is_some()
    }

    /// The name in log lines.
    pub fn shown(&self) -> ObjectName<'_> {
        ObjectName(self.name.as_ref())
    }

    /// Is it the module of that name?
    pub fn is_module(&self, name: &CStr) -> bool {
        self.name.as_ref().is_some_and(|own| own.as_c_str() == name)
    }

    /// Is it the object of that name?
    pub fn is(&self, name: Option<&Name>) -> bool {
        self.name.as_ref() == name
    }

    /// Calls the patch's `pre_patch` callback.
    ///
    /// # Errors
    ///
    /// The callback's.
    pub(crate) fn pre_patch(&mut self, platform: &P) -> Result {
        let result = platform.pre_patch(self.handle);
        self.owes_post_unpatch = result.is_ok();
        result
    }

    /// Calls the patch's `post_unpatch` callback, if it is due.
    pub(crate) fn post_unpatch(&mut self, platform: &P) {
        if core::mem::take(&mut self.owes_post_unpatch) {
            platform.post_unpatch(self.handle);
        }
    }

    pub(crate) fn set_patched(&mut self, platform: &P, patched: bool) {
        self.patched = patched;
        platform.set_patched(self.handle, patched);
    }

    /// Marks the object and its functions as not redirected.
    pub(crate) fn unpatch(&mut self, platform: &P) {
        for func in self.funcs.iter_mut() {
            func.set_patched(platform, false);
        }
        self.set_patched(platform, false);
    }

    /// Initialises a loaded object: writes the patch's relocations for the module, and finds the
    /// functions.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `ENOENT` when a symbol is not found, which is logged; `ENOMEM`. The relocations
    /// are cleared then.
    pub(crate) fn init_loaded(
        &mut self,
        platform: &P,
        patch: P::Patch,
        patch_name: &Name,
    ) -> Result {
        let Some(name) = &self.name else {
            return self.find_funcs(platform, patch, patch_name);
        };
        platform.relocate(patch, name.as_c_str())?;
        let result = self.find_funcs(platform, patch, patch_name);
        if result.is_err() {
            if let Some(name) = &self.name {
                platform.clear_relocations(patch, name.as_c_str());
            }
        }
        result
    }

    fn find_funcs(&mut self, platform: &P, patch: P::Patch, patch_name: &Name) -> Result {
        let found = match &self.name {
            Some(module) => Some(InModule::search(
                platform,
                module,
                self.funcs
                    .iter()
                    .map(|func| (func.name.as_c_str(), func.sympos)),
            )?),
            None => None,
        };
        let mut addresses = Vec::with_capacity(self.funcs.len())?;
        let mut result = Ok(());
        for (index, func) in self.funcs.iter().enumerate() {
            let address = match (&found, &self.name) {
                (Some(found), Some(module)) => {
                    found.address(platform, module, index, func.name.as_c_str())
                }
                _ => symbols::find(platform, None, func.name.as_c_str(), func.sympos),
            };
            match address {
                Ok(address) => addresses.push(address)?,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let (old, new) = self.sizes(platform, patch, patch_name, &addresses)?;
        // Functions before one that is not found are initialised, too. Its error is logged already.
        for (func, address) in self.funcs.iter_mut().zip(addresses.iter()) {
            func.found(platform, *address, &old, &new)?;
            platform.set_func_text(func.handle, func.old, func.new);
        }
        result
    }

    /// The sizes of the functions at `addresses`, and of their replacements.
    fn sizes(
        &self,
        platform: &P,
        patch: P::Patch,
        patch_name: &Name,
        addresses: &[usize],
    ) -> Result<(Sizes, Sizes)> {
        let old = match (&self.name, self.module) {
            (Some(name), Some(module)) => Sizes::of_module(
                platform,
                name.as_c_str(),
                platform.text(module),
                addresses.iter().copied(),
            )?,
            _ => Sizes::none(),
        };
        let new = self.funcs.iter().map(|func| func.new.start);
        let text = platform.text(platform.module(patch));
        let new = Sizes::of_module(platform, patch_name.as_c_str(), text, new)?;
        Ok((old, new))
    }

    /// Forgets the module.
    pub(crate) fn forget_module(&mut self, platform: &P) {
        self.module = None;
        platform.set_module(self.handle, None);
        for func in self.funcs.iter_mut() {
            func.old = TextRange::NONE;
            func.site = None;
            if func.nop {
                func.new = TextRange::NONE;
            }
            platform.set_func_text(func.handle, func.old, func.new);
        }
    }
}

impl<P: Platform> Func<P> {
    pub(crate) fn set_patched(&mut self, platform: &P, patched: bool) {
        self.patched = patched;
        platform.set_func_patched(self.handle, patched);
    }

    fn found(&mut self, platform: &P, address: usize, old: &Sizes, new: &Sizes) -> Result {
        let name = &self.name;
        let Some(size) = old.get(platform, address) else {
            platform.error(format_args!("kallsyms size lookup failed for '{name}'"));
            return Err(ENOENT);
        };
        self.old = TextRange {
            start: address,
            size,
        };
        if self.nop {
            self.new = self.old;
            return Ok(());
        }
        let Some(size) = new.get(platform, self.new.start) else {
            platform.error(format_args!(
                "kallsyms size lookup failed for '{name}' replacement"
            ));
            return Err(ENOENT);
        };
        self.new.size = size;
        Ok(())
    }
}

impl<P: Platform> Patch<P> {
    pub(crate) fn set_enabled(&mut self, platform: &P, enabled: bool) {
        self.enabled = enabled;
        platform.set_enabled(self.handle, enabled);
    }

    /// Shows C code whether a transition concerns the patch's functions.
    pub(crate) fn show_transition(&self, platform: &P, in_transition: bool) {
        for func in self.objects.iter().flat_map(|object| object.funcs.iter()) {
            platform.set_func_transition(func.handle, in_transition);
        }
    }

    /// Does it have immediate functions?
    pub(crate) fn has_immediate(&self) -> bool {
        let mut funcs = self.objects.iter().flat_map(|object| object.funcs.iter());
        funcs.any(|func| func.immediate)
    }

    /// Checks all objects, adds them to sysfs, and finds the functions of the loaded ones.
    pub(crate) fn show_objects(&mut self, platform: &P) -> Result {
        for object in self.objects.iter_mut() {
            object.show(platform, self.handle, &self.name)?;
        }
        Ok(())
    }

    /// Marks all objects and functions as not redirected.
    pub(crate) fn unpatch_all(&mut self, platform: &P) {
        for object in self.objects.iter_mut().filter(|object| object.patched) {
            object.unpatch(platform);
        }
    }

    /// Calls the callbacks that are due after a transition.
    pub(crate) fn call_post_callbacks(&mut self, platform: &P, direction: Direction) {
        for object in self.objects.iter_mut().filter(|object| object.is_loaded()) {
            match direction {
                Direction::Patching => platform.post_patch(object.handle),
                Direction::Unpatching => object.post_unpatch(platform),
            }
        }
    }

    /// Removes its objects and functions from sysfs, but not its own folder.
    pub(crate) fn remove_parts(&mut self, platform: &P) {
        for object in self.objects.iter() {
            for func in object.funcs.iter() {
                platform.remove_func(func.handle);
            }
            platform.remove_object(object.handle);
        }
    }
}

impl<P: Platform> Patches<P> {
    /// Makes the state without patches. The writers are those of the [`Published`] used with it.
    pub const fn new(
        redirects: Writer<crate::redirect::Table>,
        check_writer: Writer<StackCheck>,
    ) -> Self {
        Self {
            patches: Vec::new(),
            registered: Vec::new(),
            transition: None,
            redirects: Redirects::new(redirects),
            site_ops: SiteOps::new(),
            check_writer,
        }
    }

    pub(crate) fn index(&self, patch: P::Patch) -> Option<usize> {
        self.patches.iter().position(|other| other.handle == patch)
    }

    /// The patch of that handle, if it is enabled or in transition.
    pub fn get(&self, patch: P::Patch) -> Option<&Patch<P>> {
        self.patches.iter().find(|other| other.handle == patch)
    }

    pub(crate) fn get_mut(&mut self, patch: P::Patch) -> Option<&mut Patch<P>> {
        self.patches.iter_mut().find(|other| other.handle == patch)
    }

    pub(crate) fn object_mut(&mut self, patch: P::Patch, index: usize) -> Option<&mut Object<P>> {
        self.get_mut(patch)?.objects.get_mut(index)
    }
}

impl<P: Platform> Patch<P> {
    pub(crate) fn declared(declared: Declared<P>) -> Result<Self> {
        let mut objects = Vec::with_capacity(declared.objects.len())?;
        for object in declared.objects.into_iter() {
            objects.push(Object::declared(object, declared.immediate)?)?;
        }
        Ok(Self {
            handle: declared.handle,
            name: declared.name,
            replace: declared.replace,
            enabled: false,
            registered: false,
            immediate: declared.immediate,
            forced: false,
            objects,
        })
    }
}

impl<P: Platform> Object<P> {
    fn declared(declared: DeclaredObject<P>, immediate: bool) -> Result<Self> {
        let mut object = Self::new(declared.handle, declared.name, false);
        for func in declared.funcs.into_iter() {
            object.funcs.push(Func::declared(func, immediate)?)?;
        }
        Ok(object)
    }

    /// Makes an object without functions.
    pub(crate) fn new(handle: P::Object, name: Option<Name>, dynamic: bool) -> Self {
        Self {
            handle,
            name,
            funcs: Vec::new(),
            module: None,
            patched: false,
            dynamic,
            owes_post_unpatch: false,
        }
    }

    /// Checks the object, adds it to sysfs and, if it is loaded, finds its functions.
    pub(crate) fn show(&mut self, platform: &P, patch: P::Patch, patch_name: &Name) -> Result {
        if let Some(name) = &self.name {
            if name.len() >= P::NAME_LEN {
                return Err(EINVAL);
            }
            self.module = platform.find(name.as_c_str());
        }
        platform.set_module(self.handle, self.module);
        self.set_patched(platform, false);
        platform.add_object(patch, self.handle, self.name.as_ref())?;
        for func in self.funcs.iter() {
            func.show(platform, self.handle)?;
        }
        if self.is_loaded() {
            self.init_loaded(platform, patch, patch_name)?;
        }
        Ok(())
    }
}

impl<P: Platform> Func<P> {
    fn declared(declared: DeclaredFunc<P>, immediate: bool) -> Result<Self> {
        let (name, new_func) = match declared.name {
            Some(name) => (name, declared.new_func),
            // Without a name it has no replacement either, so `show` refuses it, after those before it.
            // An empty name is searched and not found.
            None => (Name::new(c"")?, 0),
        };
        Ok(Self {
            handle: declared.handle,
            name,
            sympos: declared.sympos,
            nop: false,
            immediate: declared.immediate || immediate,
            patched: false,
            site: None,
            old: TextRange::NONE,
            new: TextRange {
                start: new_func,
                size: 0,
            },
        })
    }

    fn show(&self, platform: &P, object: P::Object) -> Result {
        if self.name.len() >= KSYM_NAME_LEN || (self.new.start == 0 && !self.nop) {
            return Err(EINVAL);
        }
        // Position 0 is the only function of its name, and so the first.
        platform.add_func(object, self.handle, &self.name, self.sympos.max(1))
    }
}
