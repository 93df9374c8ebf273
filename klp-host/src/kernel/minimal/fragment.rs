// SPDX-License-Identifier: GPL-2.0-only

//! The configuration fragment of the small kernel, by architecture, profile and kernel series.

use crate::arch::Arch;
use crate::kconfig::Config;
use crate::kernel::kind::Profile;

const BASE: &str = include_str!("../config/base.config");
const DEBUG: &str = include_str!("../config/debug.config");
const FAULTS: &str = include_str!("../config/faults.config");

/// The architecture and profile of a small kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) arch: Arch,
    pub(super) profile: Profile,
}

impl Form {
    /// Returns its part of names: `base`, `base-arm64`.
    pub(super) fn name(self) -> String {
        format!("{}{}", self.profile.name(), self.arch.suffix())
    }

    /// Returns the options that the profile adds.
    pub(super) fn additions(self) -> &'static str {
        match self.profile {
            Profile::Base => "",
            Profile::Debug => DEBUG,
            Profile::Faults => FAULTS,
            Profile::Debian => self.arch.facts().config.debian.unwrap_or_default(),
        }
    }
}

/// Returns the options of all profiles.
pub(super) fn base(arch: Arch) -> String {
    let config = &arch.facts().config;
    BASE.replace("%machine\n", config.machine)
        .replace("%console\n", config.console)
        .replace("%stacks\n", config.stacks)
}

/// Renamed options: the first series with the new name, the old and the new name.
const RENAMED: [((u32, u32), &str, &str); 1] = [((7, 3), "CONFIG_PROC_SYSCTL=", "CONFIG_SYSCTL=")];

/// Renames options to their names in this version.
pub(super) fn renamed(fragment: String, version: &str) -> String {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return fragment;
    };
    let newer = RENAMED
        .iter()
        .filter(|(since, ..)| *since <= (major, minor));
    newer.fold(fragment, |text, (_, old, new)| text.replace(old, new))
}

/// Removes the options that `overriding` sets, and the alternatives that it rules out.
pub(super) fn without(fragment: &str, overriding: &Config) -> String {
    let is_dropped = |line: &&str| {
        let option = line.strip_prefix("CONFIG_")?.split_once('=')?.0;
        let is_ruled_out = option == "NO_HZ_IDLE" && overriding.get("NO_HZ_FULL") == "y";
        Some(is_ruled_out || overriding.get(option) != "n")
    };
    fragment
        .split_inclusive('\n')
        .filter(|line| is_dropped(line) != Some(true))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_renamed_by_series() {
        let of = |version| renamed("CONFIG_PROC_SYSCTL=y\n".to_owned(), version);
        assert_eq!(of("7.2.12-1"), "CONFIG_PROC_SYSCTL=y\n");
        assert_eq!(of("7.3.4-1~bpo13+1"), "CONFIG_SYSCTL=y\n");
        assert_eq!(of("8.0-rc1"), "CONFIG_SYSCTL=y\n");
    }

    #[test]
    fn a_profile_removes_alternatives_of_its_choices() {
        let base = base(Arch::X86);
        let debug = without(&base, &Config::parse(DEBUG));
        assert!(base.contains("CONFIG_NO_HZ_IDLE=y") && !debug.contains("CONFIG_NO_HZ_IDLE"));
        assert_eq!(
            without(&base, &Config::parse("CONFIG_UNRELATED=y\n")),
            base,
            "the key of the base kernel must not change"
        );
    }
}
