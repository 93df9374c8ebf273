# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the scenarios ftrace-users-*, after lib.sh: other ftrace users at patched functions.
#
# Each kind of ftrace user has a separate function of vmlinux and of the module klp_entries, so that one
# change of a patch affects them all independently. `look` calls all functions; `judge` checks the
# results.

TRACING=/sys/kernel/tracing
KINDS="function graph kprobe kretprobe fprobe fprobe_exit fentry fexit"

# The functions in vmlinux. Those of the first two kinds return 0, the others the length of their output.
declare -A FUNCTION=(
	[function]=version_proc_show [graph]=cmdline_proc_show
	[kprobe]=cpu_byteorder_show [kretprobe]=address_bits_show
	[fprobe]=oops_count_show [fprobe_exit]=fscaps_show
	[fentry]=rcu_expedited_show [fexit]=rcu_normal_show
)
declare -A FILE=(
	[function]=/proc/version [graph]=/proc/cmdline
	[kprobe]=/sys/kernel/cpu_byteorder [kretprobe]=/sys/kernel/address_bits
	[fprobe]=/sys/kernel/oops_count [fprobe_exit]=/sys/kernel/fscaps
	[fentry]=/sys/kernel/rcu_expedited [fexit]=/sys/kernel/rcu_normal
)
# By kind and object: `KIND vmlinux` and `KIND module`.
declare -A ORIGINAL SHOWN SEEN RETURNED
# The attached users, and for BPF programs the process, the map, and the number of calls in it at the last look.
declare -A ATTACHED PROCESS MAP BEFORE

for kind in $KINDS; do
	FUNCTION[$kind module]=klp_entries_${kind}_show
	FUNCTION[$kind vmlinux]=${FUNCTION[$kind]}
	FILE[$kind module]=/sys/kernel/klp_entries/$kind
	FILE[$kind vmlinux]=${FILE[$kind]}
	read -r ORIGINAL["$kind vmlinux"] <"${FILE[$kind]}"
	ORIGINAL[$kind module]=module
done

# places - the objects that are loaded.
places() {
	if [ -d /sys/module/klp_entries ]; then
		echo vmlinux module
	else
		echo vmlinux
	fi
}

# attach KIND [PLACE...] - attaches an ftrace user to its functions in these objects, or in all that are
# loaded. A failure ends the scenario.
attach() {
	_or_stop "attach $*" _attach "$@"
}

_attach() {
	local kind=$1 place
	shift
	ATTACHED[$kind]=${*:-$(places)}
	for place in ${ATTACHED[$kind]}; do
		_add_"$kind" "$place" "${FUNCTION[$kind $place]}" || return
	done
	_start_"$kind"
}

# attach_everywhere function|graph - attaches the tracer to all functions. Calls in progress when the graph
# tracer is detached end later, and this kernel warns (in fprobe_return) if that happens after 16 more attachments
# of graph tracers and fprobes. So this is done only once.
attach_everywhere() {
	_or_stop "attach $1 everywhere" _attach_everywhere "$1"
}

_attach_everywhere() {
	mkdir "$TRACING/instances/klp_$1" || return
	# It stays attached, and records only during a look.
	echo 0 >"$TRACING/instances/klp_$1/tracing_on"
	# Calls of other tasks and in interrupts are not recorded: on a slow kernel they would fill the buffer during
	# the look, and overwrite the expected calls.
	echo $$ >"$TRACING/instances/klp_$1/set_ftrace_pid" || return
	echo 16384 >"$TRACING/instances/klp_$1/buffer_size_kb" || return
	ATTACHED[$1]="vmlinux module"
	_start_"$1" || return
	[ "$1" != graph ] || echo 0 >"$TRACING/instances/klp_graph/options/funcgraph-irqs"
}

# detach KIND - detaches an ftrace user from all its functions.
detach() {
	_or_stop "detach $1" _detach "$1"
}

_detach() {
	local place
	_stop_"$1" || return
	for place in ${ATTACHED[$1]}; do
		_remove_"$1" "$place" || return
	done
	unset "ATTACHED[$1]"
}

attach_all() {
	local kind
	for kind in $KINDS; do
		attach "$kind"
	done
}

detach_all() {
	local kind
	for kind in "${!ATTACHED[@]}"; do
		detach "$kind"
	done
}

# _or_stop NAME COMMAND [ARG...] - like `must`, but in this shell, which keeps the list of attached users.
_or_stop() {
	local name=$1
	shift
	"$@" 2>/tmp/klp-ftrace-users || {
		check "$name" _tell /tmp/klp-ftrace-users
		exit 1
	}
}

