// SPDX-License-Identifier: GPL-2.0-only

//! The lines of Debian's kernels: which series each is, which suites carry it, and its flavours.

use crate::arch::Arch;

/// A line of Debian's kernels, with its point releases.
#[derive(Debug, Eq, Hash, PartialEq)]
pub struct Line {
    /// Its name on the command line and in folder names.
    pub name: &'static str,
    /// Other names for it on the command line.
    pub aliases: &'static [&'static str],
    /// The kernel series: `6.12`.
    pub series: &'static str,
    /// Whether it is built with CONFIG_RUST.
    pub has_rust: bool,
    /// A limitation of its livepatch core compared with later series.
    pub lacks: Option<&'static str>,
    /// Whether PREEMPT_RT is a patch that the source package lacks and the headers contain.
    pub(super) has_rt_patch: bool,
    /// The groups of suites to search, in order. The newest release of the first group that has one is used.
    pub(super) suites: &'static [&'static [&'static str]],
}

/// The kernel of the testing suite, with CONFIG_RUST. The small kernels are built from its source.
pub const STOCK: Line = Line {
    name: "stock",
    aliases: &["forky"],
    series: "7.2",
    has_rust: true,
    lacks: None,
    has_rt_patch: false,
    suites: &[&["forky"], &["trixie-backports"], &["sid"]],
};

/// The kernel of Debian 12, without Rust.
pub const DEBIAN_12: Line = Line {
    name: "debian-12",
    aliases: &["bookworm"],
    series: "6.1",
    has_rust: false,
    lacks: Some("a module that a patch refers to can be loaded only once while the patch is there"),
    has_rt_patch: true,
    suites: &[&["bookworm-security", "bookworm"]],
};

/// The kernel of Debian 13, without Rust.
pub const DEBIAN_13: Line = Line {
    name: "debian-13",
    aliases: &["trixie"],
    series: "6.12",
    has_rust: false,
    lacks: None,
    has_rt_patch: true,
    suites: &[&["trixie-security", "trixie"]],
};

/// The kernel of the unstable suite, which may be that of the testing suite.
pub const SID: Line = Line {
    name: "debian-sid",
    aliases: &["sid"],
    series: "7.2",
    has_rust: true,
    lacks: None,
    has_rt_patch: false,
    suites: &[&["sid"]],
};

/// The next series, in the experimental suite.
pub const EXPERIMENTAL: Line = Line {
    name: "debian-experimental",
    aliases: &["experimental"],
    series: "7.3",
    has_rust: true,
    lacks: None,
    has_rt_patch: false,
    suites: &[&["experimental", "trixie-backports"]],
};

/// All of them.
pub const LINES: [&Line; 5] = [&STOCK, &DEBIAN_13, &DEBIAN_12, &SID, &EXPERIMENTAL];

/// A configuration of a line's kernels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Flavour {
    /// For 64-bit PCs.
    Plain,
    /// With drivers for virtual machines only.
    Cloud,
    /// With PREEMPT_RT: most spinlocks sleep.
    Rt,
}

impl Flavour {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Cloud, Self::Rt];

    /// Returns its name in arguments and folder names; the default flavour has none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Cloud => Some("cloud"),
            Self::Rt => Some("rt"),
        }
    }
}

impl Line {
    /// Returns the suites whose newest release is used, unless they have none.
    pub fn main_suites(&self) -> &'static [&'static str] {
        self.suites.first().copied().unwrap_or_default()
    }

    /// Returns the line of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        let is_it = |line: &&Self| line.name == name || line.aliases.contains(&name);
        LINES.into_iter().find(is_it)
    }

    /// Whether this suite has it.
    pub(super) fn is_in(&self, suite: &str) -> bool {
        self.suites.iter().any(|group| group.contains(&suite))
    }

    /// Returns the flavour of a release, such as `6.12.107+deb13-rt-amd64`, if it belongs to this line's series and
    /// is for 64-bit PCs.
    pub(super) fn flavour_of(&self, release: &str) -> Option<Flavour> {
        let rest = release.strip_suffix(Arch::DEBIANS.facts().debian)?;
        let rest = rest.strip_suffix('-')?;
        let named = |flavour: &Flavour| {
            let rest = rest.strip_suffix(flavour.name()?)?;
            Some((rest.strip_suffix('-')?, *flavour))
        };
        let (rest, flavour) = Flavour::ALL
            .iter()
            .find_map(named)
            .unwrap_or((rest, Flavour::Plain));
        let rest = rest.strip_prefix(self.series)?;
        let is_of_line = match rest.strip_prefix('.')?.split_once('-') {
            None => true,
            // The ABI number in older names: `6.1.0-47-amd64`.
            Some((_, abi)) => !abi.is_empty() && abi.bytes().all(|byte| byte.is_ascii_digit()),
        };
        is_of_line.then_some(flavour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_belong_to_lines_of_their_series() {
        for (release, lines, flavour) in [
            (
                "7.2.12+deb14-amd64",
                &["stock", "debian-sid"][..],
                Flavour::Plain,
            ),
            ("6.12.107+deb13-amd64", &["debian-13"], Flavour::Plain),
            ("6.12.115+deb13.1-rt-amd64", &["debian-13"], Flavour::Rt),
            ("6.1.0-47-amd64", &["debian-12"], Flavour::Plain),
            ("6.12.107+deb13-cloud-amd64", &["debian-13"], Flavour::Cloud),
            ("6.1.0-47-rt-amd64", &["debian-12"], Flavour::Rt),
            (
                "7.3.4+deb13-amd64",
                &["debian-experimental"],
                Flavour::Plain,
            ),
            ("6.1.0-47-common", &[], Flavour::Plain),
            ("6.1.0--amd64", &[], Flavour::Plain),
            ("6.1.0-47-rt-cloud-amd64", &[], Flavour::Plain),
            ("6.13.1+deb13-amd64", &[], Flavour::Plain),
            // The name of a metapackage.
            ("6.12-amd64", &[], Flavour::Plain),
        ] {
            let of = LINES.map(|line| line.flavour_of(release).map(|found| (line.name, found)));
            let of: Vec<_> = of.into_iter().flatten().collect();
            let wanted: Vec<_> = lines.iter().map(|line| (*line, flavour)).collect();
            assert_eq!(of, wanted, "{release}");
        }
    }

    #[test]
    fn lines_are_found_by_their_names() {
        assert_eq!(Line::named("debian-12"), Some(&DEBIAN_12));
        assert_eq!(Line::named("forky"), Some(&STOCK));
        assert_eq!(Line::named("debian-99"), None);
    }

    #[test]
    fn names_and_aliases_are_unique() {
        let names: Vec<_> = LINES
            .into_iter()
            .flat_map(|line| line.aliases.iter().copied().chain([line.name]))
            .collect();
        for name in &names {
            assert_eq!(names.iter().filter(|it| *it == name).count(), 1, "{name}");
        }
    }
}
