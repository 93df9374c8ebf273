// SPDX-License-Identifier: GPL-2.0-only

//! Chooses QEMU's accelerator.
//!
//! KVM is used if a trial boot succeeds: its device file can exist although guests hang.

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};

use super::accel::{Accel, emulation};
use super::qemu::Qemu;
use super::report::Outcome;
use super::spec::Spec;
use super::{boot, user};
use crate::arch::Arch;
use crate::cache::{Cache, Key};
use crate::host::files::write_atomic;
use crate::host::progress::say;

/// The time limit of the trial boot, which takes two seconds if KVM works.
const TRIAL: Duration = Duration::from_secs(12);

/// The cached results.
const WORKS: &str = "works\n";
const FAILS: &str = "fails\n";

/// The chosen accelerator.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) accel: Accel,
    /// The file to record the failure in, if a trial of KVM has just failed.
    failed_trial: Option<PathBuf>,
}

impl Choice {
    /// Records a failed trial if the guest booted without KVM: otherwise the kernel may
    /// be the cause.
    pub(super) fn came_up(&self, came_up: bool) -> Result<()> {
        match &self.failed_trial {
            Some(answer) if came_up => write_atomic(answer, FAILS),
            _ => Ok(()),
        }
    }
}

impl From<Accel> for Choice {
    fn from(accel: Accel) -> Self {
        Self {
            accel,
            failed_trial: None,
        }
    }
}

/// Chooses the accelerator of a run. `$KLP_ACCEL` (`kvm` or `tcg`) takes precedence.
pub(super) fn choose(qemu: &Qemu, spec: &Spec, cache: &Cache) -> Result<Choice> {
    let wish = std::env::var("KLP_ACCEL").unwrap_or_default();
    if !["", "kvm", "tcg"].contains(&wish.as_str()) {
        bail!("KLP_ACCEL is `{wish}`: set it to kvm or tcg, or unset it");
    }
    match wish.as_str() {
        _ if spec.icount => Ok(Accel::Icount.into()),
        // A processor runs guests of its own architecture only.
        _ if qemu.arch != Arch::HOST => Ok(emulation(qemu.major).into()),
        "kvm" => {
            user::for_kvm(qemu.user).context("KLP_ACCEL is kvm")?;
            Ok(Accel::Kvm.into())
        }
        "" => match user::for_kvm(qemu.user) {
            Ok(_) => by_trial(qemu, spec, cache),
            Err(err) => {
                note_unusable(&err);
                Ok(emulation(qemu.major).into())
            }
        },
        _ => Ok(emulation(qemu.major).into()),
    }
}

/// Prints once why KVM is not used although its device exists.
fn note_unusable(err: &anyhow::Error) {
    static NOTED: Once = Once::new();
    if !err.is::<io::Error>() {
        NOTED.call_once(|| say(&format!("note: guests are emulated: {err:#}")));
    }
}

/// Chooses by a trial boot, whose result is cached per boot of this machine and version of
/// QEMU.
fn by_trial(qemu: &Qemu, spec: &Spec, cache: &Cache) -> Result<Choice> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let key = Key::new()
        .with("boot", boot.trim())
        .with("qemu", &qemu.version);
    let dir = cache.root().join("vm");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let answer = dir.join(format!("kvm-{}", key.short()));
    match fs::read_to_string(&answer).unwrap_or_default().as_str() {
        WORKS => return Ok(Accel::Kvm.into()),
        FAILS => return Ok(emulation(qemu.major).into()),
        _ => {}
    }
    if trial(qemu, spec)? {
        write_atomic(&answer, WORKS)?;
        return Ok(Accel::Kvm.into());
    }
    Ok(Choice {
        accel: emulation(qemu.major),
        failed_trial: Some(answer),
    })
}

fn trial(qemu: &Qemu, spec: &Spec) -> Result<bool> {
    say(&format!("testing KVM (once; up to {} s)", TRIAL.as_secs()));
    let trial = Spec {
        timeout: TRIAL,
        ..Spec::new(&spec.image, "true")
    };
    let report = boot::run_on(qemu, Accel::Kvm, &trial, &mut |_| Ok(()))?;
    let works = report.outcome == Outcome::Exited(0);
    if !works {
        say("KVM does not work; guests are emulated");
    }
    Ok(works)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_trial_is_recorded_if_the_kernel_works() {
        let dir = tempfile::tempdir().expect("a folder");
        let answer = dir.path().join("kvm");
        let choice = Choice {
            accel: Accel::TcgSingle,
            failed_trial: Some(answer.clone()),
        };
        choice.came_up(false).expect("nothing to do");
        assert!(!answer.exists());
        choice.came_up(true).expect("written");
        assert_eq!(fs::read_to_string(&answer).expect("an answer"), FAILS);
    }
}
