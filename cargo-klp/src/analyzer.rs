// SPDX-License-Identifier: GPL-2.0-only

//! Writes a patch's `rust-project.json` for rust-analyzer: the kernel's own, extended by klp and the patch.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::host::files::write_atomic;
use serde_json::{Map, Value, json};

use crate::bundled::Klp;
use crate::kernel::Target;
use crate::patch::Patch;

/// The file name that rust-analyzer looks for.
const NAME: &str = "rust-project.json";

/// Writes the file into the patch's folder.
pub fn write(patch: &Patch, kernel: &Target, klp: &Klp) -> Result<()> {
    let base = klp.output.join(NAME);
    let text = fs::read_to_string(&base).with_context(|| {
        format!(
            "the kernel has no description of its crates ({})",
            base.display()
        )
    })?;
    let project =
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", base.display()))?;
    let project = add(project, patch, kernel, klp)?;
    let text = serde_json::to_string(&project)? + "\n";
    let path = patch.dir.join(NAME);
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    write_atomic(&path, &text)
}

fn add(mut project: Value, patch: &Patch, kernel: &Target, klp: &Klp) -> Result<Value> {
    let crates = project
        .get_mut("crates")
        .and_then(Value::as_array_mut)
        .context("the kernel's description has no crates")?;
    // The user does not edit these.
    for known in crates.iter_mut() {
        known["is_workspace_member"] = json!(false);
    }
    let modules = Modules {
        cfg: configuration(crates)?,
        env: environment(patch, kernel, klp)?,
    };
    let macros = register(crates, macros(klp));
    let of_kernel = [
        "core",
        "ffi",
        "kernel",
        "pin_init",
        "zerocopy",
        "zerocopy_derive",
    ];
    let mut deps: Vec<_> = of_kernel
        .iter()
        .filter_map(|name| find(crates, name))
        .collect();
    let mut klp_deps = deps.clone();
    klp_deps.push(macros);
    let root = klp.source.join("klp/src/lib.rs");
    let mut library = modules.library("klp", &root, &klp_deps);
    library["source"] = json!({
        "include_dirs": [klp.source.join("klp/src"), klp.crates()],
        "exclude_dirs": [],
    });
    library["cfg"]
        .as_array_mut()
        .into_iter()
        .for_each(|cfg| cfg.push(json!("kernel")));
    deps.push(register(crates, library));
    for root in patch.crates() {
        let name = root
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut this = modules.library(&name.replace('-', "_"), &root, &deps);
        this["is_workspace_member"] = json!(true);
        this["env"]["RUST_MODFILE"] = json!(name);
        crates.push(this);
    }
    Ok(project)
}

/// The settings that all crates of modules share.
struct Modules {
    cfg: Value,
    env: Map<String, Value>,
}

impl Modules {
    fn library(&self, name: &str, root: &Path, deps: &[Value]) -> Value {
        json!({
            "display_name": name,
            "root_module": root,
            "edition": "2021",
            "deps": deps,
            "cfg": self.cfg,
            "env": self.env,
            "is_workspace_member": false,
        })
    }
}

fn macros(klp: &Klp) -> Value {
    json!({
        "display_name": "klp_macros",
        "root_module": klp.source.join("klp-macros/src/lib.rs"),
        "edition": "2021",
        "deps": [],
        "cfg": [],
        "env": {},
        "is_workspace_member": false,
        "is_proc_macro": true,
        "proc_macro_dylib_path": klp.crates().join("libklp_macros.so"),
    })
}

/// The kernel's configuration, which all its crates are compiled with.
fn configuration(crates: &[Value]) -> Result<Value> {
    let kernel = crates
        .iter()
        .find(|known| known["display_name"] == "kernel");
    let mut cfg =
        kernel.context("the kernel's description of its crates lacks `kernel`")?["cfg"].clone();
    cfg.as_array_mut()
        .into_iter()
        .for_each(|cfg| cfg.push(json!("MODULE")));
    Ok(cfg)
}

