// SPDX-License-Identifier: GPL-2.0-only

//! Finds other ftrace users and kprobes of functions, in tracefs' `enabled_functions` and the list of kprobes.

use std::fs;

use super::Kernel;

/// Another user that is attached to a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attached {
    /// The function.
    pub function: String,
    /// The description of the user.
    pub what: &'static str,
    /// The kernel refuses a patch of this function while it is attached.
    pub excludes: bool,
}

impl Kernel {
    /// The users attached to these functions, apart from live patches; none if tracefs is not mounted or
    /// readable.
    pub fn attached(&self, functions: &[&str], is_patched: impl Fn(&str) -> bool) -> Vec<Attached> {
        let enabled = self.enabled_functions().unwrap_or_default();
        let mut attached: Vec<_> = enabled
            .lines()
            .filter_map(enabled_function)
            .filter(|(name, _)| functions.contains(name))
            .filter_map(|(name, flags)| attachment(name, flags, is_patched(name)))
            .collect();
        let probes = fs::read_to_string(self.path("sys/kernel/debug/kprobes/list"));
        for name in probes
            .unwrap_or_default()
            .lines()
            .filter_map(probed_function)
        {
            if functions.contains(&name) {
                attached.push(Attached {
                    function: name.to_owned(),
                    what: "a kprobe",
                    excludes: false,
                });
            }
        }
        attached
    }

    fn enabled_functions(&self) -> Option<String> {
        let mut places = ["sys/kernel/tracing", "sys/kernel/debug/tracing"].into_iter();
        let file = |place| self.path(place).join("enabled_functions");
        places.find_map(|place| fs::read_to_string(file(place)).ok())
    }
}

/// The function and the flags in a line such as `vfs_read (2) R I     \ttramp: ..`.
fn enabled_function(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(' ')?;
    let (_, flags) = rest.split_once(')')?;
    let flags = flags.split(['\t', ':']).next().unwrap_or_default();
    Some((name, flags))
}

fn attachment(name: &str, flags: &str, is_patched: bool) -> Option<Attached> {
    let has = |flag| flags.split_whitespace().any(|it| it == flag);
    // Only one ftrace_ops of a function may change the instruction pointer (I). Live patches of a function share theirs.
    let (what, excludes) = if has("I") && !is_patched {
        ("another redirection", true)
    } else if has("D") {
        ("a direct call (a BPF program)", false)
    } else if !is_patched {
        ("a tracer", false)
    } else {
        return None;
    };
    Some(Attached {
        function: name.to_owned(),
        what,
        excludes,
    })
}

/// The function in a line such as `ffffffff81234560  k  vfs_read+0x4    [FTRACE]`.
fn probed_function(line: &str) -> Option<&str> {
    let place = line.split_whitespace().nth(2)?;
    place.split('+').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_enabled_functions() {
        let line =
            "cmdline_proc_show (1) R I     \ttramp: 0xffffffffc0000000 (klp_handler+0x0/0x10) ->x";
        let (name, flags) = enabled_function(line).expect("a line");
        assert_eq!(name, "cmdline_proc_show");
        let found = attachment(name, flags, false).expect("attached");
        assert!(found.excludes);
        assert_eq!(attachment(name, flags, true), None);
        let (name, flags) = enabled_function("vfs_read (1)           \ttramp: x").expect("a line");
        assert_eq!(
            attachment(name, flags, false).expect("attached").what,
            "a tracer"
        );
        let (name, flags) = enabled_function("vfs_read (1)       D   ->bpf").expect("a line");
        assert!(!attachment(name, flags, false).expect("attached").excludes);
        assert_eq!(enabled_function(""), None);
    }

    #[test]
    fn lines_of_kprobes() {
        assert_eq!(
            probed_function("ffffffff81  k  vfs_read+0x4    [FTRACE]"),
            Some("vfs_read")
        );
        assert_eq!(probed_function("ffffffff81  r  vfs_read"), Some("vfs_read"));
        assert_eq!(probed_function(""), None);
    }
}
