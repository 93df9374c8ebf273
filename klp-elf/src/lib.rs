// SPDX-License-Identifier: GPL-2.0-only

//! Reads kernel modules: what they say of themselves, what they ask of the kernel, which functions
//! a livepatch replaces by which, and where code leaves a function other than by returning.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let data = std::fs::read("livepatch-sample.ko")?;
//! let module = klp_elf::Module::parse(&data)?;
//! for replacement in module.replacements()? {
//!     println!("{} -> {}", replacement.old_name, replacement.new_func);
//!     for exit in module.exits(&replacement.new_func)? {
//!         println!("  leaves by `{exit}`");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod exits;
mod module;

pub use error::Error;
pub use exits::Exit;
pub use module::{Function, Module, Replacement};