_tell() {
	cat "$1"
	false
}

# Detaches all users at exit. Failures were reported before.
_leave() {
	local kind
	for kind in "${!ATTACHED[@]}"; do
		_detach "$kind" 2>/dev/null
	done
	echo 1 >$TRACING/tracing_on
}
trap _leave EXIT

# The tracers, each with a separate buffer.

_add_tracer() {
	mkdir -p "$TRACING/instances/klp_$1" && echo "$2" >>"$TRACING/instances/klp_$1/set_ftrace_filter"
}

_add_function() { _add_tracer function "$2"; }
_start_function() { echo function >$TRACING/instances/klp_function/current_tracer; }
_stop_function() { rmdir $TRACING/instances/klp_function; }
_remove_function() { true; }

_add_graph() { _add_tracer graph "$2"; }
_start_graph() { echo function_graph >$TRACING/instances/klp_graph/current_tracer; }
_stop_graph() { rmdir $TRACING/instances/klp_graph; }
_remove_graph() { true; }

# Events, with the return value if available.

_add_event() {
	echo "$3:klp/$1_$2 $4" >>$TRACING/dynamic_events
}

_start_event() { _turn_event "$1" 1; }
_stop_event() { _turn_event "$1" 0; }

_turn_event() {
	local place
	for place in ${ATTACHED[$1]}; do
		echo "$2" >"$TRACING/events/klp/$1_$place/enable" || return
	done
}

_remove_event() {
	echo "-:klp/$1_$2" >>$TRACING/dynamic_events
}

# A probe may be for a module that is not loaded yet.
_add_probe() {
	local symbol=$4
	[ "$2" = vmlinux ] || symbol=klp_entries:$4
	_add_event "$1" "$2" "$3" "$symbol${5+ $5}"
}

_add_kprobe() { _add_probe kprobe "$1" p "$2"; }
_start_kprobe() { _start_event kprobe; }
_stop_kprobe() { _stop_event kprobe; }
_remove_kprobe() { _remove_event kprobe "$1"; }

_add_kretprobe() { _add_probe kretprobe "$1" r "$2" "ret=\$retval:u64"; }
_start_kretprobe() { _start_event kretprobe; }
_stop_kretprobe() { _stop_event kretprobe; }
_remove_kretprobe() { _remove_event kretprobe "$1"; }

_add_fprobe() { _add_event fprobe "$1" f "$2"; }
_start_fprobe() { _start_event fprobe; }
_stop_fprobe() { _stop_event fprobe; }
_remove_fprobe() { _remove_event fprobe "$1"; }

_add_fprobe_exit() { _add_event fprobe_exit "$1" f "$2%return ret=\$retval:u64"; }
_start_fprobe_exit() { _start_event fprobe_exit; }
_stop_fprobe_exit() { _stop_event fprobe_exit; }
_remove_fprobe_exit() { _remove_event fprobe_exit "$1"; }

# BPF programs. Each is attached while its process lives.

_add_bpf() {
	local pipe=/tmp/klp-bpf.$$ module=()
	[ "$2" = vmlinux ] || module=(klp_entries)
	mkfifo $pipe || return
	"$PROGRAMS/klp-bpf" "$1" "$3" "${module[@]}" >$pipe &
	PROCESS[$1 $2]=$!
	read -r MAP["$1 $2"] <$pipe
	local status=$?
	rm $pipe
	BEFORE[$1 $2]=0
	return $status
}

_remove_bpf() {
	kill "${PROCESS[$1 $2]}"
	wait "${PROCESS[$1 $2]}" 2>/dev/null
	true
}

_add_fentry() { _add_bpf fentry "$1" "$2"; }
_start_fentry() { true; }
_stop_fentry() { true; }
_remove_fentry() { _remove_bpf fentry "$1"; }

_add_fexit() { _add_bpf fexit "$1" "$2"; }
_start_fexit() { true; }
_stop_fexit() { true; }
_remove_fexit() { _remove_bpf fexit "$1"; }

# look - calls each function once, and records its output and which users saw the call.
look() {
	local kind place trace functions=() traces=("$TRACING/trace")
	for trace in "$TRACING"/instances/klp_*/trace; do
		[ -e "$trace" ] && traces+=("$trace")
	done
	for trace in "${traces[@]}"; do
		: >"$trace"
		echo 1 >"${trace%/trace}/tracing_on"
	done
	for place in $(places); do
		for kind in $KINDS; do
			read -r SHOWN["$kind $place"] <"${FILE[$kind $place]}"
			functions+=(-e "${FUNCTION[$kind $place]}")
		done
	done
	# Other events would fill the buffers.
	for trace in "${traces[@]}"; do
		echo 0 >"${trace%/trace}/tracing_on"
	done
	SEEN=() RETURNED=()
	while read -r trace; do
		_see "$trace"
	done < <(grep -HF "${functions[@]}" "${traces[@]}")
	_see_bpf
}

