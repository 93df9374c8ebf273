# SPDX-License-Identifier: GPL-2.0-only
# Each allocation of enabling, disabling, replacing and of a module that comes fails once: there is a clean error and
# all is as it was before, or the kernel did without.
# Limit: 3000 s

. /klp/vm/lib.sh

faults=/sys/kernel/debug
entries=/sys/kernel/klp_entries
fail=$PROGRAMS/klp-fail
first=$(module_file entries-first)
only=$(module_file entries-only)
target=$(module_file klp_entries)
# More than there are; each is a system call.
MOST=${MOST:-3000}
# For a quick look, only each STEPth fails.
STEP=${STEP:-1}

for kind in failslab fail_page_alloc; do
	must "the kernel can fail allocations, $kind" [ -e $faults/$kind/ignore-gfp-wait ]
	# Those that may sleep, too, without a report of each, as often as asked for.
	echo N >$faults/$kind/ignore-gfp-wait
	echo 0 >$faults/$kind/verbose
	echo -1 >$faults/$kind/times
done
echo 0 >$faults/fail_page_alloc/min-order

# The rest uses what bash has built in where it can: on this kernel each program takes a second to start.

# words - what the patched functions of the kernel and of the module answer, in $words.
words() {
	local version module=none
	read -r version </proc/version
	case $version in Linux*) version=linux ;; esac
	[ ! -e $entries/function ] || read -r module <$entries/function
	words="$version $module"
}

# state - that, the patches with whether they are enabled, and the modules of this test that are loaded, in $state.
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
	# In an order that does not depend on which came last.
	for name in entries_first entries_only klp_entries; do
		[ ! -e /sys/module/$name ] || state+=" $name"
	done
}

# soon CONDITION [ARGUMENT...] - it comes true.
exec {never}<> <(:)
soon() {
	local end=$((SECONDS + WAIT))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.05 -u $never
	done
	# Not that of read.
	return 0
}

# has FILE WORD - the file's first line is that.
has() {
	local line
	[ -e "$1" ] && read -r line <"$1" && [ "$line" = "$2" ]
}

# do_once COMMAND... - without a failing allocation.
do_once() {
	local result
	result=$("$fail" 1000000000 "$@")
	[ "$result" = "unreached ok" ]
}

# every WHAT UNDO ARGUMENT... - lets klp-fail do it with each allocation failing; UNDO takes back what was
# done. At the end it has been done without a failure.
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
			# What a module leaves for a worker to free goes later.
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
	expect_eq "$what: $failed of $(((number - 1) / STEP)) allocations refuse it, it does without $tolerated" "" "$wrong"
	check "$what: not more than $MOST allocations" [ "$number" -le "$MOST" ]
	check "$what: it is done in the end" soon "$done_when"
	check "$what: failures were seen" [ $failed -gt 0 ]
}

# is_hidden - the error is of a part of the kernel that does not say ENOMEM: its check of a module's BTF; and
# ftrace, which loads a module without a word that it could not keep its patch sites.
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

# put_in PATCH, and take_out PATCH.
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

# Replacing it. To take that back, the first one has to come again.
undo_replace() {
	take_out entries_only && soon unload_now entries_first && put_in entries_first
}
done_when=only_settled
every replacing undo_replace load "$only"
must "unload the one that was replaced" unload entries-first

# A module that comes.
must "unload the module" unload klp_entries
undo_coming() { unload_now klp_entries; }
done_when=target_patched
every "a module that comes" undo_coming load "$target"

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
