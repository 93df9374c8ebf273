// SPDX-License-Identifier: GPL-2.0-only

//! The structures that a replacement's signature may name.

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
    /// C's `struct file`, of which the task that runs has the only reference or holds its position.
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

// SAFETY: the C functions that are called with them take any task.
unsafe impl Sync for Credential {}
// SAFETY: likewise.
unsafe impl Sync for File {}
// SAFETY: likewise.
unsafe impl Sync for Mm {}
// SAFETY: likewise.
unsafe impl Sync for PidNamespace {}
// SAFETY: likewise.
unsafe impl Sync for Task {}
// SAFETY: likewise.
unsafe impl<Ctx> Sync for Device<Ctx> {}

impl Deref for File {
    type Target = LocalFile;

    #[inline]
    fn deref(&self) -> &LocalFile {
        // SAFETY: both are transparent over the same structure, and a reference that any task may use may be used by
        // this one.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

macro_rules! as_ptr {
    ($($name:ident = $c:ident;)*) => {$(
        impl $name {
            /// C's structure.
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
    /// C's structure.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::mm_struct {
        self.0.get()
    }
}

impl LocalFile {
    /// The flags that it was opened with, as far as `fcntl()` has not changed them: C's `f_flags`.
    #[inline]
    pub fn flags(&self) -> u32 {
        // SAFETY: the file is there, as its wrapper is borrowed.
        unsafe { bindings::file_flags(self.as_ptr()) }
    }

    /// The credentials of who opened it.
    #[inline]
    pub fn cred(&self) -> &Credential {
        // SAFETY: a file has them as long as it is there. The wrapper is transparent.
        unsafe { &*bindings::file_cred(self.as_ptr()).cast() }
    }
}

impl Task {
    /// Its number, in the initial namespace.
    #[inline]
    pub fn pid(&self) -> c_int {
        // SAFETY: the task is there, as its wrapper is borrowed.
        unsafe { bindings::task_pid(self.as_ptr()) }
    }

    /// Its user.
    #[inline]
    pub fn uid(&self) -> Kuid {
        // SAFETY: likewise.
        Kuid::from_raw(unsafe { bindings::task_uid(self.as_ptr()) })
    }

    /// Its effective user.
    #[inline]
    pub fn euid(&self) -> Kuid {
        // SAFETY: likewise.
        Kuid::from_raw(unsafe { bindings::task_euid(self.as_ptr()) })
    }

    /// Whether a signal waits for it.
    #[inline]
    pub fn signal_pending(&self) -> bool {
        // SAFETY: likewise.
        unsafe { bindings::signal_pending(self.as_ptr()) != 0 }
    }
}

impl Credential {
    /// C's structure.
    #[inline]
    pub fn as_ptr(&self) -> *const bindings::cred {
        self.0.get()
    }

    /// The effective user.
    #[inline]
    pub fn euid(&self) -> Kuid {
        // SAFETY: credentials do not change once others can see them.
        Kuid::from_raw(unsafe { (*self.0.get()).euid })
    }
}

/// Writes to a file of that kind, as far as its buffer has room; the kernel tries again with a larger one.
struct Writer(*mut bindings::seq_file);

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the file is there, as its wrapper is borrowed, and the text has that length.
        unsafe { bindings::seq_write(self.0, text.as_ptr().cast(), text.len()) };
        Ok(())
    }
}

impl SeqFile {
    /// Used by [`seq_print!`](crate::prelude::seq_print).
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
