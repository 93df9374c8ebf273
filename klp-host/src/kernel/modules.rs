// SPDX-License-Identifier: GPL-2.0-only

//! Kernel modules: fetches those of Debian's kernel, and resolves dependencies.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::{Module, Modules, read_module};

use super::debian_kernel::DebianKernel;
use super::metadata::KernelMetadata;
use super::{debian_packages, debian_release, package_files};
use crate::apt::Archive;
use crate::cache::Cache;
use crate::host::consent::is_offline;
use crate::host::progress::say;

/// The maximal size of a module.
const LARGEST: u64 = 1 << 30;

/// The maximal number of modules, with dependencies.
const MOST: usize = 256;

/// Returns the folder with the modules of Debian's kernel, fetched first if needed (about
/// 110 MB). `None`, with a note, if the network is forbidden and the cache has none.
pub fn of_stock(cache: &Cache, kernel: DebianKernel) -> Result<Option<PathBuf>> {
    if let Some(dir) = of_stock_if_there(cache, kernel) {
        return Ok(Some(dir));
    }
    if is_offline() {
        say(
            "note: the cache has no modules of Debian's kernel, and --offline forbids fetching them: \
             patches of modules cannot be checked",
        );
        return Ok(None);
    }
    let archive = Archive::new(cache);
    debian_release::with_release(&archive, kernel, false, |release| {
        debian_packages::modules(&archive, release, &unpack)
    })
    .map(Some)
}

/// As [`of_stock`], only from the cache.
pub fn of_stock_if_there(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    debian_packages::cached_modules(cache, kernel)
}

/// Unpacks the modules of a package, without decompressing them.
fn unpack(package: &Path, dir: &Path) -> Result<()> {
    let mut count = 0;
    package_files::visit(package, &mut |path, size, file| {
        count += u32::from(unpack_file(path, size, file, dir)?);
        Ok(())
    })?;
    ensure!(count > 0, "{} has no modules", package.display());
    Ok(())
}

/// Writes a file of the package into the folder if it is a module, and returns whether it is.
fn unpack_file(path: &Path, size: u64, mut content: &mut dyn Read, dir: &Path) -> Result<bool> {
    let Some(inside) = inside(path) else {
        return Ok(false);
    };
    ensure!(
        size <= LARGEST,
        "{} is too large: {size} bytes",
        path.display()
    );
    let target = dir.join(inside);
    let mut write = || -> io::Result<()> {
        fs::create_dir_all(target.parent().unwrap_or(dir))?;
        io::copy(&mut content, &mut File::create_new(&target)?).map(drop)
    };
    write().with_context(|| format!("cannot write {}", target.display()))?;
    Ok(true)
}

/// Returns the path of a module in a package from `kernel/` on; `None` for other files.
fn inside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let is_module = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"]
        .iter()
        .any(|ending| name.ends_with(ending));
    // `./usr/lib/modules/RELEASE/kernel/...`, without `usr` in older packages.
    let parts: Option<Vec<_>> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    let parts = parts?;
    let lib = parts.iter().position(|part| *part == "lib")?;
    let is_tree = parts.get(lib + 1).is_some_and(|part| *part == "modules")
        && parts.get(lib + 3).is_some_and(|part| *part == "kernel");
    (is_module && is_tree).then(|| parts[lib + 3..].iter().collect())
}

/// A module to load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loadable {
    /// Its name in `lsmod`.
    pub name: String,
    /// Its contents, decompressed.
    pub data: Vec<u8>,
    /// Whether only soft dependencies require it, so that failing to load it is not an error.
    pub is_optional: bool,
}

/// Returns these modules with all dependencies, in loading order. Of soft dependencies, the existing ones that are to
/// be loaded before the module, such as cryptographic algorithms that it requests by name when it is loaded.
///
/// # Errors
///
/// One is missing, or cannot be read.
pub fn with_dependencies(known: &KernelMetadata, names: &[String]) -> Result<Vec<Loadable>> {
    let folders = known.module_folders();
    let files = Modules::find(&folders)?;
    let mut found = Found {
        files,
        folders: &folders,
        done: Vec::new(),
        entered: Vec::new(),
    };
    for name in names {
        found.add(name, Why::Requested)?;
    }
    Ok(found.done)
}

