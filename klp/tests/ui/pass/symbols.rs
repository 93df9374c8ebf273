// SPDX-License-Identifier: GPL-2.0-only

//! Functions and data of the kernel: every position of a block, and every form of declaration.
#![deny(warnings)]

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

/// A view of a structure.
#[kernel_struct("klp_view")]
pub struct View {
    number: u32,
}

// At the crate's root.
#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// A function.
    pub safe fn by_reference(m: &SeqFile, view: Option<&View>, _: *mut c_void) -> i32;
    safe fn r#type() -> &'static View;
    #[allow(dead_code)]
    safe fn is_allowed(capability: klp::Capability) -> bool;
    #[allow(dead_code)]
    safe fn many(format: *const c_char, ...) -> c_int;
    #[allow(dead_code)]
    fn unsafe_by_default();
    #[allow(dead_code)]
    unsafe fn explicitly_unsafe(_: u8) -> bool;
    safe static COUNT: Atomic<u32>;
    safe static VIEW: Atomic<*mut View>;
    #[sympos = 2]
    #[link_name = "table.0"]
    safe static TABLE: [u32; 4];
    #[allow(dead_code)]
    static mut CHANGES: *mut c_void;
    #[allow(dead_code)]
    static OF_C: u64;
}

mod other {
    #[klp::symbols(object = "ext4",)]
    unsafe extern "C" {
        #[sympos = 1]
        #[link_name = "show"]
        pub(crate) safe fn first();
        #[sympos = 2]
        #[link_name = "show"]
        pub(crate) safe fn second();
    }
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[klp::symbols(object = "ext4")]
    unsafe extern "C" {
        safe fn inside(count: usize) -> usize;
    }

    #[livepatch(object = "ext4", replaces = "f")]
    fn f(m: &SeqFile, view: &View) -> usize {
        other::first();
        other::second();
        COUNT.fetch_add(TABLE[0] + r#type().number(), Relaxed);
        VIEW.load(Relaxed);
        by_reference(m, Some(view), core::ptr::null_mut());
        let inside: extern "C" fn(usize) -> usize = inside;
        inside(1)
    }
}

fn main() {}
