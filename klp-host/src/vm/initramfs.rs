// SPDX-License-Identifier: GPL-2.0-only

//! Builds the guest's initramfs: collects files of the host, and writes them as an uncompressed newc
//! cpio archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

/// Symbolic links for old folder names, and their targets: as on a host with merged `/usr`, and with one
/// folder for all programs.
const MERGED: [(&str, &str); 5] = [
    ("bin", "usr/bin"),
    ("sbin", "usr/bin"),
    ("usr/sbin", "usr/bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
];

/// Mount points of the guest.
const MOUNTED: [&str; 3] = ["dev", "proc", "sys"];

/// One entry of the tree.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Node {
    Directory(u32),
    /// A file of the host, and its mode.
    Host(PathBuf, u32),
    /// The contents of a file, and its mode.
    Text(Vec<u8>, u32),
    Symlink(PathBuf),
    /// A character device: major, minor.
    Device(u32, u32),
}

/// The files of the guest, by path relative to its root.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Tree {
    /// Creates a tree with the folders and devices of every guest.
    pub(super) fn new() -> Self {
        let mut nodes = BTreeMap::new();
        for dir in [
            "dev",
            "etc",
            "klp",
            "proc",
            "root",
            "run",
            "sys",
            "usr",
            "usr/bin",
            "usr/lib",
            "usr/lib64",
            "var",
        ] {
            nodes.insert(PathBuf::from(dir), Node::Directory(0o755));
        }
        nodes.insert("tmp".into(), Node::Directory(0o1777));
        // The kernel opens it for init, before devtmpfs is mounted.
        nodes.insert("dev/console".into(), Node::Device(5, 1));
        nodes.insert("dev/null".into(), Node::Device(1, 3));
        for (name, target) in MERGED {
            nodes.insert(name.into(), Node::Symlink(Path::new("/").join(target)));
        }
        Self { nodes }
    }

    /// Whether the guest path exists.
    pub(super) fn contains(&self, guest: &Path) -> bool {
        tree_path(guest).is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// Adds a file with these contents.
    pub(super) fn text(
        &mut self,
        guest: &str,
        content: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Result<()> {
        self.put(Path::new(guest), Node::Text(content.into(), mode))
    }

    /// Adds a symbolic link.
    pub(super) fn symlink(&mut self, guest: &Path, target: &Path) -> Result<()> {
        self.put(guest, Node::Symlink(target.into()))
    }

    /// Adds one file of the host, with its mode, following symbolic links.
    pub(super) fn file(&mut self, guest: &Path, host: &Path) -> Result<()> {
        let meta = fs::metadata(host).with_context(|| format!("cannot read {}", host.display()))?;
        if !meta.is_file() {
            bail!("{} is not a file", host.display());
        }
        let mode = meta.permissions().mode() & 0o7777;
        self.put(guest, Node::Host(host.into(), mode))
    }

    /// Adds a file, or a folder with its contents. Returns the ELF programs among the files.
    pub(super) fn copy(&mut self, guest: &Path, host: &Path) -> Result<Vec<PathBuf>> {
        let top = tree_path(guest)?;
        if top
            .iter()
            .next()
            .is_some_and(|first| MOUNTED.iter().any(|dir| first == *dir))
        {
            bail!(
                "cannot copy {} to {}: the guest mounts a file system there; choose another folder",
                host.display(),
                guest.display()
            );
        }
        let mut programs = Vec::new();
        for entry in WalkDir::new(host).sort_by_file_name() {
            let entry = entry.with_context(|| format!("cannot copy {}", host.display()))?;
            let inner = entry.path().strip_prefix(host).unwrap_or(Path::new(""));
            let target = if inner.as_os_str().is_empty() {
                guest.to_owned()
            } else {
                guest.join(inner)
            };
            self.copy_one(&target, entry.path(), entry.depth() == 0)?;
            if is_program(entry.path()) {
                programs.push(entry.into_path());
            }
        }
        Ok(programs)
    }

    /// Adds one file, link or folder, without its contents. Follows a symbolic link only at the top of the
    /// copy.
    fn copy_one(&mut self, guest: &Path, host: &Path, top: bool) -> Result<()> {
        let meta = if top {
            fs::metadata(host)
        } else {
            fs::symlink_metadata(host)
        }
        .with_context(|| format!("cannot read {}", host.display()))?;
        let kind = meta.file_type();
        if kind.is_symlink() {
            let target =
                fs::read_link(host).with_context(|| format!("cannot read {}", host.display()))?;
            self.symlink(guest, &target)
        } else if kind.is_dir() {
            let mode = meta.permissions().mode() & 0o7777;
            self.put(guest, Node::Directory(mode))
        } else if kind.is_file() {
            self.file(guest, host)
        } else {
            bail!(
                "cannot copy {}: it is neither file, folder nor link",
                host.display()
            )
        }
    }

    /// Inserts the node, and missing parent folders. Keeps an existing folder.
    fn put(&mut self, guest: &Path, node: Node) -> Result<()> {
        let path = tree_path(guest)?;
        for parent in path
            .ancestors()
            .skip(1)
            .filter(|dir| !dir.as_os_str().is_empty())
        {
            match self.nodes.get(parent) {
                Some(Node::Directory(_)) => {}
                Some(_) => bail!(
                    "cannot put {} into the guest: /{} is not a folder there",
                    guest.display(),
                    parent.display()
                ),
                None => {
                    self.nodes.insert(parent.into(), Node::Directory(0o755));
                }
            }
        }
        let is_dir = matches!(node, Node::Directory(_));
        match self.nodes.get(&path) {
            Some(Node::Directory(_)) if is_dir => Ok(()),
            Some(Node::Directory(_)) => {
                bail!(
                    "cannot put a file at {}: the guest has a folder there",
                    guest.display()
                )
            }
            Some(_) if is_dir => {
                bail!(
                    "cannot put a folder at {}: the guest has a file there",
                    guest.display()
                )
            }
            _ => {
                self.nodes.insert(path, node);
                Ok(())
            }
        }
    }

    /// Writes the archive. Returns its size.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<u64> {
        let mut out = Counted {
            inner: out,
            count: 0,
        };
        for (number, (path, node)) in (1..).zip(&self.nodes) {
            write_node(&mut out, number, path, node)
                .with_context(|| format!("cannot write /{} into the initramfs", path.display()))?;
        }
        cpio::newc::trailer(&mut out).context("cannot end the initramfs")?;
        Ok(out.count)
    }
}