/// The reason to load a module.
#[derive(Clone, Copy, Debug)]
enum Why<'a> {
    Requested,
    /// This module depends on it.
    Depends(&'a str),
    /// A soft dependency, of which no symbols are used.
    Optional,
}

struct Found<'a> {
    files: Modules,
    folders: &'a [PathBuf],
    done: Vec<Loadable>,
    /// The names of all modules visited.
    entered: Vec<String>,
}

impl Found<'_> {
    fn add(&mut self, name: &str, why: Why<'_>) -> Result<()> {
        let name = name.replace('-', "_");
        if self.entered.contains(&name) {
            if !matches!(why, Why::Optional) {
                let done = self.done.iter_mut().filter(|module| module.name == name);
                done.for_each(|module| module.is_optional = false);
            }
            return Ok(());
        }
        ensure!(
            self.entered.len() < MOST,
            "more than {MOST} modules depend on each other"
        );
        self.entered.push(name.clone());
        let Some(path) = self.files.get(&name) else {
            bail!("{}", self.missing(&name, why));
        };
        let data = read_module(&path)?;
        let info = Module::parse(&data)
            .and_then(|module| module.modinfo())
            .with_context(|| format!("cannot read {}", path.display()))?;
        let depends: Vec<String> = info
            .values("depends")
            .flat_map(|names| {
                let names = names.escaped();
                names.split(',').map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|name| !name.is_empty())
            .collect();
        let soft: Vec<String> = info
            .values("softdep")
            .flat_map(|names| before(&names.escaped()))
            .collect();
        for name in soft {
            if let Some(other) = self.file_of_soft(&name) {
                self.add(&other, Why::Optional)?;
            }
        }
        for other in depends {
            self.add(&other, Why::Depends(&name))?;
        }
        self.done.push(Loadable {
            name,
            data,
            is_optional: matches!(why, Why::Optional),
        });
        Ok(())
    }

    /// Returns the module that a soft dependency on `name` loads, if it exists; for an algorithm, the generic
    /// implementation. Aliases are not resolved: file names do not contain them.
    fn file_of_soft(&self, name: &str) -> Option<String> {
        let name = name.replace('-', "_");
        [name.clone(), format!("{name}_generic")]
            .into_iter()
            .find(|name| self.files.get(name).is_some())
    }

    fn missing(&self, name: &str, why: Why<'_>) -> String {
        let why = match why {
            Why::Depends(other) => format!(", which `{other}` depends on"),
            Why::Requested | Why::Optional => String::new(),
        };
        let name = name.escape_default();
        match self.folders {
            [] => format!(
                "there is no module `{name}`{why}: no folder with this kernel's modules is known; \
                 set KLP_MODULES to one"
            ),
            [first, ..] => format!(
                "there is no module `{name}`{why} in {}: `lsmod` shows the name of a module; what is \
                 built into the kernel itself needs no --module",
                first.display()
            ),
        }
    }
}

