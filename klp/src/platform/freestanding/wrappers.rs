// SPDX-License-Identifier: GPL-2.0-only

//! Wrappers of the kernel's structures that a replacement's signature can use.

use super::{bindings, Kuid};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::fmt;
use core::marker::{PhantomData, PhantomPinned};
use core::ops::Deref;

macro_rules! wrappers {
    ($($(#[$meta:meta])* $name:ident = $c:ident;)*) => {$(
        $(#[$meta])*
        #[repr(transparent)]
        pub struct $name(UnsafeCell<bindings::$c>, PhantomPinned);
    )*};
}

wrappers! {
    /// C's `struct cred`.
    Credential = cred;
    /// C's `struct file`.
    File = file;
    /// C's `struct file`, to which only the current task has a reference, or whose position it has locked.
    LocalFile = file;
    /// C's `struct mm_struct`.
    Mm = mm_struct;
    /// C's `struct pid_namespace`.
    PidNamespace = pid_namespace;
    /// C's `struct seq_file`.
    SeqFile = seq_file;
    /// C's `struct task_struct`.
    Task = task_struct;
}

/// C's `struct device`, in the state `Ctx`.
#[repr(transparent)]
pub struct Device<Ctx = ()>(
    UnsafeCell<bindings::device>,
    PhantomData<Ctx>,
    PhantomPinned,
);

// SAFETY: the C functions that the methods call can be called from any task.
unsafe impl Sync for Credential {}
// SAFETY: as for `Credential`.
unsafe impl Sync for File {}
// SAFETY: as for `Credential`.
unsafe impl Sync for Mm {}
// SAFETY: as for `Credential`.
unsafe impl Sync for PidNamespace {}
// SAFETY: as for `Credential`.
unsafe impl Sync for Task {}
// SAFETY: as for `Credential`.
unsafe impl<Ctx> Sync for Device<Ctx> {}

impl Deref for File {
    type Target = LocalFile;

    #[inline]
    fn deref(&self) -> &LocalFile {
        // SAFETY: both are transparent over the same structure, and a reference that any task may use may be used by
        // the current one.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

macro_rules! as_ptr {
    ($($name:ident = $c:ident;)*) => {$(
        impl $name {
            /// Returns the pointer to the C structure.
            #[inline]
            pub fn as_ptr(&self) -> *mut bindings::$c {
                self.0.get()
            }
        }
    )*};
}

as_ptr! {
    LocalFile = file;
    PidNamespace = pid_namespace;
    Task = task_struct;
}

impl Mm {
    /// Returns the pointer to the C structure.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::mm_struct {
        self.0.get()
    }
}

impl LocalFile {
    /// Returns the flags from opening the file, or from a later `fcntl()`: C's `f_flags`.
    #[inline]
    pub fn flags(&self) -> u32 {
        // SAFETY: the file lives while its wrapper is borrowed.
        unsafe { bindings::file_flags(self.as_ptr()) }
    }

    /// Returns the credentials of the file's opener.
    #[inline]
    pub fn cred(&self) -> &Credential {
        // SAFETY: a file holds a reference to its credentials. The wrapper is transparent.
        unsafe { &*bindings::file_cred(self.as_ptr()).cast() }
    }
}

impl Task {
    /// Returns the task's ID in the initial PID namespace.
    #[inline]
    pub fn pid(&self) -> c_int {
        // SAFETY: the task lives while its wrapper is borrowed.
        unsafe { bindings::task_pid(self.as_ptr()) }
    }

    /// Returns the task's real user.
    #[inline]
    pub fn uid(&self) -> Kuid {
        // SAFETY: the task lives while its wrapper is borrowed.
        Kuid::from_raw(unsafe { bindings::task_uid(self.as_ptr()) })
    }

    /// Returns the task's effective user.
    #[inline]
    pub fn euid(&self) -> Kuid {
        // SAFETY: the task lives while its wrapper is borrowed.
        Kuid::from_raw(unsafe { bindings::task_euid(self.as_ptr()) })
    }

    /// Returns whether the task has a pending signal.
    #[inline]
    pub fn signal_pending(&self) -> bool {
        // SAFETY: the task lives while its wrapper is borrowed.
        unsafe { bindings::signal_pending(self.as_ptr()) != 0 }
    }
}

impl Credential {
    /// Returns the pointer to the C structure.
    #[inline]
    pub fn as_ptr(&self) -> *const bindings::cred {
        self.0.get()
    }

    /// Returns the effective user.
    #[inline]
    pub fn euid(&self) -> Kuid {
        // SAFETY: credentials do not change once they are committed.
        Kuid::from_raw(unsafe { (*self.0.get()).euid })
    }
}

/// A formatter for `struct seq_file`. If the buffer is too small, the kernel retries with a larger one.
struct Writer(*mut bindings::seq_file);

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the file lives while its wrapper is borrowed, and the text has that length.
        unsafe { bindings::seq_write(self.0, text.as_ptr().cast(), text.len()) };
        Ok(())
    }
}

impl SeqFile {
    /// Prints formatted text, for [`seq_print!`](crate::prelude::seq_print).
    #[doc(hidden)]
    pub fn call_printf(&self, args: fmt::Arguments<'_>) {
        let _ = fmt::write(&mut Writer(self.0.get()), args);
    }
}

/// Writes to a [`SeqFile`](crate::prelude::SeqFile).
#[doc(hidden)]
#[macro_export]
macro_rules! seq_print {
    ($m:expr, $($arg:tt)+) => { $m.call_printf(::core::format_args!($($arg)+)) };
}
