// SPDX-License-Identifier: GPL-2.0-only

//! Reads the kernel's log: messages about a refused module, and the start of a transition.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

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
    /// The messages from now on; none if the log cannot be read.
    pub fn log(&self) -> Log {
        let file = self.open_log();
        Log(file.and_then(|mut file| file.seek(SeekFrom::End(0)).ok().map(|_| file)))
    }

    fn open_log(&self) -> Option<File> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        options.open(self.path("dev/kmsg")).ok()
    }

    /// How long the transition of a patch has been running, by the kernel's log. `None` where that does not say when it began
    /// any more.
    pub fn transition_age(&self, name: &str) -> Option<Duration> {
        let mut began = None;
        each_record(&mut self.open_log()?, |text| {
            // A reversed transition starts again.
            let mut starts = text.lines().filter_map(|line| start(line, name));
            began = starts.next_back().or(began);
        });
        let uptime = std::fs::read_to_string(self.path("proc/uptime")).ok()?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        Duration::try_from_secs_f64(uptime)
            .ok()?
            .checked_sub(began?)
    }
}

/// Reads to the end of the log.
fn each_record(file: &mut File, mut take: impl FnMut(&str)) {
    let mut record = vec![0; RECORD_MAX];
    loop {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(len) => take(&String::from_utf8_lossy(&record[..len])),
            // Records were overwritten before they were read.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(_) => break,
        }
    }
}

/// The time since boot at which a transition of this patch began, if a record says that it did.
fn start(record: &str, name: &str) -> Option<Duration> {
    let text = message(record)?.strip_prefix("livepatch: '")?;
    let begins = ["patching", "unpatching"].iter().any(|kind| {
        let rest = text.strip_prefix(name);
        rest.is_some_and(|rest| rest == format!("': starting {kind} transition"))
    });
    let time = record.split(',').nth(2)?.parse().ok()?;
    begins.then(|| Duration::from_micros(time))
}

impl Log {
    /// The lines since then that are about live patches or the module `name`.
    pub fn about(mut self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let Some(file) = &mut self.0 else {
            return lines;
        };
        each_record(file, |text| {
            lines.extend(
                message(text)
                    .filter(|line| is_about(line, name))
                    .map(str::to_owned),
            );
        });
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        lines
    }
}

/// The text of a record: `PRIORITY,NUMBER,TIME,FLAGS;TEXT`, followed by lines of properties that begin with a blank.
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
    fn the_last_start_counts() {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in ["dev", "proc"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        let log = "5,1,1000000,-;livepatch: 'fix': starting patching transition\n\
                   5,2,2000000,-;livepatch: 'fix': starting unpatching transition\n\
                   5,3,3000000,-;livepatch: 'fix_2': starting patching transition\n \
                   SUBSYSTEM=module\n5,4,4000000,-;livepatch: 'fix': completing unpatching transition\n";
        std::fs::write(dir.path().join("dev/kmsg"), log).expect("a file");
        std::fs::write(dir.path().join("proc/uptime"), "44.50 80.00\n").expect("a file");
        let kernel = Kernel::at(dir.path());
        let age = |name| kernel.transition_age(name).map(|age| age.as_millis());
        assert_eq!(age("fix"), Some(42_500));
        assert_eq!(age("fix_2"), Some(41_500));
        assert_eq!(age("fix_3"), None);
    }

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
