# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# tasks.sh TASKS FUNCTIONS - enables a live patch of this many functions while this many processes
# sleep. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

tasks=$1 functions=$2

load_target
"$BENCH/klp-bench" sleepers "$tasks"
# Wait until they sleep.
sleep 1
read -r _ enabled < <(enable klp_bench_patch functions="$functions")
figure "enable-$functions-tasks-$tasks" ns "$enabled"
