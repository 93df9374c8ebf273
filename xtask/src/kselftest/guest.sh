# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: each of the kernel's livepatch selftests, as it is, in a time limit.
# Lines that begin with an @ are for the host.

cd /klp/selftests/livepatch || exit
# The scripts only look whether it is there: the modules have been built.
export KDIR=/

for script in test-*.sh; do
    echo "@begin $script"
    timeout -k 10 "${LIMIT:-600}" "./$script"
    # The script may have stopped in the middle of a line.
    printf '\n@end %s %d\n' "$script" $?
done
