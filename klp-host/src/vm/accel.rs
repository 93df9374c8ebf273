// SPDX-License-Identifier: GPL-2.0-only

//! QEMU's accelerators.

/// The first QEMU whose multi-threaded emulation supports self-modifying code.
pub(super) const THREADS_FROM: u32 = 10;

/// How QEMU runs the guest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Accel {
    /// KVM.
    Kvm,
    /// Emulated, a thread per CPU of the guest.
    TcgMulti,
    /// Emulated, all CPUs of the guest on one thread.
    TcgSingle,
    /// Emulated, with virtual time that counts instructions.
    Icount,
}

impl Accel {
    /// Returns its arguments for QEMU.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm"],
            Self::TcgMulti => &["-accel", "tcg,thread=multi"],
            Self::TcgSingle => &["-accel", "tcg,thread=single"],
            // A fixed seed and clock, so that runs are reproducible to the instruction.
            Self::Icount => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-rtc",
                "base=2026-01-01,clock=vm",
                "-seed",
                "1",
            ],
        }
    }

    /// Returns the guest's CPU model: the host's, or `emulated`.
    pub(super) fn cpu(self, emulated: &'static str) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::TcgMulti | Self::TcgSingle | Self::Icount => emulated,
        }
    }

    /// Whether the guest's instructions are emulated.
    pub(super) fn emulates(self) -> bool {
        self != Self::Kvm
    }

    /// For messages.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::TcgMulti => "emulated",
            Self::TcgSingle => "emulated on one thread",
            Self::Icount => "emulated, counting instructions",
        }
    }
}

/// Returns the emulation mode for a version of QEMU. With several threads, versions before [`THREADS_FROM`] break kernels
/// that modify their own code, as live patching does.
pub(super) fn emulation(major: u32) -> Accel {
    if major >= THREADS_FROM {
        Accel::TcgMulti
    } else {
        Accel::TcgSingle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_only_where_they_are_safe() {
        assert_eq!(emulation(7), Accel::TcgSingle);
        assert_eq!(emulation(9), Accel::TcgSingle);
        assert_eq!(emulation(10), Accel::TcgMulti);
        assert_eq!(emulation(11), Accel::TcgMulti);
    }
}
