// SPDX-License-Identifier: GPL-2.0-only

//! `klpctl sign` and `verify` with real keys, beside openssl and, where there is one, the kernel's own `sign-file`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SIGNATURE: i32 = 5;

/// A key with its certificate, made by openssl; `None` where there is no openssl.
struct Key {
    key: PathBuf,
    cert: PathBuf,
}

impl Key {
    fn new(dir: &Path, name: &str, kind: &[&str]) -> Option<Self> {
        let key = dir.join(format!("{name}.pem"));
        let cert = dir.join(format!("{name}.der"));
        let made = Command::new("openssl")
            .args(["req", "-new", "-x509", "-nodes", "-days", "100"])
            .args(kind)
            .args(["-subj", &format!("/CN={name}"), "-outform", "DER", "-out"])
            .arg(&cert)
            .arg("-keyout")
            .arg(&key)
            .output();
        match made {
            Ok(made) => {
                assert!(made.status.success(), "{made:?}");
                Some(Self { key, cert })
            }
            Err(_) => {
                eprintln!("skipped: there is no openssl");
                None
            }
        }
    }
}

const RSA: [&str; 2] = ["-newkey", "rsa:2048"];
const ELLIPTIC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];

fn klpctl(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_klpctl"))
        .args(arguments.iter().map(AsRef::as_ref))
        .output()
        .expect("it runs")
}

fn sign(key: &Key, hash: &str, file: &Path) -> Output {
    klpctl(&[
        &"sign", &"--key", &key.key, &"--cert", &key.cert, &"--hash", &hash, &file,
    ])
}

fn verify(certs: &[&Path], file: &Path) -> (Option<i32>, String) {
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"verify"];
    for cert in certs {
        arguments.push(&"--cert");
        arguments.push(cert);
    }
    arguments.push(&file);
    let output = klpctl(&arguments);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn module(dir: &Path) -> PathBuf {
    let path = dir.join("fix.ko");
    std::fs::write(&path, b"\x7fELF is how a module begins").expect("a file");
    path
}

#[test]
fn signed_modules_verify() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = [("one", &RSA[..]), ("two", &ELLIPTIC[..])]
        .map(|(name, kind)| Key::new(dir.path(), name, kind));
    let [Some(one), Some(two)] = keys else {
        return;
    };
    let path = module(dir.path());
    let plain = std::fs::read(&path).expect("there");
    let (status, text) = verify(&[&one.cert], &path);
    assert_eq!(status, Some(SIGNATURE), "{text}");
    assert!(text.contains("is not signed"), "{text}");

    for (key, other, hash) in [(&one, &two, "sha256"), (&two, &one, "sha512")] {
        let signed = sign(key, hash, &path);
        assert!(signed.status.success(), "{signed:?}");
        let (status, text) = verify(&[&other.cert, &key.cert], &path);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("signed by CN="), "{text}");
        let (status, text) = verify(&[&other.cert], &path);
        assert_eq!(status, Some(SIGNATURE), "{text}");
        let now = std::fs::read(&path).expect("there");
        assert!(now.starts_with(&plain));
        let marks = now
            .windows(8)
            .filter(|window| window == b"~Module ")
            .count();
        assert_eq!(marks, 1, "an old signature is replaced");
    }

    let mut changed = std::fs::read(&path).expect("there");
    changed[10] ^= 1;
    std::fs::write(&path, changed).expect("a file");
    let (status, text) = verify(&[&two.cert], &path);
    assert_eq!(status, Some(SIGNATURE), "{text}");
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = ["one", "two"].map(|name| Key::new(dir.path(), name, &RSA));
    let [Some(one), Some(two)] = keys else {
        return;
    };
    let path = module(dir.path());
    let before = std::fs::read(&path).expect("there");
    let mixed = Key {
        key: one.key,
        cert: two.cert,
    };
    let output = sign(&mixed, "sha256", &path);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(&path).expect("there"), before);
}

/// RSA signatures of this kind are the same each time, so the files have to be the same to the last byte.
#[test]
fn the_result_equals_that_of_sign_file() {
    let Some(tool) = std::env::var_os("KLP_SIGN_FILE") else {
        eprintln!("skipped: KLP_SIGN_FILE does not name the kernel's scripts/sign-file");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let Some(key) = Key::new(dir.path(), "one", &RSA) else {
        return;
    };
    for hash in ["sha256", "sha384", "sha512"] {
        let path = module(dir.path());
        let theirs = dir.path().join("theirs.ko");
        let ran = Command::new(&tool)
            .arg(hash)
            .args([&key.key, &key.cert, &path, &theirs])
            .output()
            .expect("it runs");
        assert!(ran.status.success(), "{ran:?}");
        assert!(sign(&key, hash, &path).status.success());
        let (ours, theirs) = (std::fs::read(&path), std::fs::read(&theirs));
        assert!(ours.expect("there") == theirs.expect("there"), "{hash}");
    }
}
