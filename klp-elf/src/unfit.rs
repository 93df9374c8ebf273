// SPDX-License-Identifier: GPL-2.0-only

//! What only a finished patch shows: why it must not be loaded, although it compiled.

use crate::frames::{FRAME_MAX, Frame};
use crate::limits::CODE_MAX;
use crate::module::{Module, demangled};
use crate::text::Name;
use crate::{Error, elf::Symbols};
use object::LittleEndian as LE;
use object::elf::SHN_UNDEF;

/// Functions of the kernel that keep a function of their caller's and call it later, sorted: those that
/// safe code of the kernel's crate reaches, and the ones that go with them.
const LATER: &[&[u8]] = &[
    b"__auxiliary_driver_register",
    b"__devm_add_action",
    b"__pci_register_driver",
    b"__platform_driver_register",
    b"add_timer",
    b"call_rcu",
    b"call_srcu",
    b"configfs_register_subsystem",
    b"cpufreq_register_driver",
    b"debugfs_create_file_full",
    b"device_add_disk",
    b"drm_dev_register",
    b"hrtimer_start_range_ns",
    b"i2c_register_driver",
    b"irq_work_queue",
    b"kthread_create_on_node",
    b"misc_register",
    b"mod_delayed_work_on",
    b"mod_timer",
    b"phy_drivers_register",
    b"queue_delayed_work_on",
    b"queue_rcu_work",
    b"queue_work_node",
    b"queue_work_on",
    b"request_threaded_irq",
    b"rust_helper_request_irq",
    b"task_work_add",
    b"timer_reduce",
    b"usb_register_driver",
];

/// Parts of the kernel's crate whose functions do so.
const LATER_IN_RUST: &[&str] = &[
    "kernel::configfs::",
    "kernel::debugfs::",
    "kernel::faux::",
    "kernel::irq::request::",
];

/// The entry of modinfo that `unsafe` in a patch's `#[livepatch(..)]` makes.
const VOUCHED: (&[u8], &[u8]) = (b"klp_unsafe", b"Y");

/// Why a patch must not be loaded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A function may reach over the end of the stack.
    #[error(
        "`{function}` takes {frame} of the stack, and the kernel allows {FRAME_MAX}, because a stack has \
         16 KiB for all callers together: keep large values in a `KBox`"
    )]
    Frame {
        /// The function.
        function: Name,
        /// What it takes.
        frame: Frame,
    },
    /// Code of it may run when it is gone.
    #[error(
        "it uses `{0}`, so its code may run at any later time, and nobody waits for that before the patch \
         is unloaded: do it in the replacement itself; or write `unsafe` in the patch's \
         `#[livepatch(..)]`, by which you answer for it, also when a newer patch replaces this one"
    )]
    Outlives(Name),
}

impl Module<'_> {
    /// Why this patch, which `#[livepatch]` made, must not be loaded.
    ///
    /// # Errors
    ///
    /// When its modinfo or its code is larger than any patch's.
    pub fn unfit(&self) -> Result<Vec<Unfit>, Error> {
        let mut found: Vec<Unfit> = self.large_frames()?.collect();
        let is_vouched = self.raw_modinfo()?.any(|entry| entry == VOUCHED);
        found.extend(self.outlives().filter(|_| !is_vouched).map(Unfit::Outlives));
        Ok(found)
    }

    fn large_frames(&self) -> Result<impl Iterator<Item = Unfit>, Error> {
        let sizes = self.functions().map(|function| function.size);
        let size = sizes.fold(0, u64::saturating_add);
        if size > CODE_MAX {
            return Err(Error::Limit {
                what: "its code",
                limit: crate::limits::Limit::Bytes(CODE_MAX),
            });
        }
        Ok(self.functions().filter_map(|function| {
            let frame = self.frame(&function);
            frame.exceeds(FRAME_MAX).then(|| Unfit::Frame {
                function: demangled(function.symbol.as_bytes()),
                frame,
            })
        }))
    }

    /// What it uses of the kernel to have its code called later.
    pub(crate) fn outlives(&self) -> impl Iterator<Item = Name> {
        let symbols: Symbols<'_> = self.elf.symbols;
        let undefined = symbols
            .all
            .iter()
            .filter(|symbol| symbol.st_shndx.get(LE) == SHN_UNDEF);
        undefined.filter_map(move |symbol| {
            let name = symbols.name(symbol);
            let shown = demangled(name);
            let is_later = LATER.binary_search(&name).is_ok()
                || LATER_IN_RUST.iter().any(|part| shown.contains(part));
            is_later.then_some(shown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LATER;

    #[test]
    fn names_are_sorted() {
        assert!(LATER.is_sorted());
    }
}
