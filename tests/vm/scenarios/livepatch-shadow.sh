# SPDX-License-Identifier: GPL-2.0-only
# Shadow variables: a leak that one patch fixes, and a counter that another adds on top.

. /klp/vm/lib.sh

target=/sys/module/klp_shadow_target/parameters

# The kernel's unreclaimable memory, in kB.
held() {
	cat /proc/sys/vm/stat_refresh 2>/dev/null
	sed -nE 's/^SUnreclaim: *([0-9]+) kB/\1/p' /proc/meminfo
}

# Creates and completes a hundred jobs of 32 kB; prints how many kB they leaked.
growth() {
	local before
	before=$(held)
	echo 100 >$target/make
	echo 3 >$target/work
	echo $(($(held) - before))
}

# logged NAME LINE... - checks what the patches have logged since the mark.
logged() {
	local name=$1
	shift
	expect_eq "$name" "$(printf '%s\n' "$@" | paste -sd '|')" \
		"$(log_since | sed -nE 's/^livepatch_shadow_(fix[12]): (freed|job)/\1 \2/p' | paste -sd '|')"
	mark_log
}

jobs() {
	cat $target/jobs
}

must "load the module" load klp_shadow_target
growth >/dev/null
leaked=$(growth)
check "without patch, plans leak: $leaked kB" test "$leaked" -ge 2800
expect_eq "no job is left" 0 "$(jobs)"

# A job from before the patch, which has no shadow variable.
echo 1 >$target/make
must "load the first patch" load livepatch-shadow-fix1
mark_log
echo 3 >$target/work
expect_eq "a job from before the patch ends" 0 "$(jobs)"
logged "its plan is lost" ""
echo 2 >$target/make
echo 2 >$target/work
logged "running jobs keep their plans" ""
echo 1 >$target/work
logged "their plans are freed with them" "fix1 freed the plan of job 202" "fix1 freed the plan of job 203"
leaked=$(growth)
check "with the first patch, nothing leaks: $leaked kB" test "$leaked" -lt 700
mark_log

# Two jobs that run when the second patch is loaded.
echo 2 >$target/make
echo 1 >$target/work
must "load the second patch" load livepatch-shadow-fix2
# Older series lack the file.
if [ -e $LIVEPATCH/livepatch_shadow_fix1/stack_order ]; then
	expect_eq "it is on top" "1 2" \
		"$(cat $LIVEPATCH/livepatch_shadow_fix{1,2}/stack_order | xargs)"
fi
echo 1 >$target/work
echo 1 >$target/make
echo 1 >$target/work
logged "it counts in running jobs, and frees what the first attached" \
	"fix2 job 304 was worked on 2 times" "fix2 freed the plan of job 304" \
	"fix2 job 305 was worked on 2 times" "fix2 freed the plan of job 305"
echo 2 >$target/work
logged "it counts in new jobs" "fix2 job 306 was worked on 3 times" "fix2 freed the plan of job 306"
leaked=$(growth)
check "with both, nothing leaks: $leaked kB" test "$leaked" -lt 700

# The second is removed while a job has a counter. The first frees the plan.
echo 1 >$target/make
echo 1 >$target/work
must "remove the second patch" remove_patch livepatch-shadow-fix2
mark_log
echo 2 >$target/work
logged "the first patch frees the plan again" "fix1 freed the plan of job 407"

# The second is loaded again: its old counters are gone.
echo 1 >$target/make
must "load the second patch again" load livepatch-shadow-fix2
mark_log
echo 3 >$target/work
logged "it counts from the start" \
	"fix2 job 408 was worked on 3 times" "fix2 freed the plan of job 408"

# Both are removed while a job runs.
echo 1 >$target/make
echo 1 >$target/work
must "disable the second patch" disable livepatch-shadow-fix2
logged "the plan stays with the first" ""
must "unload the second patch" unload livepatch-shadow-fix2
must "disable the first patch" disable livepatch-shadow-fix1
must "unload the first patch" unload livepatch-shadow-fix1
logged "the last one frees it when it is unloaded" "fix1 freed the plan of job 409"
echo 3 >$target/work
expect_eq "the job ends without patches" 0 "$(jobs)"

# The first is removed before the second.
must "load the first" load livepatch-shadow-fix1
must "load the second" load livepatch-shadow-fix2
echo 1 >$target/make
must "remove the first patch below the second" remove_patch livepatch-shadow-fix1
mark_log
must "remove the second patch" remove_patch livepatch-shadow-fix2
logged "the second frees what the first attached" "fix2 freed the plan of job 410"
echo 3 >$target/work

# Both are disabled before either is unloaded.
must "load the first once more" load livepatch-shadow-fix1
must "load the second once more" load livepatch-shadow-fix2
echo 1 >$target/make
must "disable the second" disable livepatch-shadow-fix2
mark_log
must "disable the first" disable livepatch-shadow-fix1
must "unload the second" unload livepatch-shadow-fix2
must "unload the first" unload livepatch-shadow-fix1
logged "the last one that was disabled frees the plan" "fix1 freed the plan of job 411"

# The module is unloaded while jobs run.
must "load the first before unloading the module" load livepatch-shadow-fix1
echo 1 >$target/make
mark_log
must "unload the module" unload klp_shadow_target
must "remove the patch" remove_patch livepatch-shadow-fix1
logged "the plans of its jobs are freed with the patch" "fix1 freed the plan of job 412"

# The module is reloaded under both patches. They still share what is attached afterwards.
must "load the module again" load klp_shadow_target
must "load the first under it" load livepatch-shadow-fix1
must "load the second under it" load livepatch-shadow-fix2
must "unload the module under both" unload klp_shadow_target
must "the patches stay" renew_before_6_3 livepatch-shadow-fix1 livepatch-shadow-fix2
must "load the module under both" load klp_shadow_target
echo 3 >$target/make
mark_log
must "remove the second patch, the first stays" remove_patch livepatch-shadow-fix2
logged "it does not free what the first uses" ""
echo 3 >$target/work
logged "the first patch's plans are freed with their jobs" "fix1 freed the plan of job 1" \
	"fix1 freed the plan of job 2" "fix1 freed the plan of job 3"
must "remove the first patch at the end" remove_patch livepatch-shadow-fix1
must "unload the module at the end" unload klp_shadow_target
