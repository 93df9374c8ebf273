// SPDX-License-Identifier: GPL-2.0-only

//! Credentials: the users, groups and user namespaces of tasks and of the openers of files.
//!
//! ```
//! use klp::cred::{current_euid, CredentialExt as _, UserNamespace};
//! use klp::prelude::*;
//! use klp::{ns_capable, Capability};
//!
//! /// Allows administrators of the namespace, and the opener of the object.
//! fn may_change(namespace: &UserNamespace, opener: &Credential) -> bool {
//!     opener.euid() == current_euid() || ns_capable(namespace, Capability::NET_ADMIN)
//! }
//!
//! /// Compares the namespace of the opener's credentials.
//! fn opener_is_here(opener: &Credential) -> bool {
//!     opener.user_ns().is_current()
//! }
//! ```

pub use crate::platform::Kuid;

use crate::layout::KernelStruct;
use crate::platform::wrappers::Credential;
use crate::platform::{self, bindings};
use core::cell::UnsafeCell;
use core::ops::Deref;
use core::ptr::{self, NonNull};

/// C's `struct user_namespace`.
///
/// A reference can be an argument of a replacement or a followed member of a view. To read members of the structure,
/// declare a view instead.
#[repr(transparent)]
pub struct UserNamespace(UnsafeCell<bindings::user_namespace>);

// SAFETY: transparent over a cell of the C structure, and safe code cannot create one.
unsafe impl KernelStruct for UserNamespace {
    const NAME: &'static str = "user_namespace";
}

impl UserNamespace {
    /// Returns whether this is the namespace of the current task, not an ancestor or descendant.
    ///
    /// ```
    /// use klp::cred::UserNamespace;
    ///
    /// fn is_foreign(namespace: &UserNamespace) -> bool {
    ///     !namespace.is_current()
    /// }
    /// ```
    #[inline]
    pub fn is_current(&self) -> bool {
        // SAFETY: the pointer is compared, not dereferenced.
        ptr::eq(self.0.get(), unsafe { bindings::current_user_ns() })
    }
}

/// A group, independent of user namespaces: C's `kgid_t`.
///
/// ```
/// use klp::cred::{CredentialExt as _, Kgid};
/// use klp::prelude::*;
///
/// fn is_group(credential: &Credential, group: Kgid) -> bool {
///     credential.gid() == group || credential.egid() == group
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Kgid(bindings::kgid_t);

impl Kgid {
    /// Converts from C's type.
    #[inline]
    pub const fn from_raw(kgid: bindings::kgid_t) -> Self {
        Self(kgid)
    }

    /// Converts to C's type.
    #[inline]
    pub const fn into_raw(self) -> bindings::kgid_t {
        self.0
    }
}

impl PartialEq for Kgid {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.val == other.0.val
    }
}

impl Eq for Kgid {}

/// Returns the effective user of the current task, as C's `current_euid()`.
///
/// ```
/// use klp::cred::current_euid;
/// use klp::prelude::*;
///
/// fn is_opener(opener: &Credential) -> bool {
///     opener.euid() == current_euid()
/// }
/// ```
#[inline]
pub fn current_euid() -> Kuid {
    Kuid::current_euid()
}

/// The credentials of the current task, from [`current_cred!`].
///
/// C's `current_cred()` is valid until the task changes its credentials, which `original` may do. This type holds a
/// reference, so its credentials stay valid and do not change.
pub struct CurrentCred(NonNull<bindings::cred>);

impl CurrentCred {
    /// Reads the credentials through the accessor of a view.
    ///
    /// # Safety
    ///
    /// `read` reads the member `cred` of `task_struct`.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn of<V: KernelStruct>(read: fn(&V) -> *const bindings::cred) -> Self {
        // SAFETY: the caller guarantees the member. Only the current task changes its `cred`, to which it holds a
        // reference.
        Self(unsafe { platform::running_credentials(read) })
    }
}

impl Deref for CurrentCred {
    type Target = Credential;

