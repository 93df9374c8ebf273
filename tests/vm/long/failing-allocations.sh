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

# words - what the patched functions of the kernel and of the module answer.
words() {
	local version module=none
	read -r version </proc/version
	case $version in Linux*) version=linux ;; esac
	[ ! -e $entries/function ] || read -r module <$entries/function
	echo "$version $module"
}

# patches - which there are, and whether they are enabled.
patches() {
	local patch enabled
	for patch in $LIVEPATCH/*/; do
		[ -e "$patch" ] || continue
		read -r enabled <"$patch/enabled"
		patch=${patch%/}
		echo "${patch##*/}=$enabled"
	done
}

loaded() {
	cut -d' ' -f1 /proc/modules | sort
}

state() {
	words
	patches
	loaded
}

# every WHAT UNDO ARGUMENT... - lets klp-fail do it with each allocation failing; UNDO takes back what was
# done. At the end it has been done without a failure.
every() {
	local what=$1 undo=$2 number result wrong='' before failed=0 tolerated=0
	shift 2
	before=$(state)
	for ((number = 1; number <= MOST; number += STEP)); do
		result=$("$fail" $number "$@")
		case $result in
		"failed ENOMEM")
			failed=$((failed + 1))
			if [ "$(state)" != "$before" ]; then
				# What a module leaves for a worker to free.
				wait_until is_as_before "$before" || {
					wrong="after failure $number: $(state | tr '\n' ' ')"
					break
				}
			fi
			;;
		"failed ok")
			tolerated=$((tolerated + 1))
			wrong=$("$done_when") || break
			wrong=$("$undo" && wait_until is_as_before "$before") || {
				wrong="undone without allocation $number: $wrong: $(state | tr '\n' ' ')"
				break
			}
			wrong=''
			;;
		"unreached ok") break ;;
		*)
			wrong="allocation $number: $result"
			break
			;;
		esac
	done
	expect_eq "$what: $failed of $(((number - 1) / STEP)) allocations refuse it, it does without $tolerated" "" "$wrong"
	check "$what: not more than $MOST allocations" [ "$number" -le "$MOST" ]
	check "$what: it is done in the end" "$done_when"
	check "$what: failures were seen" [ $failed -gt 0 ]
}

is_as_before() {
	[ "$(state)" = "$1" ]
}

answer() {
	[ "$(words)" = "$1" ]
}

first_settled() { settled entries-first && answer "first first"; }
only_settled() { settled entries-only && patch_gone entries-first && answer "replaced replaced"; }
target_patched() { answer "replaced replaced"; }
gone() { patch_gone entries-only && answer "linux module"; }
until_first() { wait_until first_settled; }
until_only() { wait_until only_settled; }
until_gone() { wait_until gone; }

must "load the module" load klp_entries

# Enabling: a patch of eight functions of the kernel and eight of a module.
undo_enable() { remove_patch entries-first; }
done_when=until_first
every enabling undo_enable load "$first"

# Replacing it. To take that back, the first one has to come again.
undo_replace() {
	remove_patch entries-only && unload entries-first && load entries-first && until_first
}
done_when=until_only
every replacing undo_replace load "$only"
must "unload the one that was replaced" unload entries-first

# A module that comes.
must "unload the module" unload klp_entries
undo_coming() { unload klp_entries; }
done_when=target_patched
every "a module that comes" undo_coming load "$target"

# Disabling.
undo_disable() {
	unload entries-only && load entries-only && wait_until target_patched && wait_until settled entries-only
}
done_when=until_gone
every disabling undo_disable write $LIVEPATCH/entries_only/enabled 0

must "unload the patch" unload entries-only
must "unload the module at the end" unload klp_entries
for kind in failslab fail_page_alloc; do
	echo Y >$faults/$kind/ignore-gfp-wait
	echo 2 >$faults/$kind/verbose
done
echo 1 >$faults/fail_page_alloc/min-order
