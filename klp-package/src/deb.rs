// SPDX-License-Identifier: GPL-2.0-only

//! Writes packages in Debian's format, deb(5).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use md5::{Digest as _, Md5};

use crate::arch;
use crate::text::wrapped;
use crate::{Package, Relation, VersionReq};

pub(crate) fn file_name(package: &Package) -> String {
    format!(
        "{}_{}_{}.deb",
        package.name,
        version(package),
        arch::deb(package.machine)
    )
}

/// The version. The revision of a package from outside of Debian begins with 0.
fn version(package: &Package) -> String {
    format!("{}-0klp{}", package.version, package.revision)
}

pub(crate) fn bytes(package: &Package) -> Result<Vec<u8>> {
    let files = files(package)?;
    let parts = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", control_archive(package, &files)?),
        ("data.tar.gz", archive(&files, package)?),
    ];
    let mut builder = ar::Builder::new(Vec::new());
    for (name, data) in parts {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), data.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(seconds(package));
        builder.append(&header, data.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

/// A file in one of the two archives.
pub(crate) struct Entry {
    /// The path from the top of the archive.
    path: String,
    contents: Vec<u8>,
    mode: u32,
}

/// The installed files: the package's own, and those that Debian policy requires.
fn files(package: &Package) -> Result<Vec<Entry>> {
    let own = package.files.iter().map(|file| Entry {
        path: file.path.trim_start_matches('/').to_owned(),
        contents: file.contents.clone(),
        mode: file.mode,
    });
    let doc = format!("usr/share/doc/{}", package.name);
    let required = [
        Entry {
            path: format!("{doc}/changelog.Debian.gz"),
            contents: gzip(changelog(package).as_bytes(), Compression::best())?,
            mode: 0o644,
        },
        Entry {
            path: format!("{doc}/copyright"),
            contents: copyright(package).into_bytes(),
            mode: 0o644,
        },
    ];
    let mut all: Vec<_> = own.chain(required).collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

fn control_archive(package: &Package, files: &[Entry]) -> Result<Vec<u8>> {
    let mut sums = String::new();
    for file in files {
        let _ = writeln!(sums, "{}  {}", hex(&Md5::digest(&file.contents)), file.path);
    }
    let entry = |path: &str, contents: String, mode| Entry {
        path: path.to_owned(),
        contents: contents.into_bytes(),
        mode,
    };
    let mut all = vec![
        entry("control", control(package, files), 0o644),
        entry("md5sums", sums, 0o644),
    ];
    let scripts = &package.scripts;
    let mut after_purge = scripts.after_purge.clone();
    if let Some(dir) = &package.state_dir {
        let _ = writeln!(after_purge, "rm -rf {dir}");
    }
    for (name, body) in [
        // `abort-remove`: the replacement could not be installed, but prerm has run.
        (
            "postinst",
            script(&[("configure | abort-remove", &scripts.after_install)]),
        ),
        ("prerm", script(&[("remove", &scripts.before_remove)])),
        (
            "postrm",
            script(&[("remove", &scripts.after_remove), ("purge", &after_purge)]),
        ),
    ] {
        if let Some(body) = body {
            all.push(entry(name, body, 0o755));
        }
    }
    archive(&all, package)
}

/// A maintainer script from pairs of dpkg actions, separated by `|`, and the commands to run for them.
fn script(cases: &[(&str, &str)]) -> Option<String> {
    let mut text = "#!/bin/sh\nset -e\ncase \"$1\" in\n".to_owned();
    let cases = cases.iter().filter(|(_, commands)| !commands.is_empty());
    for (actions, commands) in cases.clone() {
        let _ = writeln!(text, "{actions})");
        for line in commands.lines() {
            let _ = writeln!(text, "    {line}");
        }
        text.push_str("    ;;\n");
    }
    text.push_str("esac\n");
    (cases.count() > 0).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn control(package: &Package, files: &[Entry]) -> String {
    let size: usize = files
        .iter()
        .map(|file| file.contents.len().div_ceil(1024))
        .sum();
    let mut text = format!(
        "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {size}\n",
        package.name,
        version(package),
        arch::deb(package.machine),
        package.maintainer
    );
    let depends = package.depends.iter().map(relation).collect();
    let supersedes = package.supersedes.clone();
    // dpkg removes a superseded package only with both fields.
    for (field, packages) in [
        ("Depends", depends),
        ("Conflicts", supersedes.clone()),
        ("Replaces", supersedes),
    ] {
        if !packages.is_empty() {
            let _ = writeln!(text, "{field}: {}", packages.join(", "));
        }
    }
    let _ = writeln!(text, "Section: {}\nPriority: optional", package.section);
    if let Some(homepage) = &package.homepage {
        let _ = writeln!(text, "Homepage: {homepage}");
    }
    let _ = writeln!(text, "Description: {}", package.summary);
    for (index, paragraph) in package.description.iter().enumerate() {
        if index > 0 {
            text.push_str(" .\n");
        }
        for line in wrapped(paragraph) {
            let _ = writeln!(text, " {line}");
        }
    }
    text
}

fn relation(relation: &Relation) -> String {
    match &relation.version {
        VersionReq::Any => relation.name.clone(),
        VersionReq::Exactly(version) => format!("{} (= {version})", relation.name),
        VersionReq::AtLeast(version) => format!("{} (>= {version})", relation.name),
    }
}

fn changelog(package: &Package) -> String {
    let time = package.time.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let change = wrapped(&package.change).join("\n    ");
    format!(
        "{} ({}) unstable; urgency=high\n\n  * {change}\n\n -- {}  {time}\n",
        package.name,
        version(package),
        package.maintainer
    )
}

/// The file `copyright` in Debian's machine-readable format.
fn copyright(package: &Package) -> String {
    let year = package.time.strftime("%Y");
    let authors = match package.authors.as_slice() {
        [] => package.maintainer.clone(),
        authors => authors.join(", "),
    };
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         \n\
         Files: *\n\
         Copyright: {year} {authors}\n\
         License: GPL-2\n \
         This program is free software; you can redistribute it and/or modify it\n \
         under the terms of version 2 of the GNU General Public License as\n \
         published by the Free Software Foundation.\n \
         .\n \
         On Debian systems, its full text is in /usr/share/common-licenses/GPL-2.\n"
    )
}

/// A compressed archive of the files and their folders.
fn archive(entries: &[Entry], package: &Package) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::from([String::new()]);
    for entry in entries {
        let parents = Path::new(&entry.path).ancestors().skip(1);
        folders.extend(parents.map(|parent| parent.to_string_lossy().into_owned()));
    }
    for folder in folders {
        let path = match folder.as_str() {
            "" => "./".to_owned(),
            folder => format!("./{folder}/"),
        };
        append(
            &mut builder,
            package,
            &path,
            tar::EntryType::Directory,
            0o755,
            &[],
        )?;
    }
    for entry in entries {
        let path = format!("./{}", entry.path);
        let kind = tar::EntryType::Regular;
        append(
            &mut builder,
            package,
            &path,
            kind,
            entry.mode,
            &entry.contents,
        )?;
    }
    gzip(&builder.into_inner()?, Compression::best())
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    package: &Package,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    contents: &[u8],
) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(seconds(package));
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_size(contents.len() as u64);
    // Keep the leading `./`, as dpkg-deb writes it; `set_path` removes it.
    let name = &mut header.as_gnu_mut().context("not a GNU header")?.name;
    if path.len() < name.len() {
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, contents)?;
    } else {
        builder.append_data(&mut header, path, contents)?;
    }
    Ok(())
}

