// SPDX-License-Identifier: GPL-2.0-only

//! Links references to livepatch symbols in modules made byte by byte.

#![cfg(feature = "link")]

mod fixture;
mod linked;
mod read_back;
mod readelf;
mod refused;
mod renamed;
