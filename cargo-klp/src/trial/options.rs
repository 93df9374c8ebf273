// SPDX-License-Identifier: GPL-2.0-only

//! The options of a trial in a virtual machine: files, the command, and the expected result.

use std::path::PathBuf;

use clap::Args;
use klp_host::vm::copy;

/// The maximal time limit of a command, in seconds: a day.
const LONGEST: u64 = 86_400;

/// The options of a trial.
#[derive(Args, Clone, Debug)]
pub struct TrialOptions {
    /// A command for bash that shows in the virtual machine what the patch changes. It runs before and
    /// after patching; when it fails after patching, so does this.
    #[arg(long, value_name = "COMMAND", requires = "vm")]
    pub command: Option<String>,
    /// Bring a file or folder into the virtual machine. DST is absolute; when it ends in a slash, SRC
    /// keeps its name. Can be given several times.
    #[arg(long = "file", value_name = "SRC:DST", value_parser = copy::parse, requires = "vm")]
    pub files: Vec<(PathBuf, PathBuf)>,
    /// Load this module of the kernel before patching, and what it depends on. Can be given several
    /// times.
    #[arg(long = "module", value_name = "NAME", requires = "vm")]
    pub modules: Vec<String>,
    /// Fail unless the command prints this after patching. Can be given several times.
    #[arg(long, value_name = "TEXT", requires = "command", value_parser = expected)]
    pub expect: Vec<String>,
    /// The exit status that the command has to end with after patching.
    #[arg(long, value_name = "STATUS", requires = "command", default_value_t = 0)]
    pub expect_status: u8,
    /// How long the command may take, each time.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "vm",
        default_value_t = 120,
        value_parser = clap::value_parser!(u64).range(1..=LONGEST)
    )]
    pub timeout: u64,
}

/// A text that a line can have.
fn expected(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty"),
        _ if text.contains(['\n', '\0']) => {
            Err("it has several lines: give --expect for each of them")
        }
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_expected_is_part_of_a_line() {
        assert_eq!(expected("a b"), Ok("a b".to_owned()));
        assert!(expected("").is_err());
        assert!(expected("a\nb").unwrap_err().contains("for each"));
    }
}
