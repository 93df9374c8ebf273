// SPDX-License-Identifier: GPL-2.0-only

//! [`guard()`], which makes a guard from a pair of functions.

use core::marker::PhantomData;

/// Calls `enter`, and returns a guard that calls `leave` when it is dropped.
///
/// It is for locks with special functions:
///
/// ```
/// use klp::prelude::*;
/// use klp::sync;
///
/// #[kernel_struct("sock")]
/// struct Sock;
///
/// #[klp::symbols(object = "vmlinux")]
/// unsafe extern "C" {
///     safe fn lock_sock_nested(sk: &Sock, subclass: c_int);
///     safe fn release_sock(sk: &Sock);
/// }
///
/// fn with_lock_held(sk: &Sock) {
///     let _guard = sync::guard(sk, |sk| lock_sock_nested(sk, 0), |sk| release_sock(sk));
/// }
/// # fn main() {}
/// ```
#[inline(always)]
pub fn guard<'a, T: ?Sized, L: Fn(&'a T)>(
    on: &'a T,
    enter: impl FnOnce(&'a T),
    leave: L,
) -> Scope<'a, T, L> {
    enter(on);
    Scope {
        on,
        leave,
        task: PhantomData,
    }
}

/// The guard that [`guard()`] returns.
#[must_use = "the scope ends when this is dropped: keep it in a variable such as `_guard`"]
pub struct Scope<'a, T: ?Sized, L: Fn(&'a T)> {
    on: &'a T,
    leave: L,
    task: PhantomData<*mut ()>,
}

impl<'a, T: ?Sized, L: Fn(&'a T)> Drop for Scope<'a, T, L> {
    #[inline(always)]
    fn drop(&mut self) {
        (self.leave)(self.on);
    }
}

#[cfg(test)]
mod tests {
    use super::guard;
    use core::cell::Cell;

    #[test]
    fn dropping_the_guard_calls_leave_once() {
        let depth = Cell::new(0);
        let scope = guard(
            &depth,
            |depth| depth.set(depth.get() + 1),
            |depth| depth.set(depth.get() - 1),
        );
        assert_eq!(depth.get(), 1);
        drop(scope);
        assert_eq!(depth.get(), 0);
    }
}
