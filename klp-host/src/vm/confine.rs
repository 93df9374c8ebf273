// SPDX-License-Identifier: GPL-2.0-only

//! Confines the QEMU process: inherited descriptors, privileges, file size. It needs `unsafe`,
//! because code between fork and exec has rules that no type can express.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal};

/// The maximal size in bytes of files that QEMU writes, including its standard error. Only the guest's disk may
/// be larger.
pub(super) const FILE_LIMIT: u64 = 1 << 20;

/// Restricts the child: it inherits only these descriptors besides the standard ones, gets no new
/// privileges, writes no files larger than `file_limit`, and is killed when this process ends.
///
/// The child has changed its user before, because doing so clears the parent-death signal.
pub(super) fn confine(command: &mut Command, inherited: Vec<RawFd>, file_limit: u64) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        rustix::thread::set_no_new_privs(true)?;
        limit(Resource::Fsize, file_limit)?;
        limit(Resource::Core, 0)?;
        close_all_on_exec();
        inherited.iter().try_for_each(|&fd| set_flags(fd, 0))
    };
    // SAFETY: between fork and exec `prepare` only makes system calls: it takes no lock and
    // allocates nothing; its errors are error numbers.
    unsafe { command.pre_exec(prepare) };
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

/// Sets close-on-exec for all descriptors but the standard ones.
fn close_all_on_exec() {
    const FIRST: RawFd = 3;
    let flag = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: with this flag the call closes no descriptor; it only sets their close-on-exec flags.
    if unsafe { libc::close_range(FIRST.cast_unsigned(), u32::MAX, flag) } == 0 {
        return;
    }
    // The kernel is older than 5.11.
    let open = rustix::process::getrlimit(Resource::Nofile).current;
    let end = RawFd::try_from(open.unwrap_or(u64::MAX)).unwrap_or(RawFd::MAX);
    for fd in FIRST..end.min(1 << 20) {
        // Most of them are not open.
        let _ = set_flags(fd, libc::FD_CLOEXEC);
    }
}

fn set_flags(fd: RawFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: it sets flags of a descriptor, or fails if that is not open.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, flags) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn confined(script: &str, inherited: Vec<RawFd>) -> std::process::Output {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        confine(&mut command, inherited, FILE_LIMIT);
        command.output().expect("bash runs")
    }

    #[test]
    fn only_listed_descriptors_are_inherited() {
        let open = || File::open("/dev/null").expect("a file");
        let (listed, leaked) = (open(), open());
        // As a library might that does not set close-on-exec.
        set_flags(leaked.as_raw_fd(), 0).expect("a flag");
        let script = "for fd in {0..999}; do [ -e /proc/$$/fd/$fd ] && echo $fd; done";
        let output = confined(script, vec![listed.as_raw_fd()]);
        let text = String::from_utf8(output.stdout).expect("numbers");
        let fds: Vec<RawFd> = text.lines().filter_map(|fd| fd.parse().ok()).collect();
        assert!(fds.contains(&listed.as_raw_fd()), "{fds:?}");
        assert!(!fds.contains(&leaked.as_raw_fd()), "{fds:?}");
        // bash may have one with a high number.
        let others = fds.iter().filter(|&&fd| fd > 2 && fd != 255);
        assert_eq!(others.count(), 1, "{fds:?}");
    }

    #[test]
    fn file_size_and_privileges_are_limited() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let script = format!("exec head -c 2M /dev/zero >{}", file.path().display());
        let status = confined(&script, Vec::new()).status;
        assert_eq!(status.signal(), Some(libc::SIGXFSZ));
        assert_eq!(file.as_file().metadata().expect("data").len(), FILE_LIMIT);
        let output = confined("grep NoNewPrivs /proc/self/status", Vec::new());
        assert_eq!(output.stdout, b"NoNewPrivs:\t1\n");
    }
}
