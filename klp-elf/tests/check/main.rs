// SPDX-License-Identifier: GPL-2.0-only

//! Checks livepatch modules made byte by byte, good and broken ones.

#![cfg(feature = "code")]

mod broken;
#[path = "../kernel/btf.rs"]
#[allow(dead_code)] // The tests of kernels need more of it.
mod btf;
#[path = "../kernel/files.rs"]
#[allow(dead_code)] // The tests of kernels need more of it.
mod files;
mod good;
#[cfg(feature = "link")]
mod hostile;
mod kernel;
mod patch;
mod tables;
