// SPDX-License-Identifier: GPL-2.0-only

//! What only a running kernel tells: the names and addresses of all its functions, which of them
//! can be traced, and where their traced calls are. A kernel whose image carries no symbols is booted once and asked; the
//! answers lie beside its type information, where the builds of patches look for them.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::GzDecoder;

use super::Kernel;
use crate::cache::{Cache, gone, write_whole};
use crate::host::process;
use crate::host::progress::say;
use crate::vm::{self, Outcome, Spec};

/// A copy of `/proc/kallsyms`, in a build folder.
pub const KALLSYMS: &str = "klp-kallsyms";

/// A copy of tracefs' `available_filter_functions`, in a build folder.
pub const TRACEABLE: &str = "klp-traceable";

/// A copy of tracefs' `available_filter_functions_addrs`, in a build folder. Empty for a kernel that
/// has no such file.
pub const SITES: &str = "klp-sites";

/// Why the kernel could not be asked.
const FAILED: &str = "klp-not-asked";

/// How long a failure is remembered: a machine that cannot run it now may do so later.
const RETRY: Duration = Duration::from_secs(3600);

/// The lines between the answers.
const TRACEABLE_FOLLOWS: &str = "\n@traceable\n";
const SITES_FOLLOW: &str = "\n@sites\n";

/// Boots the kernel and writes its answers into its build folder, if they are not there. Builds
/// go on without them, so a kernel that cannot be run here is worth a note, no more.
pub(super) fn ensure(cache: &Cache, kernel: &Kernel) -> Result<()> {
    if is_answered(&kernel.build.dir) {
        return Ok(());
    }
    let _lock = cache.lock(&format!("ask-{}", kernel.build.release))?;
    if is_answered(&kernel.build.dir) {
        return Ok(());
    }
    let failed = kernel.build.dir.join(FAILED);
    let why = match remembered(&failed) {
        Some(why) => why,
        None => {
            say("asking the kernel which functions it has (once; about ten seconds)");
            match ask(&kernel.image).and_then(|answers| answers.write(&kernel.build.dir)) {
                Ok(()) => return gone(fs::remove_file(&failed), &failed),
                Err(error) => {
                    process::check_interrupted()?;
                    let why = format!("{error:#}");
                    write_whole(&failed, &why)?;
                    why
                }
            }
        }
    };
    say(&format!(
        "note: this kernel cannot be asked which functions it has, so patches are not checked for \
         that: {} (remove {} to try again)",
        why.lines().next().unwrap_or_default(),
        failed.display()
    ));
    Ok(())
}

/// Whether kallsyms shows addresses: they are zero for those who may not see them.
pub(super) fn has_addresses(kallsyms: &str) -> bool {
    let address = |line: &str| u64::from_str_radix(line.split(' ').next()?, 16).ok();
    kallsyms
        .lines()
        .filter_map(address)
        .any(|address| address != 0)
}

/// The list of what can be traced is written last.
fn is_answered(kdir: &Path) -> bool {
    kdir.join(SITES).is_file() && kdir.join(TRACEABLE).is_file()
}

/// Why it failed not long ago.
fn remembered(failed: &Path) -> Option<String> {
    let age = SystemTime::now().duration_since(fs::metadata(failed).ok()?.modified().ok()?);
    age.is_ok_and(|age| age < RETRY)
        .then(|| fs::read_to_string(failed).ok())
        .flatten()
}

/// What a kernel says.
#[derive(Debug, Eq, PartialEq)]
struct Answers {
    kallsyms: String,
    traceable: String,
    sites: String,
}

/// Boots the image and asks.
fn ask(image: &Path) -> Result<Answers> {
    let spec = Spec {
        // The addresses are those of the image then, in each boot.
        kernel_parameters: vec!["nokaslr".to_owned()],
        timeout: Duration::from_secs(180),
        ..Spec::new(image, include_str!("ask.sh"))
    };
    let mut packed = Vec::new();
    let report = vm::run(&spec, &mut |bytes| {
        packed.extend_from_slice(bytes);
        Ok(())
    })?;
    if let Some(problem) = report.problem() {
        bail!("{problem}");
    }
    ensure!(
        report.outcome == Outcome::Exited(0),
        "it does not say: {}",
        String::from_utf8_lossy(&packed).trim()
    );
    Answers::unpack(&packed)
}

