// SPDX-License-Identifier: GPL-2.0-only

//! Compiler options for Rust code in a kernel without Rust: the code model, and the mitigations of its configuration.

use serde_json::json;

use crate::arch::Compiler;
use crate::kconfig::Config;

/// Disables floating-point and vector registers, which kernel code must not use.
const NO_VECTORS: &str = "-Ctarget-feature=-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2";

/// Options for all kernels.
const ALWAYS: &[&str] = &[
    "-Zunstable-options",
    "--sysroot=/dev/null",
    "-Cpanic=abort",
    "-Cembed-bitcode=n",
    "-Clto=n",
    "-Cforce-unwind-tables=n",
    "-Csymbol-mangling-version=v0",
    "-Crelocation-model=static",
    "-Ccode-model=kernel",
    "-Cno-redzone=y",
    "-Copt-level=2",
    "-Cdebug-assertions=n",
    "-Ctarget-cpu=x86-64",
    "-Ztune-cpu=generic",
    // Jump tables are indirect jumps, which retpolines and IBT avoid.
    "-Cjump-tables=n",
    // As for C. Functions that need a larger stack alignment realign it.
    "-Zllvm-module-flag=override-stack-alignment:u32:8:max",
    // Lets the linker remove unused functions.
    "-Zfunction-sections=y",
    "-Astable_features",
    NO_VECTORS,
];

/// Returns the options for a kernel with this configuration.
pub(in crate::arch) fn compiler(config: &Config) -> Compiler {
    let mut words: Vec<String> = ALWAYS.iter().map(|word| (*word).to_owned()).collect();
    if is_on(config, "X86_KERNEL_IBT") {
        words.push("-Zcf-protection=branch".to_owned());
    }
    if is_on(config, "RETHUNK") {
        words.push("-Zfunction-return=thunk-extern".to_owned());
    }
    if is_on(config, "FRAME_POINTER") {
        words.push("-Cforce-frame-pointers=y".to_owned());
    }
    if is_on(config, "CALL_PADDING") {
        let bytes = config.get("FUNCTION_PADDING_BYTES");
        words.push(format!("-Zpatchable-function-entry={bytes},{bytes}"));
    }
    Compiler {
        words,
        target: target(config),
    }
}

/// Whether an option is on. Linux 6.9 added a prefix to those of mitigations.
fn is_on(config: &Config, name: &str) -> bool {
    config.get(name) == "y" || config.get(&format!("MITIGATION_{name}")) == "y"
}

fn target(config: &Config) -> String {
    let mut features = "-mmx,+soft-float".to_owned();
    if is_on(config, "RETPOLINE") {
        features.push_str(
            ",+retpoline-external-thunk,+retpoline-indirect-branches,+retpoline-indirect-calls",
        );
    }
    if is_on(config, "SLS") {
        features.push_str(",+harden-sls-ijmp,+harden-sls-ret");
    }
    let target = json!({
        "arch": "x86_64",
        "cpu": "x86-64",
        "data-layout": "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128",
        "disable-redzone": true,
        "emit-debug-gdb-scripts": false,
        "features": features,
        "frame-pointer": "may-omit",
        "linker-flavor": "gnu-lld",
        "llvm-target": "x86_64-linux-gnu",
        "panic-strategy": "abort",
        "rustc-abi": "x86-softfloat",
        "stack-probes": { "kind": "none" },
        "supported-sanitizers": [],
        "target-endian": "little",
        "target-pointer-width": 64,
    });
    format!("{target:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Compiler {
        compiler(&Config::parse(text))
    }

    #[test]
    fn mitigations_follow_the_configuration() {
        let none = of("");
        let has = |options: &Compiler, word: &str| options.words.iter().any(|it| it == word);
        assert!(!has(&none, "-Zcf-protection=branch"));
        assert!(!none.target.contains("retpoline") && !none.target.contains("sls"));
        let all = of(
            "CONFIG_X86_KERNEL_IBT=y\nCONFIG_MITIGATION_RETHUNK=y\nCONFIG_CALL_PADDING=y\n\
             CONFIG_FUNCTION_PADDING_BYTES=16\nCONFIG_MITIGATION_RETPOLINE=y\nCONFIG_MITIGATION_SLS=y\n",
        );
        for word in [
            "-Zcf-protection=branch",
            "-Zfunction-return=thunk-extern",
            "-Zpatchable-function-entry=16,16",
        ] {
            assert!(has(&all, word), "{word}");
        }
        assert!(all.target.contains("+retpoline-external-thunk,"));
        assert!(all.target.contains("+harden-sls-ret\""));
    }

    #[test]
    fn older_names_of_mitigations_are_recognised() {
        let old = of("CONFIG_RETPOLINE=y\nCONFIG_RETHUNK=y\nCONFIG_SLS=y\n");
        let new = of(
            "CONFIG_MITIGATION_RETPOLINE=y\nCONFIG_MITIGATION_RETHUNK=y\n\
             CONFIG_MITIGATION_SLS=y\n",
        );
        assert_eq!(old, new);
        assert_ne!(old, of(""));
    }
}