    #[inline]
    fn deref(&self) -> &Credential {
        // SAFETY: the wrapper is transparent, and `self` holds a reference.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for CurrentCred {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` holds this reference, and does not use it any more.
        unsafe { bindings::put_cred(self.0.as_ptr()) };
    }
}

/// Returns the credentials of the current task, as C's `current_cred()`: a [`CurrentCred`].
///
/// ```
/// use klp::cred::{current_cred, CredentialExt as _};
/// use klp::prelude::*;
///
/// fn is_owner(opener: &Credential) -> bool {
///     current_cred!().uid() == opener.uid()
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_current_cred {
    () => {{
        #[$crate::kernel_struct("task_struct")]
        struct Running {
            cred: *const $crate::bindings::cred,
        }
        // SAFETY: `Running::cred` reads that member.
        unsafe { $crate::cred::CurrentCred::of(Running::cred) }
    }};
}

#[doc(inline)]
pub use livepatch_current_cred as current_cred;

/// Accessors of [`Credential`] that the `kernel` crate lacks. [`Credential::euid`] is its own.
///
/// ```
/// use klp::cred::CredentialExt as _;
/// use klp::prelude::*;
///
/// fn is_set_uid(credential: &Credential) -> bool {
///     credential.uid() != credential.euid()
/// }
/// ```
pub trait CredentialExt: sealed::Sealed {
    /// Returns the real user.
    fn uid(&self) -> Kuid;
    /// Returns the real group.
    fn gid(&self) -> Kgid;
    /// Returns the effective group.
    fn egid(&self) -> Kgid;
    /// Returns the user namespace to which the capabilities are relative.
    fn user_ns(&self) -> &UserNamespace;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Credential {}
}

/// Returns the pointer to the C structure.
#[inline]
fn raw(credential: &Credential) -> *const bindings::cred {
    ptr::from_ref(credential).cast()
}

impl CredentialExt for Credential {
    #[inline]
    fn uid(&self) -> Kuid {
        // SAFETY: the wrapper is transparent. Credentials do not change once they are committed.
        Kuid::from_raw(unsafe { (*raw(self)).uid })
    }

    #[inline]
    fn gid(&self) -> Kgid {
        // SAFETY: the wrapper is transparent, and this field does not change.
        Kgid(unsafe { (*raw(self)).gid })
    }

    #[inline]
    fn egid(&self) -> Kgid {
        // SAFETY: the wrapper is transparent, and this field does not change.
        Kgid(unsafe { (*raw(self)).egid })
    }

    #[inline]
    fn user_ns(&self) -> &UserNamespace {
        // SAFETY: the wrapper is transparent, and this field does not change. It is never `NULL`, and the credentials
        // hold a reference.
        unsafe { &*(*raw(self)).user_ns.cast::<UserNamespace>() }
    }
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;
    use crate::platform::bindings::{cred, kgid_t, kuid_t, user_namespace};

    #[test]
    fn accessors_read_their_fields() {
        let mut namespace = user_namespace::new();
        let mut c = cred {
            uid: kuid_t { val: 1 },
            gid: kgid_t { val: 2 },
            euid: kuid_t { val: 3 },
            egid: kgid_t { val: 4 },
            user_ns: &raw mut namespace,
        };
        // SAFETY: the wrapper is transparent.
        let credential = unsafe { &*ptr::from_mut(&mut c).cast::<Credential>() };
        let user = |val| Kuid::from_raw(kuid_t { val });
        let group = |val| Kgid::from_raw(kgid_t { val });
        assert!(credential.uid() == user(1));
        assert!(credential.gid() == group(2));
        assert!(credential.euid() == user(3));
        assert!(credential.egid() == group(4));
        assert!(ptr::eq(credential.user_ns().0.get(), &raw mut namespace));
        assert!(!credential.user_ns().is_current());
        // On the host, the current user is root.
        assert!(current_euid() == user(0));
    }
}
