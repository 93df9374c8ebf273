# SPDX-License-Identifier: GPL-2.0-only
# Patches that the kernel refuses: each with a log line that names the function, and without leftovers.

. /klp/vm/lib.sh

# refused PATCH ERROR LINE - checks that a patch is refused with this error and log line.
refused() {
	mark_log
	expect_match "$1 is refused" "$2" "$(load_fails "$1")"
	expect_match "$1: the log says why" "^livepatch: $3\$" "$(log_since)"
	check "$1: no patch stays" patch_gone "$1"
	check "$1: no module stays" wait_until bash -c "[ ! -d /sys/module/${1//-/_} ]"
}

refused unknown-function "Invalid (parameters|argument)" \
	"symbol 'klp_test_no_such_function' not found in symbol table"
refused not-traceable "Invalid (parameters|argument)" \
	"failed to find location for function 'trace_clock_local'"

must "load the module with two functions of one name" load klp_twins
refused ambiguous-function "Invalid (parameters|argument)" \
	"unresolvable ambiguity for symbol 'level_show' in object 'klp_twins'"
must "unload the module" unload klp_twins

# The same mistake, detected when the module is loaded: the module is refused then.
must "load the ambiguous patch, without the module" load ambiguous-function
mark_log
expect_match "the module is refused" "." "$(load_fails klp_twins)"
expect_match "the log says why the module is refused" \
	"^livepatch: patch 'ambiguous_function' failed for module 'klp_twins', refusing to load module 'klp_twins'\$" \
	"$(log_since)"
check "the module is not loaded" bash -c '[ ! -d /sys/module/klp_twins ]'
must "remove the ambiguous patch" remove_patch ambiguous-function
