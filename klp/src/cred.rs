// SPDX-License-Identifier: GPL-2.0-only

//! Credentials: users, groups and user namespaces of tasks and openers of files.
//!
//! ```
//! use klp::cred::{current_euid, CredentialExt as _, UserNamespace};
//! use klp::prelude::*;
//! use klp::{ns_capable, Capability};
//!
//! /// For administrators of the namespace, and for the opener of the object.
//! fn may_change(namespace: &UserNamespace, opener: &Credential) -> bool {
//!     opener.euid() == current_euid() || ns_capable(namespace, Capability::NET_ADMIN)
//! }
//!
//! /// Compares the opener's namespace, which its credentials hold.
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
/// A reference can be an argument of a replacement and a followed member of a view. Declare a view instead to read
/// members of the structure.
#[repr(transparent)]
pub struct UserNamespace(UnsafeCell<bindings::user_namespace>);

// SAFETY: transparent, and nothing makes a value of it.
unsafe impl KernelStruct for UserNamespace {
    const NAME: &'static str = "user_namespace";
}

impl UserNamespace {
    /// Whether this is the namespace of the current task, not an ancestor or descendant.
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
        // SAFETY: the pointer is compared, not followed.
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
/// C's `current_cred()` is valid until the task changes its credentials, which `original` may do. This one holds a
/// reference and does not change.
pub struct CurrentCred(NonNull<bindings::cred>);

impl CurrentCred {
    /// Reads them through the accessor of a view.
    ///
    /// # Safety
    ///
    /// `read` reads the member `cred` of `task_struct`.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn of<V: KernelStruct>(read: fn(&V) -> *const bindings::cred) -> Self {
        // SAFETY: the caller guarantees what is read of the task that runs, which changes it
        // itself, and has a reference.
        Self(unsafe { platform::running_credentials(read) })
    }
}

impl Deref for CurrentCred {
    type Target = Credential;

    #[inline]
    fn deref(&self) -> &Credential {
        // SAFETY: the wrapper is transparent, and this is a reference.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for CurrentCred {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is not used any more.
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
        // SAFETY: the accessor of that member.
        unsafe { $crate::cred::CurrentCred::of(Running::cred) }
    }};
}

#[doc(inline)]
pub use livepatch_current_cred as current_cred;

/// Fields of [`Credential`] that the `kernel` crate's type lacks. It has [`Credential::euid`] itself.
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
    /// The real user.
    fn uid(&self) -> Kuid;
    /// The real group.
    fn gid(&self) -> Kgid;
    /// The effective group.
    fn egid(&self) -> Kgid;
    /// The user namespace in which its capabilities count.
    fn user_ns(&self) -> &UserNamespace;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Credential {}
}

/// The C structure.
#[inline]
fn raw(credential: &Credential) -> *const bindings::cred {
    ptr::from_ref(credential).cast()
}

impl CredentialExt for Credential {
    #[inline]
    fn uid(&self) -> Kuid {
        // SAFETY: the wrapper is transparent. Credentials do not change once others can see them.
        Kuid::from_raw(unsafe { (*raw(self)).uid })
    }

    #[inline]
    fn gid(&self) -> Kgid {
        // SAFETY: as above.
        Kgid(unsafe { (*raw(self)).gid })
    }

    #[inline]
    fn egid(&self) -> Kgid {
        // SAFETY: as above.
        Kgid(unsafe { (*raw(self)).egid })
    }

    #[inline]
    fn user_ns(&self) -> &UserNamespace {
        // SAFETY: as above. It is never `NULL`, and the credentials hold a reference.
        unsafe { &*(*raw(self)).user_ns.cast::<UserNamespace>() }
    }
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;
    use crate::platform::bindings::{cred, kgid_t, kuid_t, user_namespace};

    #[test]
    fn each_field_is_its_own() {
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
        // Everybody is root here.
        assert!(current_euid() == user(0));
    }
}
