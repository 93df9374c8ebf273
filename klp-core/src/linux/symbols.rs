// SPDX-License-Identifier: GPL-2.0-only

//! Looking up symbols in kallsyms.

use super::{bindings, data, Kernel};
use crate::platform::Symbols;
use ::kernel::ffi::{c_char, c_int, c_ulong, c_void};
use core::ffi::CStr;
use core::ops::ControlFlow;

/// Converts to the result of a callback of kallsyms' iterators.
fn walk(flow: ControlFlow<()>) -> c_int {
    c_int::from(flow.is_break())
}

impl Symbols for Kernel {
    fn in_vmlinux<F>(&self, name: &CStr, mut each: F)
    where
        F: FnMut(usize) -> ControlFlow<()>,
    {
        unsafe extern "C" fn found<F>(data: *mut c_void, address: c_ulong) -> c_int
        where
            F: FnMut(usize) -> ControlFlow<()>,
        {
            // SAFETY: `in_vmlinux` passes its closure, and waits for the iteration's end.
            let each = unsafe { &mut *data.cast::<F>() };
            walk(each(address))
        }
        // SAFETY: name and closure outlive the iteration.
        unsafe {
            bindings::kallsyms_on_each_match_symbol(
                Some(found::<F>),
                name.as_ptr().cast(),
                data(&mut each),
            );
        }
    }

    fn in_module<F>(&self, module: &CStr, mut each: F)
    where
        F: FnMut(&CStr, usize) -> ControlFlow<()>,
    {
        unsafe extern "C" fn found<F>(
            data: *mut c_void,
            name: *const c_char,
            address: c_ulong,
        ) -> c_int
        where
            F: FnMut(&CStr, usize) -> ControlFlow<()>,
        {
            // SAFETY: `in_module` passes its closure, and waits for the iteration's end.
            let each = unsafe { &mut *data.cast::<F>() };
            // SAFETY: kallsyms passes a C string.
            walk(each(unsafe { CStr::from_ptr(name.cast()) }, address))
        }
        // SAFETY: name and closure outlive the iteration.
        unsafe {
            bindings::module_kallsyms_on_each_symbol(
                module.as_ptr().cast(),
                Some(found::<F>),
                data(&mut each),
            );
        }
    }

    fn size(&self, address: usize) -> Option<usize> {
        let (mut size, mut offset) = (0, 0);
        // SAFETY: it writes to the two variables only.
        let found =
            unsafe { bindings::kallsyms_lookup_size_offset(address, &mut size, &mut offset) };
        (found != 0).then_some(size)
    }
}