fn seconds(package: &Package) -> u64 {
    u64::try_from(package.time.as_second()).unwrap_or_default()
}

/// Compresses data, with neither time nor name in the header, as lintian requires.
fn gzip(data: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut encoder: GzEncoder<Vec<u8>> = GzBuilder::new().write(Vec::new(), level);
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn commands_run_for_their_actions_only() {
        assert_eq!(script(&[("configure", "")]), None);
        let cases = [
            ("configure | abort-remove", "echo one\necho two\n"),
            ("none", ""),
            ("purge", "echo three"),
        ];
        let text = script(&cases).unwrap_or_default();
        assert!(text.starts_with("#!/bin/sh\nset -e\n"), "{text}");
        let printed = |action: &str| {
            let mut sh = std::process::Command::new("sh");
            let ran = sh.args(["-c", &text, "sh", action]).output().unwrap();
            String::from_utf8(ran.stdout).unwrap()
        };
        for action in ["configure", "abort-remove"] {
            assert_eq!(printed(action), "one\ntwo\n", "{action}");
        }
        assert_eq!(printed("purge"), "three\n");
        for action in ["abort-upgrade", "remove", "none"] {
            assert_eq!(printed(action), "", "{action}");
        }
    }

    /// The control files of a package, by name.
    fn control_files(package: &Package) -> BTreeMap<String, String> {
        let archive = control_archive(package, &[]).unwrap();
        let archive = flate2::read::GzDecoder::new(archive.as_slice());
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            found.insert(path, text);
        }
        found
    }

    #[test]
    fn only_purge_removes_the_state_folder() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let package = Package {
            state_dir: Some(state.display().to_string()),
            ..crate::tests::package()
        };
        let script = &control_files(&package)["./postrm"];
        for (action, is_left) in [("remove", true), ("upgrade", true), ("purge", false)] {
            std::fs::create_dir_all(state.join("6.12.1")).unwrap();
            let mut sh = std::process::Command::new("sh");
            assert!(
                sh.args(["-c", script, "sh", action])
                    .status()
                    .unwrap()
                    .success()
            );
            assert_eq!(state.exists(), is_left, "{action}");
        }
    }
}
