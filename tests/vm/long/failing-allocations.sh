# SPDX-License-Identifier: GPL-2.0-only
# Each allocation of enabling, disabling, replacing and of loading a patched module fails once: either there is a clean
# error and the state is as before, or the kernel succeeds without the allocation.
# Limit: 3000 s

. /klp/vm/lib.sh

faults=/sys/kernel/debug
entries=/sys/kernel/klp_entries
fail=$PROGRAMS/klp-fail
first=$(module_file entries-first)
only=$(module_file entries-only)
target=$(module_file klp_entries)
# The maximum number of allocations, each tried in one system call. More than there are.
MOST=${MOST:-3000}
# For a quick run, only each STEPth allocation fails.
STEP=${STEP:-1}

for kind in failslab fail_page_alloc; do
	must "the kernel can fail allocations, $kind" [ -e $faults/$kind/ignore-gfp-wait ]
	# Also allocations that may sleep, without a report of each, any number of times.
	echo N >$faults/$kind/ignore-gfp-wait
	echo 0 >$faults/$kind/verbose
	echo -1 >$faults/$kind/times
done
echo 0 >$faults/fail_page_alloc/min-order

# The rest prefers bash builtins: on this kernel each program takes a second to start.

# words - sets $words to the output of the patched functions of the kernel and of the module.
words() {
	local version module=none
	read -r version </proc/version
	case $version in Linux*) version=linux ;; esac
	[ ! -e $entries/function ] || read -r module <$entries/function
	words="$version $module"
}

# state - sets $state to $words, the patches with whether they are enabled, and the loaded modules of this test.
state() {
	local patch enabled name
	words
	state=$words
	for patch in $LIVEPATCH/*/; do
		[ -e "$patch" ] || continue
		read -r enabled <"$patch/enabled"
		patch=${patch%/}
		state+=" ${patch##*/}=$enabled"
	done
	# In a fixed order.
	for name in entries_first entries_only klp_entries; do
		[ ! -e /sys/module/$name ] || state+=" $name"
	done
}

# soon CONDITION [ARGUMENT...] - waits until a condition holds.
soon() {
	local end=$((SECONDS + WAIT))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		pause 0.05
	done
}

# has FILE WORD - whether the file's first line is WORD.
has() {
	local line
	[ -e "$1" ] && read -r line <"$1" && [ "$line" = "$2" ]
}

# do_once COMMAND... - runs a command without a failing allocation.
do_once() {
	local result
	result=$("$fail" 1000000000 "$@")
	[ "$result" = "unreached ok" ]
}

# every WHAT UNDO ARGUMENT... - runs klp-fail with each allocation failing; UNDO reverts a success. The last
# run is without a failure, and stays.
every() {
	local what=$1 undo=$2 number result wrong='' before failed=0 tolerated=0
	shift 2
	state
	before=$state
	for ((number = 1; number <= MOST; number += STEP)); do
		echo "$what $number" >/dev/kmsg
		result=$("$fail" $number "$@")
		case $result in
		"failed E"*)
			failed=$((failed + 1))
			# A worker frees parts of a module later.
			{ [ "$result" = "failed ENOMEM" ] || is_hidden; } && soon is_as_before "$before" && continue
			;;
		"failed ok")
			tolerated=$((tolerated + 1))
			soon "$done_when" && "$undo" && soon is_as_before "$before" && continue
			;;
		"unreached ok") break ;;
		esac
		state
		wrong="allocation $number: $result: $state instead of $before"
		break
	done
	expect_eq "$what: of $(((number - 1) / STEP)) failures, $failed are errors and $tolerated are tolerated" "" "$wrong"
	check "$what: not more than $MOST allocations" [ "$number" -le "$MOST" ]
	check "$what: it succeeds in the end" soon "$done_when"
	check "$what: failures were seen" [ $failed -gt 0 ]
}

# is_hidden - whether the error is of a part of the kernel that hides ENOMEM: the check of a module's BTF; or
# ftrace, which silently loads a module whose patch sites it could not record.
is_hidden() {
	dmesg | sed -n "/$what $number\$/,\$p" |
		grep -Eq 'failed to validate module .* BTF: -|failed to find location for function'
}

is_as_before() {
	state
	[ "$state" = "$1" ]
}

answer() {
	words
	[ "$words" = "$1" ]
}

is_settled() {
	has "$LIVEPATCH/$1/enabled" 1 && has "$LIVEPATCH/$1/transition" 0
}

# put_in PATCH loads and enables a patch; take_out PATCH disables and unloads it.
put_in() {
	do_once load "$(module_file "$1")" && soon is_settled "$1"
}

take_out() {
	echo 0 >$LIVEPATCH/$1/enabled
	soon [ ! -e $LIVEPATCH/$1 ] && soon unload_now "$1"
}

unload_now() {
	do_once unload "$1"
}

first_settled() { is_settled entries_first && answer "first first"; }
only_settled() { is_settled entries_only && [ ! -e $LIVEPATCH/entries_first ] && answer "replaced replaced"; }
target_patched() { answer "replaced replaced"; }
only_gone() { [ ! -e $LIVEPATCH/entries_only ] && answer "linux module"; }

must "load the module" load klp_entries

# Enabling: a patch of eight functions of the kernel and eight of a module.
undo_enable() { take_out entries_first; }
done_when=first_settled
every enabling undo_enable load "$first"

# Replacing it. To undo that, the first patch has to be loaded again.
undo_replace() {
	take_out entries_only && soon unload_now entries_first && put_in entries_first
}
done_when=only_settled
every replacing undo_replace load "$only"
must "unload the replaced patch" unload entries-first

# Loading a patched module.
must "unload the module" unload klp_entries
undo_coming() { unload_now klp_entries; }
done_when=target_patched
every "loading a module" undo_coming load "$target"

# Disabling.
undo_disable() { soon unload_now entries_only && put_in entries_only; }
done_when=only_gone
every disabling undo_disable write $LIVEPATCH/entries_only/enabled 0

must "unload the patch" unload entries-only
must "unload the module at the end" unload klp_entries
for kind in failslab fail_page_alloc; do
	echo Y >$faults/$kind/ignore-gfp-wait
	echo 2 >$faults/$kind/verbose
done
echo 1 >$faults/fail_page_alloc/min-order
