// SPDX-License-Identifier: GPL-2.0-only

//! The lines of Debian's kernels: which series each is, and which suites carry it.

/// A line of Debian's kernels. Point releases come and go within it: any will do.
#[derive(Debug, Eq, PartialEq)]
pub struct Line {
    /// Its name on the command line and in folder names.
    pub name: &'static str,
    /// The kernel series: `6.12`.
    pub series: &'static str,
    /// Whether it is built with CONFIG_RUST.
    pub has_rust: bool,
    /// The suites to look in, in this order.
    pub(super) suites: &'static [&'static str],
}

/// The kernel of the testing suite, which has Rust inside. The small kernels are built from its source.
pub const STOCK: Line = Line {
    name: "stock",
    series: "7.2",
    has_rust: true,
    suites: &["forky", "trixie-backports", "sid"],
};

/// The kernel of Debian 12, without Rust.
pub const DEBIAN_12: Line = Line {
    name: "debian-12",
    series: "6.1",
    has_rust: false,
    suites: &["bookworm"],
};

/// The kernel of Debian 13, without Rust.
pub const DEBIAN_13: Line = Line {
    name: "debian-13",
    series: "6.12",
    has_rust: false,
    suites: &["trixie"],
};

/// All of them.
pub const LINES: [&Line; 3] = [&STOCK, &DEBIAN_13, &DEBIAN_12];

impl Line {
    /// The line of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LINES.into_iter().find(|line| line.name == name)
    }

    /// Whether a release of this name, `6.12.107+deb13-amd64`, is of this line: its series, and the plain
    /// kernel for 64-bit PCs, neither `...-cloud-amd64` nor `...-rt-amd64` nor `...-common`.
    pub(super) fn has(&self, release: &str) -> bool {
        let rest = release
            .strip_prefix(self.series)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix("-amd64"));
        rest.is_some_and(|rest| match rest.split_once('-') {
            None => true,
            // The number of the ABI, in the names of old: `6.1.0-47-amd64`.
            Some((_, abi)) => !abi.is_empty() && abi.bytes().all(|byte| byte.is_ascii_digit()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_belong_to_one_line_each() {
        for (release, name) in [
            ("7.2.12+deb14-amd64", Some("stock")),
            ("6.12.107+deb13-amd64", Some("debian-13")),
            ("6.1.0-47-amd64", Some("debian-12")),
            ("6.12.107+deb13-cloud-amd64", None),
            ("6.1.0-47-rt-amd64", None),
            ("6.1.0-47-common", None),
            ("6.1.0--amd64", None),
            ("6.13.1+deb13-amd64", None),
        ] {
            let lines: Vec<_> = LINES.into_iter().filter(|line| line.has(release)).collect();
            assert!(lines.len() <= 1, "{release}");
            assert_eq!(lines.first().map(|line| line.name), name, "{release}");
        }
    }

    #[test]
    fn lines_are_found_by_their_names() {
        assert_eq!(Line::named("debian-12"), Some(&DEBIAN_12));
        assert_eq!(Line::named("debian-99"), None);
    }
}
