// SPDX-License-Identifier: GPL-2.0-only

//! Reads kernels and kernel modules.
//!
//! A [`Kernel`] has the functions of vmlinux and its modules, whether each can be replaced, and its
//! prototype:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use klp_elf::{Kernel, Sources, VMLINUX};
//!
//! let sources = Sources { vmlinux: "vmlinux".into(), ..Sources::default() };
//! let kernel = Kernel::open(sources)?;
//! if let Some(object) = kernel.object(VMLINUX)? {
//!     let function = object.function("cmdline_proc_show");
//!     if let Some(prototype) = function.prototype {
//!         println!("{prototype}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A built [`Module`] has its modinfo, its undefined symbols, the functions that it replaces, and
//! the jumps by which code leaves a function without returning:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let data = std::fs::read("livepatch-sample.ko")?;
//! let module = klp_elf::Module::parse(&data)?;
//! for replacement in module.replacements()? {
//!     println!("{} -> {}", replacement.old_name, replacement.new_func);
//! #   #[cfg(feature = "code")]
//!     for exit in module.exits(&replacement.new_func) {
//!         println!("  leaves by `{exit}`");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`livepatch`] does the last step of building a patch that uses symbols which the kernel does not
//! export.

#![forbid(unsafe_code)]

#[cfg(feature = "code")]
mod accesses;
#[cfg(feature = "code")]
mod addresses;
// Each property is used by one of these features.
#[cfg_attr(not(all(feature = "code", feature = "link")), allow(dead_code))]
mod arch;
#[cfg(feature = "code")]
pub mod check;
mod compressed;
mod elf;
mod error;
#[cfg(feature = "code")]
mod exits;
mod file;
#[cfg(feature = "code")]
mod frames;
mod freed;
pub mod inlined;
mod kernel;
pub mod limits;
pub mod livepatch;
pub mod module;
mod noreturn;
mod prototype;
pub mod rust;
#[cfg(feature = "sign")]
pub mod sign;
mod structure;
mod stub;
mod text;
#[cfg(feature = "code")]
mod unfit;

#[cfg(feature = "code")]
pub use accesses::Accesses;
pub use arch::Machine;
pub use elf::Damage;
pub use error::Error;
#[cfg(feature = "code")]
pub use exits::Exit;
pub use file::{is_compressed, open_module, read_module};
#[cfg(feature = "code")]
pub use frames::{FRAME_MAX, Frame};
pub use freed::frees_its_argument;
pub use kernel::{
    Export, Function, Kernel, Match, Modules, Object, Others, Sources, VMLINUX, Variable,
};
pub use module::{Modinfo, Module};
pub use noreturn::never_returns;
pub use prototype::{Identity, Kind, Parameter, Pointee, Prototype, Type};
pub use structure::{Bits, Member, NoMember, Structure};
pub use stub::{Answer, Form, Stub, Wanted};
pub use text::{Identifier, Name, Shown, quoted};
#[cfg(feature = "code")]
pub use unfit::Unfit;
