# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: each of the kernel's livepatch selftests, as it is, in a time limit.
# Lines that begin with an @ are for the host.

cd /klp/selftests/livepatch || exit
# The scripts only look whether it is there: the modules have been built.
export KDIR=/

# With klp-core as a module, which is a live patch, ftrace cannot be turned off. The case for that is left
# out; the script would skip the others with it. And scripts count all patches that there are.
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
    # The script may have stopped in the middle of a line.
    printf '\n@end %s %d\n' "$script" $?
done
