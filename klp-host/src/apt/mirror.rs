// SPDX-License-Identifier: GPL-2.0-only

//! Chooses the mirror of Debian's archive.

use anyhow::{Context as _, Result, bail};

use crate::host::process;

/// What to do if Debian's packages are unavailable, for error messages.
pub(crate) const OTHERWISE: &str =
    "or give a kernel source tree: cargo xtask kernel build --core c --source TREE";

/// The environment variable for a mirror of Debian's archive.
pub(super) const VARIABLE: &str = "KLP_DEBIAN_MIRROR";

/// The environment variable for a mirror of the archive of security updates.
pub(super) const SECURITY_VARIABLE: &str = "KLP_DEBIAN_SECURITY_MIRROR";

/// The accepted URI schemes. apt's others run programs that the address names.
const SCHEMES: &[&str] = &[
    "copy",
    "file",
    "http",
    "https",
    "mirror+file",
    "mirror+http",
    "mirror+https",
    "tor+http",
    "tor+https",
];

/// Returns the user's mirror, or the system's.
pub(crate) fn choose() -> Result<String> {
    match std::env::var_os(VARIABLE) {
        Some(mirror) if !mirror.is_empty() => check(VARIABLE, &mirror.to_string_lossy()),
        _ => of_system(),
    }
}

/// Returns the mirror of security updates: the user's, else the system's, else the one next to `mirror`.
pub(super) fn choose_security(mirror: &str) -> Result<String> {
    match std::env::var_os(SECURITY_VARIABLE) {
        Some(security) if !security.is_empty() => {
            check(SECURITY_VARIABLE, &security.to_string_lossy())
        }
        // The user chose a mirror other than the system's.
        _ if std::env::var_os(VARIABLE).is_some() => Ok(security_of(mirror)),
        _ => Ok(of_targets(&targets()?, "Debian-Security").unwrap_or_else(|| security_of(mirror))),
    }
}

/// Returns the usual address of the archive of security updates on a mirror.
fn security_of(mirror: &str) -> String {
    format!("{}-security", mirror.trim_end_matches('/'))
}

/// Checks the value of this variable.
fn check(variable: &str, mirror: &str) -> Result<String> {
    if !is_plain(mirror) {
        bail!(
            "{variable} is {mirror:?}, which is not the address of a mirror: set it to one like \
             http://mirror.example.org/debian, without spaces or quotes"
        );
    }
    Ok(mirror.to_owned())
}

/// Whether it is an address without other fields: it is written into a file with fields.
fn is_plain(mirror: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._~:/@!&*+,=%".contains(c);
    mirror.split_once(":/").is_some_and(|(scheme, rest)| {
        SCHEMES.contains(&scheme) && rest.len() > 1 && rest.chars().all(is_safe)
    })
}

fn of_system() -> Result<String> {
    if let Some(mirror) = of_targets(&targets()?, "Debian") {
        return Ok(mirror);
    }
    // Without package lists (fresh containers), only the addresses that an update would fetch are known.
    let planned = process::output(process::command("apt-get").args(["update", "--print-uris"]))?;
    of_uris(&planned).with_context(|| {
        format!(
            "this system's package sources name no mirror of Debian's archive: \
             set {VARIABLE} to the address of one, {OTHERWISE}"
        )
    })
}

/// Returns the system's package sources: lines of address, origin and label.
fn targets() -> Result<String> {
    process::output(process::command("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(ORIGIN) $(LABEL)",
        "Created-By: Packages",
    ]))
}

/// Returns the mirror of Debian's archive with this label.
fn of_targets(text: &str, label: &str) -> Option<String> {
    let ending = format!(" Debian {label}");
    text.lines()
        .filter_map(|line| line.strip_suffix(ending.as_str()))
        .find(|mirror| is_plain(mirror))
        .map(str::to_owned)
}

/// Returns the mirror in lines of `'ADDRESS/dists/SUITE/...' ...`.
fn of_uris(text: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('\'')?.split_once("/dists/"))
        .map(|(mirror, _)| mirror)
        .filter(|mirror| is_plain(mirror))
        .find(|mirror| mirror.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_chosen_by_origin_and_label() {
        let text = "http://a.example/sec/ Debian Debian-Security\n\
                    cdrom:[Debian GNU/Linux]/ Debian Debian\n\
                    http://b.example/deb/ Debian Debian\n\
                    http://c.example/node/ Node Node\n";
        assert_eq!(
            of_targets(text, "Debian").as_deref(),
            Some("http://b.example/deb/")
        );
        assert_eq!(
            of_targets(text, "Debian-Security").as_deref(),
            Some("http://a.example/sec/")
        );
        assert_eq!(
            security_of("http://b.example/debian/"),
            "http://b.example/debian-security"
        );
        assert_eq!(of_targets("http://a.example/  \n", "Debian"), None);
    }

    #[test]
    fn without_lists_the_mirror_is_chosen_by_its_address() {
        let text = "'https://p.example/apt/dists/sdk/InRelease' x 0 \n\
                    'http://d.example/debian-security/dists/bookworm-security/InRelease' x 0 \n\
                    'http://d.example/debian/dists/bookworm/InRelease' x 0 \n";
        assert_eq!(of_uris(text).as_deref(), Some("http://d.example/debian"));
        assert_eq!(
            of_uris("'http://u.example/ubuntu/dists/noble/InRelease' x 0"),
            None
        );
    }

    #[test]
    fn valid_mirror_addresses_are_accepted() {
        for mirror in [
            "http://mirror.example.org/debian",
            "https://user:pass@mirror.example:8443/debian/",
            "file:/srv/debian",
            "file:///srv/debian",
            "mirror+file:/etc/apt/mirrors/debian.list",
            "tor+http://x.onion/debian",
        ] {
            assert_eq!(check(VARIABLE, mirror).unwrap(), mirror);
        }
    }

    #[test]
    fn invalid_mirror_addresses_are_refused() {
        for mirror in [
            "http://a.example/debian sid main",
            "http://a.example/debian\nTrusted: yes",
            "http://a.example/debian\tx",
            "[trusted=yes] http://a.example/debian",
            "http://a.example/\"; APT::x \"",
            "http://a.example/$(ARCH)",
            "ssh://-oProxyCommand=x/debian",
            "rsh://a.example/debian",
            "mirror.example.org",
            "/srv/debian",
            "http:/",
            "http://",
        ] {
            let text = check(VARIABLE, mirror).unwrap_err().to_string();
            assert!(text.contains(VARIABLE), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
