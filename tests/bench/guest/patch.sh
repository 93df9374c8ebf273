# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# patch.sh FUNCTIONS SLEEPERS DISABLE - enables a live patch of this many functions while this many
# processes sleep, and disables it again when DISABLE is `yes`. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

functions=$1 sleepers=$2 disable=$3
suffix=$functions
if [ "$sleepers" -gt 0 ]; then
    suffix=$functions-$sleepers-sleepers
fi

load_target
"$BENCH/klp-bench" sleepers "$sleepers"
# The processes are to sleep by then.
sleep 1
figure "enable-$suffix" ns "$(enable functions="$functions")"
if [ "$disable" = yes ]; then
    sleep 1
    figure "disable-$suffix" ns "$(disable)"
fi