/// Returns the modules that a soft dependency (`pre: a b post: c`) loads before.
fn before(softdep: &str) -> Vec<String> {
    let words = softdep.split_whitespace();
    words
        .skip_while(|word| *word != "pre:")
        .skip(1)
        .take_while(|word| *word != "post:")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_paths_in_packages_are_recognised() {
        let inside = |path: &str| inside(Path::new(path));
        let some = |path: &str| Some(PathBuf::from(path));
        assert_eq!(
            inside("./usr/lib/modules/7.2/kernel/net/sctp/sctp.ko.xz"),
            some("kernel/net/sctp/sctp.ko.xz")
        );
        assert_eq!(inside("lib/modules/7.2/kernel/a.ko"), some("kernel/a.ko"));
        for path in [
            "./usr/lib/modules/7.2/modules.order",
            "./usr/lib/modules/7.2/vmlinuz",
            "./usr/lib/modules/7.2/updates/a.ko",
            "./usr/share/kernel/a.ko",
            "./usr/lib/modules/7.2/kernel/../../../../etc/a.ko",
            "/lib/modules/7.2/kernel/a.ko",
        ] {
            assert_eq!(inside(path), None, "{path}");
        }
    }

    #[test]
    fn a_package_without_modules_is_refused_and_others_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let mut content: &[u8] = b"text";
        let path = Path::new("./usr/lib/modules/7.2/kernel/net/a.ko.xz");
        assert!(unpack_file(path, 4, &mut content, dir.path()).unwrap());
        let file = dir.path().join("kernel/net/a.ko.xz");
        assert_eq!(fs::read(file).unwrap(), b"text");
        let too_large = unpack_file(path, LARGEST + 1, &mut content, dir.path());
        assert!(too_large.unwrap_err().to_string().contains("too large"));
        assert!(!unpack_file(Path::new("./a.ko"), 4, &mut content, dir.path()).unwrap());
    }

    /// A module that depends on others.
    fn module(dir: &Path, name: &str, depends: &str) {
        let info = format!("license=GPL\0depends={depends}\0name={name}\0");
        fs::write(dir.join(format!("{name}.ko")), elf(info.as_bytes())).unwrap();
    }

    /// A relocatable file with `.modinfo`.
    fn elf(info: &[u8]) -> Vec<u8> {
        use object::write::{Object, StandardSegment};
        use object::{Architecture, BinaryFormat, Endianness, SectionKind};
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let segment = object.segment_name(StandardSegment::Data).to_vec();
        let section = object.add_section(segment, b".modinfo".to_vec(), SectionKind::Data);
        object.set_section_data(section, info.to_vec(), 1);
        object.write().unwrap()
    }

    fn known(dir: &Path) -> KernelMetadata {
        KernelMetadata {
            modules: Some(dir.to_owned()),
            ..KernelMetadata::default()
        }
    }

    fn load(known: &KernelMetadata, names: &[&str]) -> Result<Vec<String>> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = with_dependencies(known, &names)?;
        Ok(found.into_iter().map(|module| module.name).collect())
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let dir = tempfile::tempdir().unwrap();
        module(dir.path(), "top", "left,right");
        module(dir.path(), "left", "base-part");
        module(dir.path(), "right", "base_part,top");
        module(dir.path(), "base-part", "");
        let known = known(dir.path());
        let all = load(&known, &["top", "left"]).unwrap();
        assert_eq!(all, ["base_part", "left", "right", "top"]);
        assert_eq!(load(&known, &["base-part"]).unwrap(), ["base_part"]);
    }

    #[test]
    fn soft_dependencies_come_first_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let info = "softdep=pre: crc32c gone sha-256 post: later\0depends=hard\0";
        fs::write(dir.path().join("top.ko"), elf(info.as_bytes())).unwrap();
        for name in ["hard", "crc32c_generic", "sha_256", "later"] {
            module(dir.path(), name, "");
        }
        let found = with_dependencies(&known(dir.path()), &["top".to_owned()]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|module| (module.name.as_str(), module.is_optional))
            .collect();
        assert_eq!(
            found,
            [
                ("crc32c_generic", true),
                ("sha_256", true),
                ("hard", false),
                ("top", false)
            ]
        );
    }

    #[test]
    fn missing_modules_are_named() {
        let dir = tempfile::tempdir().unwrap();
        module(dir.path(), "top", "gone");
        let refused = |known: &KernelMetadata, name| load(known, &[name]).unwrap_err().to_string();
        let text = refused(&known(dir.path()), "top");
        assert!(
            text.contains("no module `gone`, which `top` depends on"),
            "{text}"
        );
        let text = refused(&known(dir.path()), "other");
        assert!(text.contains("needs no --module"), "{text}");
        let text = refused(&KernelMetadata::default(), "other");
        assert!(text.contains("KLP_MODULES"), "{text}");
        let text = refused(&known(&dir.path().join("none")), "other");
        assert!(text.contains("correct KLP_MODULES"), "{text}");
    }
}
