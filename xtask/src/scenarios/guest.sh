# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: each scenario in a time limit, and looks what it left behind.
# Lines that begin with an @ are for the host.

export MODULES=/klp/vm/modules
# On slow kernels the host says more.
LIMIT=180
SLOWNESS=${SLOWNESS:-1}
# Out of tree, unsigned, live patched: what loading our modules means.
EXPECTED_TAINT=$(((1 << 12) | (1 << 13) | (1 << 15)))

modules() { cut -d' ' -f1 /proc/modules | sort; }
# Not klp-core itself, where it is a module.
patches() { ls -A /sys/kernel/livepatch 2>/dev/null | grep -vx klp_core; }
taint() { echo $(($(cat /proc/sys/kernel/tainted) & ~EXPECTED_TAINT)); }

# Reverts and removes everything, so that the next scenario starts as the first one did.
clean_up() {
    local patch module
    for patch in $(patches); do
        echo 0 >"/sys/kernel/livepatch/$patch/enabled"
    done
    for _ in $(seq 100); do
        [ -z "$(patches)" ] && break
        sleep 0.1
    done
    # Twice: one may hold another.
    for module in $1 $1; do
        rmmod "$module" 2>/dev/null
    done
}

# Patches that the kernel never lets go.
pinned=
modules_before=$(modules)
taint_before=$(taint)
cd /klp/vm/scenarios || exit
# Those that pin patches are last: the others count what is there.
for script in $(grep -L '^# Pins: ' -- *.sh) $(grep -l '^# Pins: ' -- *.sh); do
    mark="klp scenario $script begins"
    echo "$mark" >/dev/kmsg
    echo "@begin $script"
    limit=$(sed -n 's/^# Limit: \([0-9]*\) s$/\1/p' "$script")
    timeout -k 10 "$((${limit:-$LIMIT} * SLOWNESS))" bash "./$script"
    status=$?
    # It may have stopped in the middle of a line.
    echo

    pinned+=$(sed -n 's/^# Pins: //p' "$script" | sed 's/^\| /\n/g')
    left=$(patches | grep -vxF "$pinned")
    added=$(modules | grep -vxF "${modules_before:-none}$pinned")
    if [ -n "$left$added" ]; then
        echo "not ok - nothing stays behind: patches: ${left//$'\n'/ }; modules: ${added//$'\n'/ }"
        clean_up "$added"
    fi
    reports=$(dmesg | sed -n "/$mark\$/,\$p" |
        grep -E '(^|\] *)(WARNING: |BUG: |Oops: |UBSAN: |general protection|INFO: (task|possible) )')
    # A warning of the kernel's own, in this function. It taints.
    known=$(sed -n 's/^# Known warning: //p' "$script")
    if [ -n "$known" ] && grep -qF " $known+0x" <<<"$reports"; then
        reports=$(grep -vF " $known+0x" <<<"$reports")
        taint_before=$((taint_before | 1 << 9))
    fi
    if [ -n "$reports" ]; then
        echo "not ok - the kernel's log stays clean: ${reports%%$'\n'*}"
    fi
    if [ "$(taint)" != "$taint_before" ]; then
        taint_before=$(taint)
        echo "not ok - the kernel stays sound: its taint is now $(cat /proc/sys/kernel/tainted)"
    fi
    echo "@end $script $status"
done
