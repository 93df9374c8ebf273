// SPDX-License-Identifier: GPL-2.0-only

//! Kernels made byte by byte, and what is read from them.

mod btf;
mod damaged;
mod files;
mod functions;
mod modules;
mod prototypes;
mod structures;
mod stubs;