fn environment(patch: &Patch, kernel: &Target, klp: &Klp) -> Result<Map<String, Value>> {
    let bindings: PathBuf = klp.crates().join("bindings_generated.rs");
    let known = kernel.known.clone();
    let known = match patch.prerequisites()?.is_empty() {
        true => known,
        // The build puts the types of patched modules there.
        false => known.with_modules(&patch.output_path(&kernel.build)?),
    };
    Ok(known
        .env()
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .chain([
            ("KLP_BINDINGS".to_owned(), json!(bindings)),
            ("OBJTREE".to_owned(), json!(kernel.build.dir)),
        ])
        .collect())
}

/// Adds a crate; returns the dependency entry for other crates.
fn register(crates: &mut Vec<Value>, new: Value) -> Value {
    let dependency = json!({ "crate": crates.len(), "name": new["display_name"] });
    crates.push(new);
    dependency
}

fn find(crates: &[Value], name: &str) -> Option<Value> {
    let index = crates
        .iter()
        .position(|known| known["display_name"] == name)?;
    Some(json!({ "crate": index, "name": name }))
}

#[cfg(test)]
mod tests {
    use klp_host::kernel::BuildFolder;
    use klp_host::kernel::metadata::KernelMetadata;

    use super::*;
    use klp_host::arch::Arch;

    fn project(base: Value) -> Result<Value> {
        project_of("obj-m := fix-foo.o\n", base)
    }

    fn project_of(kbuild: &str, base: Value) -> Result<Value> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Kbuild"), kbuild).unwrap();
        fs::write(dir.path().join("fix-foo.rs"), "").unwrap();
        let patch = Patch::open(dir.path()).unwrap();
        let kernel = Target {
            build: BuildFolder {
                release: "7.2.0".to_owned(),
                arch: Arch::default(),
                dir: PathBuf::from("/kernel"),
                env: Vec::new(),
                vars: Vec::new(),
                freestanding: None,
            },
            image: PathBuf::new(),
            known: KernelMetadata::default(),
        };
        let klp = Klp {
            core: None,
            source: PathBuf::from("/klp"),
            output: PathBuf::from("/out"),
        };
        add(base, &patch, &kernel, &klp)
    }

    #[test]
    fn klp_and_the_patch_depend_on_the_kernels_crates() {
        let base = json!({ "sysroot": "/rust", "crates": [
            { "display_name": "core", "cfg": [], "is_workspace_member": false },
            { "display_name": "kernel", "cfg": ["CONFIG_SMP"], "is_workspace_member": true },
        ]});
        let project = project(base).unwrap();
        let crates = project["crates"].as_array().unwrap();
        assert_eq!(crates[4]["env"]["KLP_MODULES"], "");
        let names: Vec<_> = crates
            .iter()
            .map(|one| one["display_name"].clone())
            .collect();
        assert_eq!(names, ["core", "kernel", "klp_macros", "klp", "fix_foo"]);
        let deps = |index: usize| crates[index]["deps"].to_string();
        assert_eq!(
            deps(4),
            r#"[{"crate":0,"name":"core"},{"crate":1,"name":"kernel"},{"crate":3,"name":"klp"}]"#
        );
        assert!(deps(3).contains(r#"{"crate":2,"name":"klp_macros"}"#));
        assert_eq!(crates[3]["cfg"], json!(["CONFIG_SMP", "MODULE", "kernel"]));
        assert_eq!(crates[4]["cfg"], json!(["CONFIG_SMP", "MODULE"]));
        assert_eq!(
            crates[2]["proc_macro_dylib_path"],
            "/out/klp/libklp_macros.so"
        );
        let members = crates
            .iter()
            .filter(|one| one["is_workspace_member"] == true);
        assert_eq!(members.count(), 1, "only the patch is edited");
    }

    #[test]
    fn rust_analyzer_gets_the_types_of_patched_modules() {
        let base = json!({ "crates": [{ "display_name": "kernel", "cfg": [] }]});
        let project = project_of("obj-m := fix-foo.o target.o\n", base).unwrap();
        let modules = project["crates"][3]["env"]["KLP_MODULES"].to_string();
        assert!(modules.ends_with("/target/klp/7.2.0\""), "{modules}");
    }

    #[test]
    fn a_description_without_the_kernel_crate_is_refused() {
        let text = project(json!({ "crates": [] })).unwrap_err().to_string();
        assert!(text.contains("lacks `kernel`"), "{text}");
        assert!(project(json!({})).is_err());
    }
}
