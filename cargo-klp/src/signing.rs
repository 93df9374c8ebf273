// SPDX-License-Identifier: GPL-2.0-only

//! Signs built modules, as `klpctl sign` does.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use klp_elf::sign::{self, HASHES, Signer};
use klp_host::replace;
use klp_host::tools::needs::Needs;

/// The options for signing.
#[derive(Args, Clone, Debug)]
pub struct Signing {
    /// Sign the modules in the kernel's format with this private key: a PEM or DER file, or anything else that openssl
    /// accepts as a key. The passphrase is read from $KBUILD_SIGN_PIN, or asked for.
    #[arg(long = "sign", value_name = "KEY", requires = "cert")]
    key: Option<OsString>,
    /// Certificate of the key, in PEM or DER.
    #[arg(long, value_name = "CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// Hash function of the signature, which has to be built into the kernel.
    #[arg(long, value_parser = HASHES, default_value = HASHES[0], requires = "key")]
    hash: String,
}

impl Signing {
    /// The packages needed for signing.
    pub fn needs(&self) -> Needs {
        match self.key {
            Some(_) => Needs::of(&["openssl"]),
            None => Needs::default(),
        }
    }

    /// Signs a module file, or removes its signature: make does not rebuild a module that was signed before.
    ///
    /// # Errors
    ///
    /// It cannot be signed or written. The file is unchanged then.
    pub fn apply(&self, module: &Path) -> Result<()> {
        let cannot = || format!("cannot sign {}", module.display());
        let data = fs::read(module).with_context(cannot)?;
        let contents = match self.signer() {
            Some(signer) => sign::sign(&data, signer).with_context(cannot)?,
            None => sign::split(&data).with_context(cannot)?.module.to_vec(),
        };
        if contents != data {
            replace::contents(module, &contents)?;
        }
        Ok(())
    }

    fn signer(&self) -> Option<Signer<'_>> {
        Some(Signer {
            key: self.key.as_ref()?,
            certificate: self.cert.as_ref()?,
            hash: &self.hash,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::process::Command;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        signing: Signing,
    }

    fn parsed(words: &[&str]) -> Result<Signing, clap::Error> {
        Cli::try_parse_from([&["build"], words].concat()).map(|cli| cli.signing)
    }

    #[test]
    fn a_key_needs_a_certificate() {
        for words in [&["--sign", "key.pem"][..], &["--cert", "key.der"]] {
            let error = parsed(words).expect_err("one is missing").to_string();
            assert!(
                error.contains("--sign") && error.contains("--cert"),
                "{error}"
            );
        }
        assert!(parsed(&["--hash", "md5"]).is_err());
        let error = parsed(&["--hash", "sha512"]).expect_err("nothing is signed");
        assert!(error.to_string().contains("--sign"), "{error}");
    }

    #[test]
    fn built_modules_are_signed_and_unsigned() {
        let dir = tempfile::tempdir().unwrap();
        let [key, cert, module] =
            ["key.pem", "key.der", "fix.ko"].map(|name| dir.path().join(name));
        let mut openssl = Command::new("openssl");
        let options =
            "req -new -x509 -nodes -days 100 -newkey rsa:2048 -subj /CN=us -outform DER -out";
        openssl
            .args(options.split(' '))
            .arg(&cert)
            .arg("-keyout")
            .arg(&key);
        let Ok(made) = openssl.output() else {
            eprintln!("skipped: there is no openssl");
            return;
        };
        assert!(made.status.success(), "{made:?}");
        let built = b"\x7fELF is how a module begins";
        fs::write(&module, built).unwrap();
        let [key, cert] = [&key, &cert].map(|path| path.to_str().unwrap());
        let signing = parsed(&["--sign", key, "--cert", cert]).unwrap();
        // The second time, the module is signed already.
        for _ in 0..2 {
            signing.apply(&module).unwrap();
            let signed = fs::read(&module).unwrap();
            let parts = sign::split(&signed).unwrap();
            assert_eq!(parts.module, built);
            let signature = parts.signature.expect("it is signed");
            assert!(sign::is_signed_by(parts.module, signature, Path::new(cert)).unwrap());
        }
        parsed(&[]).unwrap().apply(&module).unwrap();
        assert_eq!(fs::read(&module).unwrap(), built);
    }
}
