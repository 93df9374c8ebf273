// SPDX-License-Identifier: GPL-2.0-only

//! Builds the package of klpctl, with one static program, units, manual pages and completions, and a package with
//! front ends for other tools.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use klp_elf::Machine;
use klp_host::arch::Arch;
use klp_host::host::process;
use klp_package::{File, Format, Package, Relation, Scripts, VersionReq, time};

use crate::checkout;
use crate::files::{listed, read};

/// The folder in which klpctl keeps installed patches.
const STORE: &str = "/var/lib/klpctl";

/// The units that klpctl's package enables.
const UNITS: &str = "klpctl.service klpctl-trial.service klpctl-healthy.path";

/// The publisher of packages.
#[derive(Args, Clone, Debug)]
pub struct Publisher {
    /// The package's maintainer.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    pub maintainer: String,
    /// The package's home page.
    #[arg(long, value_name = "URL")]
    pub homepage: Option<String>,
}

/// Builds the program, and writes its packages into a folder. Returns the packages.
///
/// # Errors
///
/// The program cannot be built, or a file cannot be written.
pub fn write(formats: &[Format], dir: &Path, publisher: &Publisher) -> Result<Vec<PathBuf>> {
    let program = build()?;
    let mut written = Vec::new();
    for format in formats {
        let packages = [
            package(&program, *format, publisher)?,
            front_ends(publisher)?,
        ];
        for package in packages {
            written.push(package.write(*format, dir)?);
        }
    }
    Ok(written)
}

/// The package of other tools' commands on top of klpctl, with their manual pages. It is separate because it
/// conflicts with the files of these tools' own packages.
fn front_ends(publisher: &Publisher) -> Result<Package> {
    let mut files = Vec::new();
    for path in listed(&checkout::top().join("fleet/compat"))? {
        let (name, contents) = (name(&path), read(&path)?);
        files.push(match path.extension() {
            Some(_) => File {
                path: manual(&name),
                contents: compressed(&contents)?,
                mode: 0o644,
            },
            None => File {
                path: format!("/usr/sbin/{name}"),
                contents,
                mode: 0o755,
            },
        });
    }
    Ok(Package {
        machine: None,
        name: "klpctl-compat".to_owned(),
        summary: "Commands of kpatch and klp, by klpctl".to_owned(),
        description: vec![
            "Management tools call `kpatch list` or `klp` to list live patches. This package provides front ends \
             of klpctl with these names, for machines without the original programs."
                .to_owned(),
        ],
        files,
        depends: vec![Relation {
            name: "klpctl".to_owned(),
            version: VersionReq::AtLeast(env!("CARGO_PKG_VERSION").to_owned()),
        }],
        ..bare(publisher)?
    })
}

/// A package with the fields common to all packages of this repository; the others are empty.
///
/// # Errors
///
/// The time is invalid.
pub fn bare(publisher: &Publisher) -> Result<Package> {
    Ok(Package {
        machine: Some(Machine::HOST),
        name: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: 1,
        summary: String::new(),
        description: Vec::new(),
        maintainer: publisher.maintainer.clone(),
        authors: Vec::new(),
        homepage: publisher.homepage.clone(),
        section: "admin",
        change: "New version.".to_owned(),
        time: time()?,
        files: Vec::new(),
        state_dir: None,
        depends: Vec::new(),
        supersedes: Vec::new(),
        scripts: Scripts::default(),
    })
}

fn build() -> Result<PathBuf> {
    let top = checkout::top();
    // This target links statically.
    let target = Arch::HOST.rust_target();
    let mut command = checkout::toolchain()?.cargo();
    command
        .current_dir(&top)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--package=klpctl",
        ])
        .args(["--target", &target, "--target-dir"])
        .arg(top.join("target/static"))
        .env(
            "RUSTFLAGS",
            format!(
                "-Ctarget-feature=+crt-static -Cstrip=symbols --remap-path-prefix={}/=",
                top.display()
            ),
        );
    process::output(&mut command)?;
    Ok(top
        .join("target/static")
        .join(target)
        .join("release/klpctl"))
}

fn package(program: &Path, format: Format, publisher: &Publisher) -> Result<Package> {
    let mut files = vec![File {
        path: "/usr/sbin/klpctl".to_owned(),
        contents: read(program)?,
        mode: 0o755,
    }];
    let mut add = |path: String, contents| {
        files.push(File {
            path,
            contents,
            mode: 0o644,
        });
    };
    for path in listed(&checkout::top().join("klpctl/systemd"))? {
        add(
            format!("/usr/lib/systemd/system/{}", name(&path)),
            read(&path)?,
        );
    }
    let generated = tempfile::tempdir().context("cannot make a temporary folder")?;
    process::output(
        process::command(program)
            .arg("generate")
            .arg(generated.path()),
    )?;
    for path in listed(generated.path())? {
        let contents = read(&path)?;
        let (path, contents) = match place(&name(&path)) {
            Place::Completion(path) => (path.to_owned(), contents),
            Place::Manual(path) => (path, compressed(&contents)?),
        };
        add(path, contents);
    }
    let guide = checkout::top().join("docs/operators.md");
    let doc = match format {
        Format::Deb => "/usr/share/doc/klpctl",
        Format::Rpm => "/usr/share/doc/packages/klpctl",
    };
    add(format!("{doc}/operators.md"), read(&guide)?);
    if format == Format::Deb {
        // The program is static, so that it runs with any version of the system's libraries.
        let tag = "klpctl: shared-library-lacks-prerequisites [usr/sbin/klpctl]\n";
        add("/usr/share/lintian/overrides/klpctl".to_owned(), tag.into());
    }
    Ok(Package {
        name: "klpctl".to_owned(),
        summary: "Load, watch and revert kernel live patches".to_owned(),
        description: vec![
            "klpctl loads live patches of the Linux kernel and waits until all tasks use them, reverts those \
             that stall and reports the blocking tasks, loads installed patches at boot, and reports which \
             vulnerabilities are fixed on a machine."
                .to_owned(),
            "It works with patches in C and in Rust, from any source, on kernels from 6.1 on.".to_owned(),
        ],
        files,
        state_dir: Some(STORE.to_owned()),
        scripts: scripts(format),
        ..bare(publisher)?
    })
}

