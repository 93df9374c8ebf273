// SPDX-License-Identifier: GPL-2.0-only

//! The functions that a patch wants to be called around its own enabling and disabling.

use super::{bindings, Kernel, ObjectRef};
use crate::errno::{Errno, Result, EINVAL};
use crate::platform::Callbacks;

impl ObjectRef {
    fn callbacks(self) -> *mut bindings::klp_callbacks {
        // SAFETY: the object is there; only the address is computed.
        unsafe { &raw mut (*self.0.as_ptr()).callbacks }
    }
}

impl Callbacks for Kernel {
    fn has_pre_patch(&self, object: ObjectRef) -> bool {
        // SAFETY: the object is there, and its callbacks do not change.
        unsafe { (*object.callbacks()).pre_patch.is_some() }
    }

    fn pre_patch(&self, object: ObjectRef) -> Result {
        // SAFETY: as above; the callback is the patch's, of that prototype.
        unsafe {
            match (*object.callbacks()).pre_patch {
                Some(callback) => match callback(object.0.as_ptr()) {
                    0 => Ok(()),
                    // Whatever is not zero refuses.
                    err => Err(Errno::from_c(err).unwrap_or(EINVAL)),
                },
                None => Ok(()),
            }
        }
    }

    fn post_patch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_patch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn pre_unpatch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).pre_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn post_unpatch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }
}
