// SPDX-License-Identifier: GPL-2.0-only

//! Lists kernel functions that never return.
//!
//! The compiler ends the caller's code after such a call: a replacement that returns would run whatever
//! follows. Type information lacks the attribute, so this is objtool's list, without the functions of the
//! boot.

/// Their names, sorted.
const NAMES: &[&str] = &[
    "__fortify_panic",
    "__ia32_sys_exit",
    "__ia32_sys_exit_group",
    "__kunit_abort",
    "__module_put_and_kthread_exit",
    "__stack_chk_fail",
    "__tdx_hypercall_failed",
    "__ubsan_handle_builtin_unreachable",
    "__x64_sys_exit",
    "__x64_sys_exit_group",
    "acpi_processor_ffh_play_dead",
    "arch_cpu_idle_dead",
    "bch2_trans_in_restart_error",
    "bch2_trans_restart_error",
    "bch2_trans_unlocked_or_in_restart_error",
    "cpu_bringup_and_idle",
    "cpu_startup_entry",
    "do_exit",
    "do_group_exit",
    "do_task_dead",
    "ex_handler_msr_mce",
    "hlt_play_dead",
    "hv_ghcb_terminate",
    "kthread_complete_and_exit",
    "kthread_exit",
    "kunit_try_catch_throw",
    "machine_real_restart",
    "make_task_dead",
    "mpt_halt_firmware",
    "mwait_play_dead",
    "native_play_dead",
    "nmi_panic_self_stop",
    "panic",
    "panic_smp_self_stop",
    "rest_init",
    "rewind_stack_and_make_dead",
    "sev_es_terminate",
    "stop_this_cpu",
    "usercopy_abort",
    "vpanic",
    "xen_cpu_bringup_again",
];

/// Whether a function of that name never returns.
pub fn never_returns(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{NAMES, never_returns};

    #[test]
    fn names_are_found() {
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|name| never_returns(name)));
        assert!(!never_returns("do_exi") && !never_returns("exit_mm"));
    }
}
