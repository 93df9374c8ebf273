// SPDX-License-Identifier: GPL-2.0-only

//! Reads the kernel's log: messages about a refused module, and the start time of a transition.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use rustix::fs::OFlags;

use super::Kernel;

/// The maximum length of a record of `/dev/kmsg`.
const RECORD_MAX: usize = 8192;

/// The maximum number of reported lines.
const LINES_MAX: usize = 20;

/// The log from the time on at which this was created; `None` if it cannot be read.
#[derive(Debug)]
pub struct Log(Option<File>);

impl Kernel {
    /// Starts to collect messages; there are none if the log cannot be read.
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

    /// How long the transition of a patch has been running, by the kernel's log. `None` if its start is no longer in
    /// the log.
    pub fn transition_age(&self, name: &str) -> Option<Duration> {
        let mut started = None;
        each_record(&mut self.open_log()?, |text| {
            // A reversed transition starts again.
            let mut starts = text.lines().filter_map(|line| start(line, name));
            started = starts.next_back().or(started);
        });
        let uptime = std::fs::read_to_string(self.path("proc/uptime")).ok()?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        Duration::try_from_secs_f64(uptime)
            .ok()?
            .checked_sub(started?)
    }
}

/// Calls `take` with each record to the end of the log.
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

/// The time since boot at which a transition of this patch started, if the record reports that.
fn start(record: &str, name: &str) -> Option<Duration> {
    let text = message(record)?.strip_prefix("livepatch: '")?;
    let is_start = ["patching", "unpatching"].iter().any(|kind| {
        let rest = text.strip_prefix(name);
        rest.is_some_and(|rest| rest == format!("': starting {kind} transition"))
    });
    let time = record.split(',').nth(2)?.parse().ok()?;
    is_start.then(|| Duration::from_micros(time))
}

impl Log {
    /// The collected lines about live patches or the module `name`.
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
    fn age_is_measured_from_the_last_start() {
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
    fn records_are_parsed() {
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
