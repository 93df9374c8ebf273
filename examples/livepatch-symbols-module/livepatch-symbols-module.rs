// SPDX-License-Identifier: GPL-2.0-only

//! Uses static functions and data of a module, which need not be loaded yet.
//!
//! The livepatch core resolves the symbols when the module is loaded, and clears them when it is unloaded. The
//! patch has no other object, so none of its code runs in between, and its declarations can be `safe`.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[livepatch(
    description = "Livepatch example: functions and data of a module",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod meter {
    use super::*;

    #[klp::symbols(object = "klp_meter")]
    unsafe extern "C" {
        /// Returns millivolts.
        safe fn meter_read(sensor: u32) -> i32;

        /// The number of calls of `meter_read`, an `atomic_t`.
        safe static meter_readings: Atomic<u32>;
    }

    /// Shows `/proc/klp_meter` with the right unit, and the number of the reading.
    #[livepatch(object = "klp_meter", replaces = "meter_show")]
    fn show(m: &SeqFile, _v: *mut c_void) -> Result {
        let millivolts = meter_read(3);
        let number = meter_readings.load(Relaxed);
        seq_print!(m, "{millivolts} mV, reading {number}\n");
        Ok(())
    }
}
