// SPDX-License-Identifier: GPL-2.0-only

//! The machine that runs this process: files, child processes, progress output, and what the user
//! consents to.

pub mod consent;
mod environment;
pub mod files;
pub mod paths;
pub mod process;
pub mod programs;
pub mod progress;
