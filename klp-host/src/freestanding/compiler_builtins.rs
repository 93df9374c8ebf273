// SPDX-License-Identifier: GPL-2.0-only

//! The crate that every other links. The kernel has the memory functions itself, and kernel code
//! calculates with no floats: it is empty.

#![allow(internal_features)]
#![feature(compiler_builtins)]
#![compiler_builtins]
#![no_builtins]
#![no_std]
