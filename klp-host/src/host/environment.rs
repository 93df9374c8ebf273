// SPDX-License-Identifier: GPL-2.0-only

//! The environment of child processes, by an allow-list. Compilers,
//! make, cargo and shells read hundreds of variables, and those set by a surrounding `cargo` or
//! `make` would change builds.

use std::ffi::{OsStr, OsString};

/// Variables for all programs.
const COMMON: &[&str] = &[
    "HOME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];

/// Network settings: proxies and certificates.
const NETWORK: &[&str] = &[
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "FTP_PROXY",
    "GIT_SSL_CAINFO",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NIX_SSL_CERT_FILE",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Locations of tools and network settings, not options of tools.
const TOOLS: &[&str] = &[
    "CARGO_HOME",
    "LIBCLANG_PATH",
    "PKG_CONFIG_PATH",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_ROOT",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_DOWNLOAD_TIMEOUT",
    "RUSTUP_HOME",
    "RUSTUP_IO_THREADS",
    "RUSTUP_MAX_RETRIES",
    "RUSTUP_UNPACK_RAM",
    "RUSTUP_UPDATE_ROOT",
    "RUSTUP_USE_CURL",
    "RUSTUP_USE_RUSTLS",
    "RUST_BACKTRACE",
    "SOURCE_DATE_EPOCH",
    // For tests of this project.
    "UPDATE_EXPECT",
];

/// Prefixes: cargo's registries and mirrors, and klp's own variables.
const TOOLS_PREFIXES: &[&str] = &[
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "KLP_",
];

/// klp's variables for users who call make directly; not inherited.
const FOR_MAKE: &[&str] = &["KLP_CARGO_FLAGS", "KLP_NOTED", "KLP_PATCHES", "KLP_TESTS"];

/// Returns the environment of host tools.
pub(super) fn for_tools() -> Vec<(OsString, OsString)> {
    inherited(is_for_tools)
}

/// Returns the environment of programs that a guest may take over: without identity or secrets.
pub(super) fn for_guests() -> Vec<(OsString, OsString)> {
    inherited(|name| ["LD_LIBRARY_PATH", "PATH"].contains(&name))
}

fn is_for_tools(name: &str) -> bool {
    let lists = [COMMON, NETWORK, TOOLS];
    let mut prefixes = TOOLS_PREFIXES.iter();
    lists.iter().any(|list| list.contains(&name))
        || prefixes.any(|prefix| name.starts_with(prefix)) && !FOR_MAKE.contains(&name)
}

/// Returns the listed variables of this process. Messages are in English, because some are parsed.
fn inherited(is_listed: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    let mut variables = vec![("LC_ALL".into(), "C.UTF-8".into())];
    for (name, value) in std::env::vars_os() {
        let value = match name.to_str() {
            Some("LD_LIBRARY_PATH") => without_cargo_paths(&value),
            Some(name) if is_listed(name) => Some(value),
            _ => None,
        };
        variables.extend(value.map(|value| (name, value)));
    }
    variables
}

/// Removes what `cargo run` adds to a library search path: its target folder and toolchain.
fn without_cargo_paths(value: &OsStr) -> Option<OsString> {
    let target = std::env::current_exe().ok()?.parent()?.to_path_buf();
    let toolchain = std::env::var_os("RUSTUP_TOOLCHAIN").unwrap_or_default();
    let paths: Vec<_> = std::env::split_paths(value)
        .filter(|path| !path.starts_with(&target))
        .filter(|path| toolchain.is_empty() || !path.iter().any(|part| part == toolchain))
        .collect();
    if paths.is_empty() {
        return None;
    }
    std::env::join_paths(paths).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use crate::host::process;

    use super::*;

    #[test]
    fn tools_get_locations_but_no_settings() {
        for name in [
            "CARGO_HOME",
            "CARGO_HTTP_CAINFO",
            "CARGO_REGISTRIES_MINE_INDEX",
            "HOME",
            "KLP_CACHE",
            "PATH",
            "RUSTUP_HOME",
            "SOURCE_DATE_EPOCH",
            "SSL_CERT_FILE",
            "https_proxy",
        ] {
            assert!(is_for_tools(name), "{name}");
        }
        for name in [
            "ARCH",
            "BASH_ENV",
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_MAKEFLAGS",
            "CARGO_PKG_NAME",
            "CARGO_TARGET_DIR",
            "CPATH",
            "KBUILD_OUTPUT",
            "KCFLAGS",
            "KLP_CARGO_FLAGS",
            "LD_PRELOAD",
            "LLVM",
            "MAKEFILES",
            "MAKEFLAGS",
            "PERL5LIB",
            "PYTHONPATH",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(!is_for_tools(name), "{name}");
        }
    }

    /// Prints the environments; the test below runs it in a separate process.
    #[test]
    #[ignore = "the test of a hostile environment runs it"]
    fn prints_the_environment_of_children() {
        let seen = |mut command: Command| process::output(&mut command).expect("it runs");
        print!("{}", seen(process::command("env")));
        println!("--");
        print!("{}", seen(process::isolated("env")));
    }

    #[test]
    fn children_do_not_see_a_hostile_environment() {
        let me = std::env::current_exe().expect("this test");
        let output = Command::new(me)
            .args(["host::environment::tests::prints_the_environment_of_children"])
            .args(["--exact", "--ignored", "--nocapture"])
            .env("MAKEFILES", "/tmp/evil.mk")
            .env("BASH_ENV", "/tmp/evil.sh")
            .env("CPATH", "/tmp/evil")
            .env("CARGO_MAKEFLAGS", "-j1")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("CARGO_REGISTRY_TOKEN", "token")
            .env("https_proxy", "http://proxy:1")
            .env("LANG", "de_DE.UTF-8")
            .output()
            .expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let (tools, guests) = text.split_once("--\n").expect("both");
        let names = |text: &str| -> BTreeSet<String> {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines.map(|(name, _)| name.to_owned()).collect()
        };
        let tools = names(tools);
        for name in ["https_proxy", "LC_ALL", "PATH", "CARGO_REGISTRY_TOKEN"] {
            assert!(tools.contains(name), "{name}: {tools:?}");
        }
        for name in [
            "MAKEFILES",
            "BASH_ENV",
            "CPATH",
            "CARGO_MAKEFLAGS",
            "AWS_SECRET_ACCESS_KEY",
            "LANG",
        ] {
            assert!(!tools.contains(name), "{name}: {tools:?}");
        }
        let few = ["LC_ALL", "LD_LIBRARY_PATH", "PATH"];
        let more: Vec<_> = names(guests)
            .into_iter()
            .filter(|name| !few.contains(&name.as_str()))
            .collect();
        assert!(more.is_empty(), "{more:?}");
    }
}
