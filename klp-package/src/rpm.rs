// SPDX-License-Identifier: GPL-2.0-only

//! Writes packages in the rpm format of Fedora, SUSE and others.

use anyhow::{Context as _, Result};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder, Timestamp};

use crate::arch;
use crate::text::wrapped;
use crate::{Package, Relation, VersionReq};

const LICENCE: &str = "GPL-2.0-only";

pub(crate) fn file_name(package: &Package) -> String {
    format!(
        "{}-{}-{}.{}.rpm",
        package.name,
        package.version,
        package.revision,
        arch::rpm(package.machine)
    )
}

pub(crate) fn bytes(package: &Package) -> Result<Vec<u8>> {
    let time = u32::try_from(package.time.as_second()).context("the time is out of range")?;
    let config = BuildConfig::v4()
        .compression(CompressionType::Gzip)
        .source_date(time);
    let mut builder = PackageBuilder::new(
        &package.name,
        &package.version,
        LICENCE,
        arch::rpm(package.machine),
        &package.summary,
    );
    builder
        .using_config(config)
        .release(package.revision.to_string())
        .description(description(package))
        .group("System/Kernel")
        .packager(&package.maintainer)
        .vendor(&package.maintainer)
        .build_host("localhost")
        .add_changelog_entry(
            format!(
                "{} - {}-{}",
                package.maintainer, package.version, package.revision
            ),
            format!("- {}", package.change),
            Timestamp(time),
        );
    if let Some(homepage) = &package.homepage {
        builder.url(homepage);
    }
    for file in &package.files {
        let mode = u16::try_from(file.mode).context("the mode is out of range")?;
        let options = FileOptions::new(&file.path).permissions(mode);
        let is_doc = ["/usr/share/doc/", "/usr/share/man/"];
        let options = match is_doc.iter().any(|dir| file.path.starts_with(dir)) {
            true => options.doc(),
            false => options,
        };
        builder.with_file_contents(file.contents.clone(), options)?;
    }
    if let Some(dir) = &package.state_dir {
        builder.with_dir_entry(FileOptions::dir(dir).permissions(0o755))?;
    }
    let readme = format!("/usr/share/doc/packages/{}/README", package.name);
    let options = FileOptions::new(readme).permissions(0o644).doc();
    builder.with_file_contents(description(package) + "\n", options)?;
    for relation in &package.depends {
        builder.requires(dependency(relation));
    }
    for name in &package.supersedes {
        builder.obsoletes(Dependency::any(name));
    }
    scripts(&mut builder, package);
    let mut bytes = Vec::new();
    builder.build()?.write(&mut bytes)?;
    Ok(bytes)
}

fn description(package: &Package) -> String {
    let paragraphs = package.description.iter();
    let paragraphs: Vec<_> = paragraphs.map(|text| wrapped(text).join("\n")).collect();
    paragraphs.join("\n\n")
}

/// Adds the scripts. rpm passes the number of versions of the package that stay installed: 0 on removal.
fn scripts(builder: &mut PackageBuilder, package: &Package) {
    let scripts = &package.scripts;
    let removed = |commands: &str| format!("if [ \"$1\" = 0 ]; then\n{commands}fi\n");
    if !scripts.after_install.is_empty() {
        builder.post_install_script(scripts.after_install.as_str());
    }
    if !scripts.before_remove.is_empty() {
        builder.pre_uninstall_script(removed(&scripts.before_remove));
    }
    if !scripts.after_remove.is_empty() {
        builder.post_uninstall_script(removed(&scripts.after_remove));
    }
}

fn dependency(relation: &Relation) -> Dependency {
    let name = &relation.name;
    match &relation.version {
        VersionReq::Any => Dependency::any(name),
        VersionReq::Exactly(version) => Dependency::eq(name, version),
        VersionReq::AtLeast(version) => Dependency::greater_eq(name, version),
    }
}
