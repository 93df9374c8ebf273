// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp build`: builds the modules of a patch, and tests them in a virtual machine if requested.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use klp_elf::inlined::ENDING;
use klp_elf::{Module, VMLINUX};
use klp_host::cache::{Cache, Key};
use klp_host::freestanding;
use klp_host::host::progress::say;
use klp_host::kernel::debug_info;
use klp_host::module::{Built, Folder, WITHOUT_BTF, sources};
use klp_host::tools::needs::Needs;

use crate::analyzer;
use crate::bundled::Klp;
use crate::inlined::{self, DebugInfo};
use crate::kernel::{Choice, Target};
use crate::patch::Patch;
use crate::signing::Signing;
use crate::trial::{Trial, TrialOptions};
use crate::version;

#[derive(Args, Debug)]
pub(super) struct BuildArgs {
    /// Folder of the patch.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Target kernel: one of Debian's, which is fetched (`cargo klp kernels` lists them), `running`, or a kernel's build folder.
    #[arg(long, value_name = "KERNEL", default_value = "stock", value_parser = Choice::parse)]
    kernel: Choice,
    /// Boot the kernel in a virtual machine, and patch it there.
    #[arg(long)]
    vm: bool,
    #[command(flatten)]
    trial: TrialOptions,
    #[command(flatten)]
    debug_info: DebugInfo,
    /// Append the version of a cumulative patch to its module name, as in packages: `fix_foo_1_2`. A newer version can
    /// then be loaded beside it, and replaces it atomically.
    #[arg(long)]
    versioned: bool,
    #[command(flatten)]
    signing: Signing,
}

impl BuildArgs {
    pub(super) fn run(self) -> Result<()> {
        let more = if self.vm {
            self.kernel.vm_needs()?
        } else {
            Needs::default()
        };
        let built = PatchFolder {
            dir: &self.dir,
            kernel: &self.kernel,
            debug_info: &self.debug_info,
            versioned: self.versioned.then_some(1),
            signing: &self.signing,
        }
        .build(more)?;
        if self.vm {
            let trial = Trial {
                kernel: &built.kernel,
                patches: &built.patches,
                others: &built.others,
                options: &self.trial,
            };
            trial.run()?;
        }
        for module in built.others.iter().chain(&built.patches) {
            println!("{}", module.display());
        }
        Ok(())
    }
}

/// A patch's folder, with the options for building it.
pub(super) struct PatchFolder<'a> {
    pub(super) dir: &'a Path,
    pub(super) kernel: &'a Choice,
    pub(super) debug_info: &'a DebugInfo,
    /// Appends the versions of cumulative patches to their module names, with this package revision.
    pub(super) versioned: Option<u32>,
    pub(super) signing: &'a Signing,
}

/// The result of building a folder.
pub(super) struct Modules {
    pub(super) kernel: Target,
    /// The live patches.
    pub(super) patches: Vec<PathBuf>,
    /// Other modules.
    pub(super) others: Vec<PathBuf>,
}

impl PatchFolder<'_> {
    /// Builds it. `needs` are packages that the caller needs for later steps, so that the user is asked only once.
    pub(super) fn build(&self, needs: Needs) -> Result<Modules> {
        let patch = Patch::open(self.dir)?;
        patch.check_sources()?;
        let needs = needs.and(self.signing.needs());
        self.kernel.needs()?.and(needs).get()?;
        let cache = Cache::open()?;
        let kernel = self.kernel.get(&cache)?;
        let klp = Klp::get(&cache, &kernel)?;
        // Before the build, because an editor is most useful if the build fails.
        if kernel.build.freestanding.is_some() {
            // There is no rust-project.json: the kernel has no crates to describe.
            freestanding::patch::check_crates(&kernel.build, &patch.sources())?;
        } else if let Err(error) = analyzer::write(&patch, &kernel, &klp) {
            say(&format!(
                "note: no rust-project.json for editors: {error:#}"
            ));
        }
        let indices = self
            .debug_info
            .indices(&cache, self.kernel, &kernel.known)?;
        let built = build(self, &cache, &patch, &kernel, &klp, indices)?;
        let (patches, others) = split(&built)?;
        Ok(Modules {
            kernel,
            patches,
            others,
        })
    }
}

/// Builds and signs the modules, while holding a lock on the folder.
fn build(
    options: &PatchFolder<'_>,
    cache: &Cache,
    patch: &Patch,
    kernel: &Target,
    klp: &Klp,
    mut indices: Vec<PathBuf>,
) -> Result<Built> {
    let key = Key::new().with("patch", patch.dir.as_os_str().as_encoded_bytes());
    let _lock = cache.lock(&format!("patch-{}", key.short()))?;
    let output = patch.output(&kernel.build)?;
    kernel.known.check_for_make()?;
    let mut known = kernel.known.clone();
    if known.vmlinux.is_none() {
        say(&format!(
            "note: no type information (vmlinux) in {}: signatures are not checked",
            kernel.build.dir.display()
        ));
    }
    let original = sources(&kernel.build, &patch.dir)?;
    let freestanding = patch.freestanding(&kernel.build, klp, &original, &output);
    let sources = match &freestanding {
        Some(freestanding) => {
            freestanding.stage()?;
            output.clone()
        }
        None => original.clone(),
    };
    let first = patch.prerequisites()?;
    let mut files = Vec::new();
    if !first.is_empty() {
        // Built first, so that the patch can be checked against their types.
        let folder = Folder {
            what: &format!("what {} patches", patch.name()),
            sources: &sources,
            output: &output,
            vars: &[],
            env: &[],
        };
        files = first.build(&folder, &kernel.build, known.vmlinux.as_deref())?;
        known = known.with_modules(&output);
    }
    for module in first.modules() {
        debug_info::of_module(&output.join(module))?;
    }
    let mut targets: Vec<_> = files.iter().map(|name| output.join(name)).collect();
    // The debug information of the prerequisites shows their inlined functions.
    indices.insert(0, output.clone());
    targets.extend(
        indices
            .iter()
            .map(|dir| dir.join(format!("{VMLINUX}.{ENDING}"))),
    );
    let mut env = known.env();
    env.push(inlined::variable(&indices)?);
    let vars = match &freestanding {
        Some(freestanding) => {
            freestanding.compile(&env)?;
            freestanding::patch::vars(&output)
        }
        None => {
            let rustflags = klp.rustflags(&known, &targets);
            [WITHOUT_BTF, ("KRUSTFLAGS", rustflags.as_str())]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        }
    };
    let folder = Folder {
        what: &patch.name(),
        sources: &sources,
        output: &output,
        vars: &vars,
        env: &env,
    };
    let mut built = folder.make(&kernel.build)?;
    for module in &mut built.modules {
        if let Some(revision) = options.versioned
            && let Some(path) = version::append_to_name(module, revision)?
        {
            *module = path;
        }
        options.signing.apply(module)?;
    }
    Ok(built)
}

/// Separates the live patches from other modules.
fn split(built: &Built) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut patches, mut others) = (Vec::new(), Vec::new());
    for path in &built.modules {
        if is_patch(path)? {
            patches.push(path.clone());
        } else {
            others.push(path.clone());
        }
    }
    ensure!(
        !patches.is_empty(),
        "no live patch was built: name a crate with #[livepatch] in the Kbuild file, as in \
         `obj-m := fix-foo.o` for fix-foo.rs"
    );
    Ok((patches, others))
}

fn is_patch(path: &Path) -> Result<bool> {
    let data = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Module::parse(&data)?.modinfo()?.is_livepatch())
}