fn write_node(out: &mut impl Write, number: u32, path: &Path, node: &Node) -> Result<()> {
    let name = path.to_str().context("its name is not UTF-8")?;
    let entry = cpio::newc::Builder::new(name).ino(number);
    match node {
        Node::Directory(mode) => content(out, entry.mode(DIRECTORY | mode), &b""[..], 0),
        Node::Symlink(target) => {
            let target = target
                .to_str()
                .context("the link's target is not UTF-8")?
                .as_bytes();
            content(
                out,
                entry.mode(SYMLINK | 0o777),
                target,
                target.len() as u64,
            )
        }
        Node::Text(text, mode) => content(
            out,
            entry.mode(REGULAR | mode),
            &text[..],
            text.len() as u64,
        ),
        Node::Host(host, mode) => {
            let file =
                File::open(host).with_context(|| format!("cannot open {}", host.display()))?;
            let size = file.metadata()?.len();
            content(out, entry.mode(REGULAR | mode), file, size)
        }
        Node::Device(major, minor) => {
            let entry = entry
                .mode(CHARACTER | 0o600)
                .rdev_major(*major)
                .rdev_minor(*minor);
            content(out, entry, &b""[..], 0)
        }
    }
}

fn content(
    out: &mut impl Write,
    entry: cpio::newc::Builder,
    mut from: impl io::Read,
    size: u64,
) -> Result<()> {
    let size32 = u32::try_from(size).context("it is larger than 4 GiB")?;
    let mut writer = entry.write(out, size32);
    if io::copy(&mut (&mut from).take(size), &mut writer)? != size {
        bail!("it became shorter while it was read; try again");
    }
    writer.finish()?;
    Ok(())
}

/// Counts the written bytes.
struct Counted<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Returns the path in the tree of an absolute guest path.
fn tree_path(guest: &Path) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for part in guest.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::ParentDir | Component::Prefix(_) => {
                bail!("the guest path {} must not contain `..`", guest.display())
            }
        }
        if let Some((_, target)) = MERGED.iter().find(|(name, _)| path == Path::new(name)) {
            path = PathBuf::from(target);
        }
    }
    if !guest.is_absolute() || path.as_os_str().is_empty() {
        bail!(
            "the guest path {} must be absolute and name a file or folder",
            guest.display()
        );
    }
    Ok(path)
}

/// Whether this is an ELF program, which may need shared libraries.
fn is_program(path: &Path) -> bool {
    let Ok(meta) = fs::metadata(path) else {
        return false;
    };
    if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
        return false;
    }
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut magic))
        .is_ok_and(|()| magic == *b"\x7fELF")
}

