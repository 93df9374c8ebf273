// SPDX-License-Identifier: GPL-2.0-only

//! Declares data of another size than in the symbol table.

use klp::prelude::*;
use klp::sync::Atomic;

#[klp::symbols(object = "klp_meter")]
unsafe extern "C" {
    static meter_readings: u64;
    safe fn meter_read(sensor: u64) -> i32;
}

#[klp::symbols(object = "klp_meter")]
unsafe extern "C" {
    #[link_name = "meter_reading"]
    safe static readings: Atomic<u32>;
}

#[livepatch(object = "klp_meter", replaces = "meter_show",
            description = "A patch that is wrong", license = "GPL")]
fn meter(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
