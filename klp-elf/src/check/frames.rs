// SPDX-License-Identifier: GPL-2.0-only

//! Checks the stack frames of all functions.

use super::{Place, Problem, Report};
use crate::Module;
use crate::frames::{FRAME_MAX, GUARD};
use crate::limits::CODE_MAX;
use crate::module::demangled;

/// Checks all functions of a module.
pub(super) fn check(module: &Module<'_>, report: &mut Report) {
    let mut left = CODE_MAX;
    for function in module.functions() {
        let Some(rest) = left.checked_sub(function.size) else {
            report.add(Place::Module, Problem::TooMuchCode);
            break;
        };
        left = rest;
        let frame = module.frame(&function);
        if frame.exceeds(FRAME_MAX) {
            let place = || Place::Function(demangled(function.symbol.as_bytes()));
            let problem = match frame.exceeds(GUARD) {
                true => Problem::FrameOverGuard(frame),
                false => Problem::LargeFrame(frame),
            };
            report.add_at(place, problem);
        }
    }
}
