// SPDX-License-Identifier: GPL-2.0-only

//! Calling the callbacks of patches.

use super::{bindings, Kernel, ObjectRef};
use crate::errno::{Errno, Result, EINVAL};
use crate::platform::Callbacks;

impl ObjectRef {
    fn callbacks(self) -> *mut bindings::klp_callbacks {
        // SAFETY: the object is alive; only the address is computed.
        unsafe { &raw mut (*self.0.as_ptr()).callbacks }
    }
}

impl Callbacks for Kernel {
    fn has_pre_patch(&self, object: ObjectRef) -> bool {
        // SAFETY: the object is alive, and its callbacks do not change.
        unsafe { (*object.callbacks()).pre_patch.is_some() }
    }

    fn pre_patch(&self, object: ObjectRef) -> Result {
        // SAFETY: the object is alive, its callbacks do not change, and the patch's callback has this prototype.
        unsafe {
            match (*object.callbacks()).pre_patch {
                Some(callback) => match callback(object.0.as_ptr()) {
                    0 => Ok(()),
                    // Any value other than zero refuses.
                    err => Err(Errno::from_c(err).unwrap_or(EINVAL)),
                },
                None => Ok(()),
            }
        }
    }

    fn post_patch(&self, object: ObjectRef) {
        // SAFETY: as in `pre_patch`.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_patch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn pre_unpatch(&self, object: ObjectRef) {
        // SAFETY: as in `pre_patch`.
        unsafe {
            if let Some(callback) = (*object.callbacks()).pre_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn post_unpatch(&self, object: ObjectRef) {
        // SAFETY: as in `pre_patch`.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }
}
