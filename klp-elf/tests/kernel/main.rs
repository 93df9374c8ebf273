// SPDX-License-Identifier: GPL-2.0-only

//! Reads kernels made byte by byte.

#[allow(dead_code)] // Other tests need more of it.
mod btf;
mod compressed;
mod damaged;
mod files;
mod functions;
mod hostile;
mod modules;
mod opened;
mod packed;
mod prototypes;
mod structures;
mod stubs;