/// Where a file from `klpctl generate` is installed.
enum Place {
    Completion(&'static str),
    /// To be compressed.
    Manual(String),
}

fn place(name: &str) -> Place {
    match name {
        "klpctl.bash" => Place::Completion("/usr/share/bash-completion/completions/klpctl"),
        "_klpctl" => Place::Completion("/usr/share/zsh/vendor-completions/_klpctl"),
        "klpctl.fish" => Place::Completion("/usr/share/fish/vendor_completions.d/klpctl.fish"),
        page => Place::Manual(manual(page)),
    }
}

/// Where a manual page is installed.
fn manual(page: &str) -> String {
    format!("/usr/share/man/man8/{page}.gz")
}

fn compressed(data: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The package's scripts. They enable the units, which take effect at the next boot, so loaded patches stay as they
/// are. Units that the administrator disabled stay disabled in an upgrade: Debian has a program for that, and rpm
/// passes the number of installed versions.
fn scripts(format: Format) -> Scripts {
    let (enable, disable, invoke) = match format {
        Format::Deb => (
            format!("deb-systemd-helper enable {UNITS}\n"),
            format!("deb-systemd-helper disable {UNITS}\n"),
            "deb-systemd-invoke",
        ),
        Format::Rpm => (
            format!("if [ \"$1\" = 1 ]; then\n    systemctl enable {UNITS}\nfi\n"),
            // Without `|| :`, the package could not be removed on a system without systemd.
            format!("systemctl disable {UNITS} || :\n"),
            "systemctl",
        ),
    };
    // Errors of systemd must not leave the package half installed: the units take effect at the next boot anyway.
    let running = |commands: &[String]| {
        let commands = commands.iter().map(|it| format!("    {it} || true\n"));
        let commands: String = commands.collect();
        format!("if [ -d /run/systemd/system ]; then\n{commands}fi\n")
    };
    let reload = "systemctl daemon-reload".to_owned();
    Scripts {
        after_install: enable
            + &running(&[
                reload.clone(),
                format!("{invoke} start klpctl-trial.service klpctl-healthy.path"),
            ]),
        before_remove: running(&[format!(
            "{invoke} stop klpctl-healthy.path klpctl-healthy.timer klpctl-trial.service"
        )]) + &disable,
        after_remove: running(&[reload]),
        // Removes the helper's record of enabled units.
        after_purge: match format {
            Format::Deb => format!("deb-systemd-helper purge {UNITS}\n"),
            Format::Rpm => String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs a script with a fake systemctl that returns `status`. Returns the exit status, and systemctl's arguments.
    fn called(script: &str, argument: &str, status: u8) -> (Option<i32>, String) {
        let stub = format!("systemctl() {{ echo \"$*\"; return {status}; }}\n");
        let script = stub + &script.replace("/run/systemd/system", "/dev/null");
        let mut sh = Command::new("sh");
        let ran = sh.args(["-c", &script, "sh", argument]).output().unwrap();
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stdout).into_owned(),
        )
    }

    #[test]
    fn an_upgrade_does_not_enable_units() {
        let scripts = scripts(Format::Rpm);
        let (_, first) = called(&scripts.after_install, "1", 0);
        assert!(first.starts_with("enable "), "{first}");
        assert_eq!(called(&scripts.after_install, "2", 0).1, "");
    }

    #[test]
    fn front_ends_are_in_a_separate_package() {
        let publisher = Publisher {
            maintainer: "Jane Doe <jane@example.org>".to_owned(),
            homepage: None,
        };
        let package = front_ends(&publisher).unwrap();
        let paths: Vec<_> = package.files.iter().map(|it| it.path.as_str()).collect();
        let expected = [
            "/usr/sbin/klp",
            "/usr/share/man/man8/klp.8.gz",
            "/usr/sbin/kpatch",
            "/usr/share/man/man8/kpatch.8.gz",
        ];
        assert_eq!(paths, expected);
        assert_eq!(package.depends[0].name, "klpctl");
        let dir = tempfile::tempdir().unwrap();
        for format in [Format::Deb, Format::Rpm] {
            package.write(format, dir.path()).unwrap();
        }
    }

    #[test]
    fn the_package_can_be_removed_without_systemd() {
        let scripts = scripts(Format::Rpm);
        assert_eq!(called(&scripts.before_remove, "0", 127).0, Some(0));
    }
}
