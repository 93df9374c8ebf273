# SPDX-License-Identifier: GPL-2.0-only
#
# Runs each of the kernel's livepatch selftests, unmodified, in the guest with a time limit.
# Lines that begin with an @ are for the host.

cd /klp/selftests/livepatch || exit
# The scripts only check that the folder exists: the modules are built already.
export KDIR=/

# klp-core as a module is a live patch, so ftrace cannot be disabled. That case is removed, because the script would
# skip the others too. klp-core is also hidden from scripts that count the loaded patches.
if [ -e /sys/kernel/livepatch/klp_core ]; then
    echo GLOBIGNORE=/sys/kernel/livepatch/klp_core >/klp/without-core
    export BASH_ENV=/klp/without-core
    rest=$(awk '/^start_test / { cases++ } cases != 1' test-ftrace.sh)
    echo "$rest" >test-ftrace.sh
fi

for script in test-*.sh; do
    [ "$script" != "${WITHOUT-}" ] || continue
    echo "@begin $script"
    timeout -k 10 "${LIMIT:-600}" "./$script"
    # The script may have stopped within a line.
    printf '\n@end %s %d\n' "$script" $?
done
