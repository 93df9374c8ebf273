// SPDX-License-Identifier: GPL-2.0-only

//! The options of a trial in a virtual machine: the command, its files and modules, and the expected result.

use std::path::PathBuf;

use clap::Args;
use klp_host::vm::copy;

/// The maximum time limit of a command, in seconds: a day.
const TIMEOUT_MAX: u64 = 86_400;

/// The options of a trial.
#[derive(Args, Clone, Debug)]
pub struct TrialOptions {
    /// Bash command to run in the virtual machine before patching, when it may fail, and after, when it must succeed.
    #[arg(long, value_name = "COMMAND", requires = "vm")]
    pub command: Option<String>,
    /// Copy a file or folder into the virtual machine, programs with their shared libraries. DST is an absolute path; if
    /// it ends with a slash, SRC keeps its name. May be given several times.
    #[arg(long = "file", value_name = "SRC:DST", value_parser = copy::parse, requires = "vm")]
    pub files: Vec<(PathBuf, PathBuf)>,
    /// Load this module of the kernel and its dependencies before patching. May be given several times.
    #[arg(long = "module", value_name = "NAME", requires = "vm")]
    pub modules: Vec<String>,
    /// Fail unless the command prints this text after patching. May be given several times.
    #[arg(long, value_name = "TEXT", requires = "command", value_parser = expected)]
    pub expect: Vec<String>,
    /// Expected exit status of the command after patching.
    #[arg(long, value_name = "STATUS", requires = "command", default_value_t = 0)]
    pub expect_status: u8,
    /// Time limit of each run of the command. If it hangs, its stack is shown.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "vm",
        default_value_t = 120,
        value_parser = clap::value_parser!(u64).range(1..=TIMEOUT_MAX)
    )]
    pub timeout: u64,
}

/// Parses an expected text, which has to be part of a line.
fn expected(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("the text is empty"),
        _ if text.contains(['\n', '\0']) => {
            Err("the text has several lines: give --expect for each of them")
        }
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_texts_are_parts_of_lines() {
        assert_eq!(expected("a b"), Ok("a b".to_owned()));
        assert!(expected("").is_err());
        assert!(expected("a\nb").unwrap_err().contains("for each"));
    }
}
