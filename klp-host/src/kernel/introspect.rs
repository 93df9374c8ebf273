// SPDX-License-Identifier: GPL-2.0-only

//! Boots a kernel once to read its symbols: the names and addresses of all functions, which of them are
//! traceable, and their ftrace locations.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::GzDecoder;

use super::metadata::{KALLSYMS, SITES, TRACEABLE, has_addresses};
use crate::host::files::write_atomic;
use crate::vm::{self, Outcome, Spec};

/// The script that runs in the guest.
pub(super) const SCRIPT: &str = include_str!("introspect.sh");

/// The maximum size of its compressed output: several times that of the largest distribution kernels.
const COMPRESSED_LIMIT: u64 = 32 << 20;

/// The maximum size when decompressed.
const DECOMPRESSED_LIMIT: u64 = 128 << 20;

/// The separators of the output.
const TRACEABLE_FOLLOWS: &str = "\n@traceable\n";
const SITES_FOLLOW: &str = "\n@sites\n";

/// The symbols of a kernel, as procfs and tracefs list them.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Symbols {
    kallsyms: String,
    traceable: String,
    sites: String,
}

/// Boots the image and reads its symbols.
pub(super) fn introspect(image: &Path) -> Result<Symbols> {
    let spec = Spec {
        // The addresses are then those of the image, in each boot.
        kernel_parameters: vec!["nokaslr".to_owned()],
        timeout: Duration::from_secs(180),
        output_limit: Some(COMPRESSED_LIMIT),
        ..Spec::new(image, SCRIPT)
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
        "the script failed: {}",
        String::from_utf8_lossy(&packed).trim()
    );
    Symbols::unpack(&packed)
}

impl Symbols {
    fn unpack(packed: &[u8]) -> Result<Self> {
        let mut kallsyms = String::new();
        GzDecoder::new(packed)
            .take(DECOMPRESSED_LIMIT + 1)
            .read_to_string(&mut kallsyms)
            .context("its output is damaged")?;
        ensure!(
            kallsyms.len() as u64 <= DECOMPRESSED_LIMIT,
            "its output is more than {} MiB when decompressed",
            DECOMPRESSED_LIMIT >> 20
        );
        let mut traceable = split_off(&mut kallsyms, TRACEABLE_FOLLOWS)?;
        let sites = split_off(&mut traceable, SITES_FOLLOW)?;
        let symbols = Self {
            kallsyms,
            traceable,
            sites,
        };
        symbols.check()?;
        Ok(symbols)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            has_addresses(&self.kallsyms),
            "its kallsyms has no addresses"
        );
        ensure!(
            !self.traceable.trim().is_empty(),
            "it has no traceable functions"
        );
        Ok(())
    }

    /// Writes the symbols into a folder.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        write_atomic(&dir.join(KALLSYMS), &self.kallsyms)?;
        write_atomic(&dir.join(SITES), &self.sites)?;
        write_atomic(&dir.join(TRACEABLE), &self.traceable)
    }
}

/// Splits off the text after a separator line.
fn split_off(text: &mut String, line: &str) -> Result<String> {
    let end = text.find(line).context("its output is not complete")?;
    let rest = text.split_off(end + line.len());
    text.truncate(end + 1);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn refused(text: &str) -> String {
        Symbols::unpack(&packed(text)).unwrap_err().to_string()
    }

    #[test]
    fn the_output_is_split() {
        let text = "ffffffff81000000 T _text\n@traceable\nrun_init_process\n@sites\n\
                    ffffffff81000004 run_init_process\n";
        let symbols = Symbols::unpack(&packed(text)).unwrap();
        assert_eq!(symbols.kallsyms, "ffffffff81000000 T _text\n");
        assert_eq!(symbols.traceable, "run_init_process\n");
        assert_eq!(symbols.sites, "ffffffff81000004 run_init_process\n");
        let dir = tempfile::tempdir().unwrap();
        symbols.write(dir.path()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read(KALLSYMS), symbols.kallsyms);
        assert_eq!(read(TRACEABLE), symbols.traceable);
        assert_eq!(read(SITES), symbols.sites);
    }

    #[test]
    fn empty_output_is_refused() {
        assert!(
            refused("0000000000000000 T _text\n@traceable\na\n@sites\n").contains("no addresses")
        );
        assert!(
            refused("ffffffff81000000 T _text\n@traceable\n\n@sites\n").contains("no traceable")
        );
        assert!(refused("ffffffff81000000 T _text\n@traceable\na\n").contains("not complete"));
        assert!(refused("ffffffff81000000 T _text\n").contains("not complete"));
        let whole = packed("ffffffff81000000 T _text\n@traceable\na\n@sites\n");
        assert!(Symbols::unpack(&whole[..whole.len() - 9]).is_err());
    }

    /// Returns a gzip stream of 4 MiB that decompresses to 4 GiB of zeros.
    fn bomb() -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let mut block = |first: bool| {
            let start = encoder.get_ref().len();
            encoder.write_all(&[0; 1 << 20]).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref()[if first { 0 } else { start }..].to_vec()
        };
        let mut packed = block(true);
        // A block that only repeats the previous one can be repeated any number of times.
        let again = block(false);
        (1..4096).for_each(|_| packed.extend(&again));
        packed
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bomb");
        fs::write(&file, bomb()).unwrap();
        let kernel = format!(
            "verdict ready; cat {} >&${{port[output]}}; verdict 'exit 0'",
            file.display()
        );
        let (report, output) = vm::tests::boot(&kernel, |_| {});
        assert_eq!(report.outcome, Outcome::Exited(0));
        assert!((output.len() as u64) < COMPRESSED_LIMIT);
        let text = Symbols::unpack(&output).unwrap_err().to_string();
        assert!(text.contains("more than 128 MiB"), "{text}");
        assert!(vm::tests::peak_memory() < 1024);
    }
}
