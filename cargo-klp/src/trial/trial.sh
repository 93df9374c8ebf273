# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: loads the kernel's modules in $needed, of which those in $optional may fail, tries those in
# $others and $patches, and shows what $command prints without and with them. Ends with $NOT_PATCHED or
# $COMMAND_FAILED when something is not as it should be: the command has to print all of $expect and end with
# $expect_status, within $limit seconds.

sysfs=/sys/kernel/livepatch
# How long a transition may take, in seconds.
LIMIT=60
# How much of what the command prints is looked at, in bytes.
KEPT=67108864

name() { basename "$1" .ko | tr - _; }

fail() {
	printf '\nwrong: %s\n' "$*"
	dmesg | grep -i livepatch | tail -n 5
	exit "$NOT_PATCHED"
}

# The user's command as a headline shows it.
headline() {
	local first=${command%%$'\n'*}
	[ "$first" = "$command" ] || first+=' ...'
	[ "${#first}" -le 100 ] || first="${first:0:96} ..."
	printf '%s' "$first"
}

# Waits until the process $1 ends, at most $limit seconds. Says why it cannot be ended.
await_end() {
	local end=$((SECONDS + limit)) task=/proc/$1
	while kill -0 "$1" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			printf '\nwrong: the command does not end within %s s (--timeout SECONDS allows more)\n' "$limit"
			kill -KILL -- "-$1"
			sleep 2
			if kill -0 "$1" 2>/dev/null; then
				echo "it cannot be killed, because it is in the kernel:"
				sed 's/^/    /' "$task/stack" 2>/dev/null | head -n 20
			fi
			return 1
		fi
		sleep 0.05
	done
}

# Runs the user's command and shows what it prints, as it comes; keeps the beginning of that in
# /klp/printed. Its exit status is in $status, which is empty when it did not end.
run() {
	local child relay keeper
	status=
	rm -f /klp/show /klp/keep
	mkfifo /klp/show /klp/keep
	{ head -c "$KEPT" >/klp/printed; cat >/dev/null; } </klp/keep &
	keeper=$!
	tee /klp/keep </klp/show &
	relay=$!
	# A session of its own, so that all of it can be killed.
	setsid bash -c "$command" >/klp/show 2>&1 &
	child=$!
	if await_end "$child"; then
		status=0
		wait "$child" || status=$?
	fi
	# Something that it left in the background may keep the pipe open.
	{ sleep 1; kill "$relay" "$keeper"; } 2>/dev/null &
	wait "$relay" "$keeper" 2>/dev/null
}

show_before() {
	[ -n "$command" ] || return 0
	printf '\n--- before patching: %s\n' "$(headline)"
	run
	[ -n "$status" ] || exit "$COMMAND_FAILED"
	[ "$status" = 0 ] || printf '(exit status %s)\n' "$status"
	for text in "${expect[@]}"; do
		! has "$text" || printf '(note: it prints "%s" without the patch, too)\n' "$text"
	done
}

# Does the command print $1?
has() { grep -qF -e "$1" /klp/printed; }

# The same with the patch, where it has to succeed.
show_after() {
	[ -n "$command" ] || return 0
	local text wrong=
	printf '\n--- after patching: %s\n' "$(headline)"
	run
	[ -n "$status" ] || exit "$COMMAND_FAILED"
	if [ "$status" != "$expect_status" ]; then
		printf '\nwrong: the exit status is %s, and should be %s\n' "$status" "$expect_status"
		wrong=1
	elif [ "$status" != 0 ]; then
		printf '(exit status %s)\n' "$status"
	fi
	for text in "${expect[@]}"; do
		has "$text" && continue
		printf '\nwrong: it does not print "%s"\n' "$text"
		wrong=1
	done
	[ -z "$wrong" ] || exit "$COMMAND_FAILED"
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

# A module of the kernel's own, unless the kernel has it already.
need() {
	local optional=" ${optional[*]} "
	if [ -e "/sys/module/$(name "$1")" ]; then
		return
	elif [[ $optional == *" $1 "* ]]; then
		# Others may do without it.
		insmod "$1" 2>/dev/null || true
	else
		load "$1"
	fi
}

# What livepatch says of the patch $1.
report() {
	local patch=$sysfs/$1 object function
	printf '\n%s: enabled %s, transition %s\n' "$1" "$(cat "$patch/enabled")" "$(cat "$patch/transition")"
	for object in "$patch"/*/; do
		object=$(basename "$object")
		case $(cat "$patch/$object/patched" 2>/dev/null) in
		1) echo "    $object: patched" ;;
		*) echo "    $object: not patched, because it is not loaded (--module $object loads it)" ;;
		esac
		for function in "$patch/$object"/*/; do
			[ ! -d "$function" ] || echo "        $(basename "$function")"
		done
	done
}

for module in "${needed[@]}"; do need "$module"; done
for module in "${others[@]}"; do load "$module"; done
show_before

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
show_after

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
