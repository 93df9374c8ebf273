// SPDX-License-Identifier: GPL-2.0-only

//! Uses static functions and data of a module, which need not be loaded yet.
//!
//! The livepatch core connects them when the module comes, and disconnects them when it goes. The
//! patch has to do with no other object, so nothing of it runs in between: its declarations can be `safe`.

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
        /// In millivolts.
        safe fn meter_read(sensor: u32) -> i32;

        /// How often that was called, an `atomic_t`.
        safe static meter_readings: Atomic<u32>;
    }

    /// Behind `/proc/klp_meter`: shows the right unit, and which reading it is.
    #[livepatch(object = "klp_meter", replaces = "meter_show")]
    fn show(m: &SeqFile, _v: *mut c_void) -> Result {
        let millivolts = meter_read(3);
        let number = meter_readings.load(Relaxed);
        seq_print!(m, "{millivolts} mV, reading {number}\n");
        Ok(())
    }
}
