// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's log, from some moment on: what the kernel says about a module that it refuses.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;

use super::Kernel;

/// One record of `/dev/kmsg` is not longer.
const RECORD_MAX: usize = 8192;

/// More lines than these are of no help.
const LINES_MAX: usize = 20;

/// The log from the moment on at which this was made.
#[derive(Debug)]
pub struct Log(Option<File>);

impl Kernel {
    /// What the kernel says from now on. Where its log cannot be read, nothing.
    pub fn log(&self) -> Log {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = options.open(self.path("dev/kmsg")).ok();
        Log(file.and_then(|mut file| file.seek(SeekFrom::End(0)).ok().map(|_| file)))
    }
}

impl Log {
    /// The lines since then that are about live patches or the module `name`.
    pub fn about(mut self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let Some(file) = &mut self.0 else {
            return lines;
        };
        let mut record = vec![0; RECORD_MAX];
        loop {
            match file.read(&mut record) {
                Ok(0) => break,
                Ok(len) => {
                    let text = String::from_utf8_lossy(&record[..len]);
                    lines.extend(
                        message(&text)
                            .filter(|line| is_about(line, name))
                            .map(str::to_owned),
                    );
                }
                // Records were overwritten before they were read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(_) => break,
            }
        }
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        lines
    }
}

/// The text of a record: `PRIORITY,NUMBER,TIME,FLAGS;TEXT`, and lines of properties that begin with a blank.
fn message(record: &str) -> Option<&str> {
    let (_, rest) = record.split_once(';')?;
    rest.lines().next()
}

fn is_about(line: &str, name: &str) -> bool {
    line.starts_with("livepatch: ") || line.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_apart() {
        let record =
            "3,512,81234567,-;livepatch: symbol 'x' not found; really\n SUBSYSTEM=module\n";
        assert_eq!(
            message(record),
            Some("livepatch: symbol 'x' not found; really")
        );
        assert_eq!(message("no record"), None);
        assert!(is_about("livepatch: enabling patch 'a'", "fix_it"));
        assert!(is_about("fix_it: Unknown symbol foo (err -2)", "fix_it"));
        assert!(!is_about("usb 1-1: new device", "fix_it"));
    }
}