impl Answers {
    fn unpack(packed: &[u8]) -> Result<Self> {
        let mut text = String::new();
        GzDecoder::new(packed)
            .read_to_string(&mut text)
            .context("its answer was damaged on the way")?;
        let parts = text
            .split_once(TRACEABLE_FOLLOWS)
            .and_then(|(kallsyms, rest)| Some((kallsyms, rest.split_once(SITES_FOLLOW)?)));
        let Some((kallsyms, (traceable, sites))) = parts else {
            bail!("its answer is not complete");
        };
        let answers = Self {
            kallsyms: format!("{kallsyms}\n"),
            traceable: format!("{traceable}\n"),
            sites: sites.to_owned(),
        };
        answers.check()?;
        Ok(answers)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            has_addresses(&self.kallsyms),
            "its kallsyms has no addresses"
        );
        ensure!(
            !self.traceable.trim().is_empty(),
            "it can trace no functions"
        );
        Ok(())
    }

    fn write(&self, kdir: &Path) -> Result<()> {
        write_whole(&kdir.join(KALLSYMS), &self.kallsyms)?;
        write_whole(&kdir.join(SITES), &self.sites)?;
        write_whole(&kdir.join(TRACEABLE), &self.traceable)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use flate2::{Compression, write::GzEncoder};

    use super::super::{BuildFolder, Core, Profile};
    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn refused(text: &str) -> String {
        Answers::unpack(&packed(text)).unwrap_err().to_string()
    }

    #[test]
    fn the_answers_are_taken_apart() {
        let text = "ffffffff81000000 T _text\n@traceable\nrun_init_process\n@sites\n\
                    ffffffff81000004 run_init_process\n";
        let answers = Answers::unpack(&packed(text)).unwrap();
        assert_eq!(answers.kallsyms, "ffffffff81000000 T _text\n");
        assert_eq!(answers.traceable, "run_init_process\n");
        assert_eq!(answers.sites, "ffffffff81000004 run_init_process\n");
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_answered(dir.path()));
        answers.write(dir.path()).unwrap();
        assert!(is_answered(dir.path()));
        // Asked before the sites were of interest.
        fs::remove_file(dir.path().join(SITES)).unwrap();
        assert!(!is_answered(dir.path()));
    }

    #[test]
    fn answers_that_say_nothing_are_refused() {
        assert!(
            refused("0000000000000000 T _text\n@traceable\na\n@sites\n").contains("no addresses")
        );
        assert!(refused("ffffffff81000000 T _text\n@traceable\n\n@sites\n").contains("trace no"));
        assert!(refused("ffffffff81000000 T _text\n").contains("not complete"));
        assert!(refused("ffffffff81000000 T _text\n@traceable\na\n").contains("not complete"));
        let whole = packed("ffffffff81000000 T _text\n@traceable\na\n@sites\n");
        assert!(Answers::unpack(&whole[..whole.len() - 9]).is_err());
    }

    #[test]
    fn a_kernel_that_cannot_be_run_is_no_failure_and_not_tried_again_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let image = dir.path().join("image");
        let kernel = Kernel {
            core: Core::Stock,
            profile: Profile::Base,
            build: BuildFolder {
                release: "7.2.0".to_owned(),
                dir: dir.path().to_owned(),
                env: Vec::new(),
                vars: Vec::new(),
            },
            image: image.clone(),
            source: PathBuf::new(),
        };
        super::ensure(&cache, &kernel).unwrap();
        let failed = dir.path().join(FAILED);
        let why = fs::read_to_string(&failed).unwrap();
        assert!(why.contains("cannot read the kernel image"), "{why}");
        fs::write(&failed, "remembered").unwrap();
        super::ensure(&cache, &kernel).unwrap();
        assert_eq!(fs::read_to_string(&failed).unwrap(), "remembered");
    }
}
