# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: loads the kernel's modules in $needed, of which those in $optional may fail, then $others and
# $patches, and shows the output of $command before and after. Exits with $NOT_PATCHED or $COMMAND_FAILED on failure: the
# command has to print all of $expect and exit with $expect_status, within $limit seconds.

sysfs=/sys/kernel/livepatch
# Time limit of a transition, in seconds.
LIMIT=60
# Number of bytes of the command's output that are searched for $expect.
KEPT=67108864

name() { basename "$1" .ko | tr - _; }

fail() {
	printf '\nerror: %s\n' "$*"
	dmesg | grep -i livepatch | tail -n 5
	exit "$NOT_PATCHED"
}

# The user's command in at most 100 characters.
headline() {
	local first=${command%%$'\n'*}
	[ "$first" = "$command" ] || first+=' ...'
	[ "${#first}" -le 100 ] || first="${first:0:96} ..."
	printf '%s' "$first"
}

# Waits at most $limit seconds for the process $1, then kills it.
await_end() {
	local end=$((SECONDS + limit)) task=/proc/$1
	while kill -0 "$1" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			printf '\nerror: the command did not exit within %s s (--timeout SECONDS allows more)\n' "$limit"
			kill -KILL -- "-$1"
			sleep 2
			if kill -0 "$1" 2>/dev/null; then
				echo "it cannot be killed, because it is blocked in the kernel:"
				sed 's/^/    /' "$task/stack" 2>/dev/null | head -n 20
			fi
			return 1
		fi
		sleep 0.05
	done
}

# Runs the user's command and shows its output; keeps the first $KEPT bytes in /klp/printed. $status is the exit status,
# empty if the command did not exit.
run() {
	local child relay keeper
	status=
	rm -f /klp/show /klp/keep
	mkfifo /klp/show /klp/keep
	{ head -c "$KEPT" >/klp/printed; cat >/dev/null; } </klp/keep &
	keeper=$!
	tee /klp/keep </klp/show &
	relay=$!
	# In a separate session, so that all its processes can be killed.
	setsid bash -c "$command" >/klp/show 2>&1 &
	child=$!
	if await_end "$child"; then
		status=0
		wait "$child" || status=$?
	fi
	# A background process of the command may keep the pipe open.
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
		! has "$text" || printf '(note: it also prints "%s" without the patch)\n' "$text"
	done
}

# Whether the command printed $1.
has() { grep -qF -e "$1" /klp/printed; }

# Runs the command on the patched kernel, where it has to succeed.
show_after() {
	[ -n "$command" ] || return 0
	local text failed=
	printf '\n--- after patching: %s\n' "$(headline)"
	run
	[ -n "$status" ] || exit "$COMMAND_FAILED"
	if [ "$status" != "$expect_status" ]; then
		printf '\nerror: the exit status is %s, expected %s\n' "$status" "$expect_status"
		failed=1
	elif [ "$status" != 0 ]; then
		printf '(exit status %s)\n' "$status"
	fi
	for text in "${expect[@]}"; do
		has "$text" && continue
		printf '\nerror: the command did not print "%s"\n' "$text"
		failed=1
	done
	[ -z "$failed" ] || exit "$COMMAND_FAILED"
}

# Waits until the condition $1 is true, at most $LIMIT seconds.
await() {
	local end=$((SECONDS + LIMIT))
	until eval "$1"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Lists the tasks that have not switched, for a transition to the state $1.
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

# Loads a module of the kernel, unless it is already loaded or built in.
need() {
	local optional=" ${optional[*]} "
	if [ -e "/sys/module/$(name "$1")" ]; then
		return
	elif [[ $optional == *" $1 "* ]]; then
		# Others may work without it.
		insmod "$1" 2>/dev/null || true
	else
		load "$1"
	fi
}

# Prints the state of the patch $1 in sysfs.
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
		echo "these tasks hold up the transition:"
		blockers 1
		fail "$patch: the transition did not end within $LIMIT s"
	fi
	report "$patch"
	[ "$(cat "$sysfs/$patch/enabled")" = 1 ] || fail "$patch is not enabled"
	grep -qsx 1 "$sysfs/$patch"/*/patched || fail "$patch patches no loaded object"
done
show_after

# In reverse order: a patch may be stacked on an earlier one.
for ((i = ${#patches[@]} - 1; i >= 0; i--)); do
	patch=$(name "${patches[i]}")
	if [ -e "$sysfs/$patch" ]; then
		echo 0 >"$sysfs/$patch/enabled" || fail "$patch cannot be disabled"
	fi
	if ! await "[ ! -e $sysfs/$patch ]"; then
		echo "these tasks hold up the transition:"
		blockers 0
		fail "$patch was not removed within $LIMIT s"
	fi
	rmmod "$patch" || fail "the module $patch cannot be unloaded"
done
for module in "${others[@]}"; do
	rmmod "$(name "$module")" || fail "the module $(name "$module") cannot be unloaded"
done
printf '\ndisabled and unloaded\n'
