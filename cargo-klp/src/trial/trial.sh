# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: tries the modules in $others and $patches, and shows what $command prints
# without and with them. Ends with a failure when something is not as it should be.

sysfs=/sys/kernel/livepatch
# How long a transition may take, in seconds.
LIMIT=60

name() { basename "$1" .ko | tr - _; }

fail() {
	printf '\nwrong: %s\n' "$*"
	dmesg | grep -i livepatch | tail -n 5
	exit 1
}

# Runs the user's command, whose own failure is for the user to judge.
show() {
	[ -n "$command" ] || return
	local status=0
	printf '\n# %s    (%s)\n' "$command" "$1"
	(eval "$command") || status=$?
	[ "$status" = 0 ] || printf '(exit status %s)\n' "$status"
}

# Waits until $1 holds.
await() {
	local end=$((SECONDS + LIMIT))
	until eval "$1"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Tasks that still run old code, for a transition to the state $1.
blockers() {
	local task
	for task in /proc/[0-9]*; do
		[ "$(cat "$task/patch_state" 2>/dev/null)" = "$((1 - $1))" ] || continue
		printf '    %s (%s)\n' "${task#/proc/}" "$(cat "$task/comm" 2>/dev/null)"
		sed 's/^/        /' "$task/stack" 2>/dev/null | head -n 8
	done
}

load() {
	insmod "$1" || fail "the kernel refused $(basename "$1")"
}

# What livepatch says of the patch $1.
report() {
	local patch=$sysfs/$1 object function
	printf '\n%s: enabled %s, transition %s\n' "$1" "$(cat "$patch/enabled")" "$(cat "$patch/transition")"
	for object in "$patch"/*/; do
		object=$(basename "$object")
		case $(cat "$patch/$object/patched" 2>/dev/null) in
		1) echo "    $object: patched" ;;
		*) echo "    $object: not patched, because it is not loaded" ;;
		esac
		for function in "$patch/$object"/*/; do
			[ ! -d "$function" ] || echo "        $(basename "$function")"
		done
	done
}

for module in "${others[@]}"; do load "$module"; done
show before

for module in "${patches[@]}"; do
	patch=$(name "$module")
	load "$module"
	if ! await "[ \"\$(cat $sysfs/$patch/transition 2>/dev/null)\" = 0 ]"; then
		echo "these tasks hold the transition up:"
		blockers 1
		fail "$patch: the transition did not end within $LIMIT s"
	fi
	report "$patch"
	[ "$(cat "$sysfs/$patch/enabled")" = 1 ] || fail "$patch is not enabled"
	grep -qsx 1 "$sysfs/$patch"/*/patched || fail "$patch has patched nothing"
done
show after

# The last first: others may stand below it.
for ((i = ${#patches[@]} - 1; i >= 0; i--)); do
	patch=$(name "${patches[i]}")
	if [ -e "$sysfs/$patch" ]; then
		echo 0 >"$sysfs/$patch/enabled" || fail "$patch cannot be disabled"
	fi
	if ! await "[ ! -e $sysfs/$patch ]"; then
		echo "these tasks hold the transition up:"
		blockers 0
		fail "$patch does not go within $LIMIT s"
	fi
	rmmod "$patch" || fail "the module $patch does not go"
done
for module in "${others[@]}"; do
	rmmod "$(name "$module")" || fail "the module $(name "$module") does not go"
done
printf '\ndisabled and unloaded\n'