use std::io::Read as _;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive back: path, mode, content.
    fn read(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut rest = archive;
        let mut entries = Vec::new();
        loop {
            let mut reader = cpio::newc::Reader::new(rest).expect("an archive");
            if reader.entry().is_trailer() {
                return entries;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut text = Vec::new();
            reader.read_to_end(&mut text).expect("content");
            entries.push((name, mode, text));
            rest = reader.finish().expect("next entry");
        }
    }

    fn written(tree: &Tree) -> Vec<(String, u32, Vec<u8>)> {
        let mut archive = Vec::new();
        let size = tree.write(&mut archive).expect("an archive");
        assert_eq!(size, archive.len() as u64);
        read(&archive)
    }

    #[test]
    fn old_folder_names_are_resolved() {
        for (guest, inside) in [
            ("/bin/stat", "usr/bin/stat"),
            ("/sbin/insmod", "usr/bin/insmod"),
            ("/usr/sbin/sysctl", "usr/bin/sysctl"),
            (
                "/lib/x86_64-linux-gnu/libc.so.6",
                "usr/lib/x86_64-linux-gnu/libc.so.6",
            ),
            (
                "/lib64/ld-linux-x86-64.so.2",
                "usr/lib64/ld-linux-x86-64.so.2",
            ),
            ("/opt/bin/tool", "opt/bin/tool"),
            ("/./a//b/", "a/b"),
        ] {
            assert_eq!(tree_path(Path::new(guest)).expect(guest), Path::new(inside));
        }
        for bad in ["relative", "/", "/a/../b", ""] {
            assert!(tree_path(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn parents_come_before_children() {
        let mut tree = Tree::new();
        tree.text("/a/b/c", "x", 0o644).expect("put");
        let names: Vec<_> = written(&tree).into_iter().map(|entry| entry.0).collect();
        let at = |name: &str| names.iter().position(|entry| entry == name).expect(name);
        assert!(at("a") < at("a/b") && at("a/b") < at("a/b/c"));
        assert!(at("usr") < at("usr/bin"));
    }

    #[test]
    fn folders_are_copied_with_modes_and_links() {
        let host = tempfile::tempdir().expect("a folder");
        fs::create_dir(host.path().join("sub")).expect("sub");
        fs::write(host.path().join("sub/run"), "#!/bin/sh\n").expect("run");
        fs::set_permissions(
            host.path().join("sub/run"),
            fs::Permissions::from_mode(0o750),
        )
        .expect("mode");
        std::os::unix::fs::symlink("sub/run", host.path().join("link")).expect("link");

        let mut tree = Tree::new();
        let programs = tree.copy(Path::new("/data"), host.path()).expect("copy");
        assert!(programs.is_empty(), "a script needs no libraries");
        let entries = written(&tree);
        let find = |name: &str| entries.iter().find(|entry| entry.0 == name).expect(name);
        assert_eq!(find("data/sub/run").1, REGULAR | 0o750);
        assert_eq!(find("data/sub/run").2, b"#!/bin/sh\n");
        assert_eq!(find("data/link").1 & 0o170_000, SYMLINK);
        assert_eq!(find("data/link").2, b"sub/run");
    }

    #[test]
    fn programs_are_returned() {
        let mut tree = Tree::new();
        let programs = tree
            .copy(Path::new("/data/sh"), Path::new("/bin/sh"))
            .expect("copy");
        assert_eq!(programs, [Path::new("/bin/sh")]);
    }

    #[test]
    fn hidden_or_conflicting_files_are_refused() {
        let mut tree = Tree::new();
        let hidden = tree
            .copy(Path::new("/proc/x"), Path::new("/bin/sh"))
            .expect_err("hidden");
        assert!(
            hidden.to_string().contains("choose another folder"),
            "{hidden}"
        );
        let clash = tree
            .copy(Path::new("/etc"), Path::new("/bin/sh"))
            .expect_err("clash");
        assert!(clash.to_string().contains("has a folder there"), "{clash}");
        tree.text("/etc/conf", "", 0o644).expect("put");
        let below = tree
            .text("/etc/conf/x", "", 0o644)
            .expect_err("below a file");
        assert!(below.to_string().contains("not a folder"), "{below}");
        let gone = tree
            .copy(Path::new("/x"), Path::new("/nonexistent"))
            .expect_err("missing");
        assert!(format!("{gone:#}").contains("/nonexistent"), "{gone:#}");
    }
}