# _see LINE - counts a traced call: a line of a trace, after the name of its file.
_see() {
	local kind place
	for kind in "${!ATTACHED[@]}"; do
		for place in ${ATTACHED[$kind]}; do
			case $kind in
			function)
				[[ $1 =~ /klp_function/trace:.*[^_a-z]${FUNCTION[$kind $place]}[\ ] ]]
				;;
			graph)
				# The end of an interrupted call names the function again, in a comment.
				[[ $1 =~ /klp_graph/trace:.*[^_a-z]${FUNCTION[$kind $place]}(\ \[klp_entries\])?\( ]]
				;;
			*)
				[[ $1 = *" ${kind}_$place: "* ]]
				;;
			esac || continue
			SEEN[$kind $place]=$((${SEEN[$kind $place]-0} + 1))
			[[ $1 =~ ret=([0-9]+) ]] && RETURNED[$kind $place]=${BASH_REMATCH[1]}
		done
	done
}

_see_bpf() {
	local kind place calls returned sites=() maps=()
	for kind in fentry fexit; do
		for place in ${ATTACHED[$kind]-}; do
			sites+=("$kind $place")
			maps+=("${MAP[$kind $place]}")
		done
	done
	[ ${#maps[@]} -gt 0 ] || return 0
	while read -r calls returned; do
		SEEN[${sites[0]}]=$((calls - ${BEFORE[${sites[0]}]}))
		BEFORE[${sites[0]}]=$calls
		RETURNED[${sites[0]}]=$returned
		sites=("${sites[@]:1}")
	done < <("$PROGRAMS/klp-bpf" calls "${maps[@]}")
}

# judge STEP WORD - checks the last look: all functions showed the word, or without a word their original
# output, and each attached ftrace user saw one call and its return value.
judge() {
	local kind places
	places=$(places)
	for kind in $KINDS; do
		check "$1, $kind" _as_wanted "$kind" "$2"
	done
}

_as_wanted() {
	local place word function seen status=0
	for place in $places; do
		word=${2:-${ORIGINAL[$1 $place]}}
		function=${FUNCTION[$1 $place]}
		if [ "${SHOWN[$1 $place]}" != "$word" ]; then
			echo "$function shows \`${SHOWN[$1 $place]}\` and not \`$word\`"
			status=1
		fi
		[[ " ${ATTACHED[$1]-} " = *" $place "* ]] || continue
		seen=${SEEN[$1 $place]-0}
		if [ "$seen" != 1 ]; then
			echo "it saw $seen calls of $function instead of one"
			status=1
		fi
		case $1 in
		kretprobe | fprobe_exit | fexit)
			seen=${RETURNED[$1 $place]-nothing}
			# The word and a newline.
			if [ "$seen" != $((${#word} + 1)) ]; then
				echo "it saw $function return $seen for \`$word\`"
				status=1
			fi
			;;
		esac
	done
	return $status
}

# look_and_judge STEP WORD - looks, and checks the results.
look_and_judge() {
	look
	judge "$@"
}

# settle_and_judge STEP PATCH WORD - with a core that makes settled patch sites jumps: checks that they are jumps
# unless another user is attached, and that the results are unchanged.
settle_and_judge() {
	local redirects=/sys/kernel/debug/livepatch/$2/redirects
	[ -e "$redirects" ] || return 0
	if [ ${#ATTACHED[@]} -gt 0 ]; then
		sleep 0.5
	else
		# The core checks again every two seconds.
		WAIT=6 check "$1, the redirects are jumps" wait_until _all_jump "$redirects"
		check "$1, the entries are jumps" _entries_jump
	fi
	look_and_judge "$1, settled" "$3"
}

_all_jump() {
	grep -q ' jump$' "$1" && ! grep -qv ' jump$' "$1"
}

# Without other users: the trampoline of a patch site that is a jump is the replacement.
_entries_jump() {
	local kind place enabled status=0
	enabled=$'\n'$(<$TRACING/enabled_functions)
	for place in $(places); do
		for kind in $KINDS; do
			[[ $enabled =~ $'\n'"${FUNCTION[$kind $place]} "[^$'\n']*"tramp: livepatch_" ]] || {
				echo "${FUNCTION[$kind $place]} is not a jump"
				status=1
			}
		done
	done
	return $status
}
