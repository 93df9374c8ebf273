# SPDX-License-Identifier: GPL-2.0-only
# All kinds of livepatch symbols in several blocks, and all errors with them.

. /klp/vm/lib.sh

must "load the patch" load symbols
text=$(cat /proc/version)
load='[0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+/[0-9]+ [0-9]+'
uptime='[0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2}'
expect_match "functions in a table are called" "^$uptime $load $uptime \$" \
	"$(sed -n 1,3p <<<"$text" | tr '\n' ' ')"
expect_eq "safe data is read" "taint $(cat /proc/sys/kernel/tainted)" "$(sed -n 4p <<<"$text")"
expect_match "data is read" "^threads [1-9][0-9]*\$" "$(sed -n 5p <<<"$text")"
expect_eq "data that may change is read" "cmdline $(($(wc -c </proc/cmdline) - 1))" \
	"$(sed -n 6p <<<"$text")"
for round in first second; do
	must "$round load of a module with two functions of one name" load klp_twins
	expect_eq "$round: sympos distinguishes them" "first level|and|another: true" \
		"$(paste -sd '|' /proc/klp_level_2)"
	expect_eq "$round: the other one is not replaced" "first level" "$(cat /proc/klp_level_1)"
	must "$round unload" unload klp_twins
done
must "remove the patch" remove_patch symbols

# refused PATCH ERROR LINE - checks that a patch is refused with this error and log line.
refused() {
	mark_log
	expect_match "$1 is refused" "$2" "$(load_fails "$1")"
	expect_match "$1: the log says why" "$3" "$(log_since)"
	check "$1: no patch stays" patch_gone "$1"
	check "$1: no module stays" wait_until bash -c "[ ! -d /sys/module/${1//-/_} ]"
}

refused symbols-missing "Invalid (parameters|argument)" \
	"^livepatch: symbol 'klp_test_no_such_function' not found in symbol table\$"

# The same for a module, detected when it is loaded: the module is refused then.
must "load a patch for a module, without it" load symbols-missing-in-module
mark_log
expect_match "the module is refused" "." "$(load_fails klp_greeter)"
expect_match "the log says which symbol" \
	"^livepatch: symbol 'klp_test_no_such_function' not found in symbol table\$" "$(log_since)"
expect_match "the log says which patch" \
	"^livepatch: patch 'symbols_missing_in_module' failed for module 'klp_greeter'" "$(log_since)"
check "the module is not loaded" bash -c '[ ! -d /sys/module/klp_greeter ]'
must "remove the patch for the module" remove_patch symbols-missing-in-module

# A module from Kbuild alone is not linked yet.
copy=$(mktemp -d)
cp "$(module_file livepatch-symbols)" "$copy/livepatch-symbols.ko"
expect_eq "one byte marks a module as not linked" 1 \
	"$("$PROGRAMS/klp-unlink" "$copy/livepatch-symbols.ko")"
cp "$(module_file symbols)" "$copy/symbols.ko"
expect_eq "one byte marks a module with several blocks" 1 "$("$PROGRAMS/klp-unlink" "$copy/symbols.ko")"
for patch in livepatch-symbols symbols; do
	MODULES=$copy refused "$patch" "Exec format error|Invalid module format" \
		"^klp: ${patch//-/_}: not linked, .* run \`cargo klp link\` on the module's file"
done
rm -r "$copy"
