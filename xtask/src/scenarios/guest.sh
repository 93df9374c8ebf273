# SPDX-License-Identifier: GPL-2.0-only
#
# Runs each scenario in the guest with a time limit, and checks for leftovers.
# Lines that begin with an @ are for the host.

export MODULES=/klp/vm/modules
# The default time limit in seconds. The host sets SLOWNESS on slow kernels.
LIMIT=180
SLOWNESS=${SLOWNESS:-1}
# The taint of the test modules: out of tree, unsigned, live patched.
EXPECTED_TAINT=$(((1 << 12) | (1 << 13) | (1 << 15)))

modules() { cut -d' ' -f1 /proc/modules | sort; }
# Without klp-core, which may be a module.
patches() { ls -A /sys/kernel/livepatch 2>/dev/null | grep -vx klp_core; }
taint() { echo $(($(cat /proc/sys/kernel/tainted) & ~EXPECTED_TAINT)); }

# Disables all patches and removes the modules $1, so that the next scenario starts like the first.
clean_up() {
    local patch module
    for patch in $(patches); do
        echo 0 >"/sys/kernel/livepatch/$patch/enabled"
    done
    for _ in $(seq 100); do
        [ -z "$(patches)" ] && break
        sleep 0.1
    done
    # Twice: one module may use another.
    for module in $1 $1; do
        rmmod "$module" 2>/dev/null
    done
}

# Patches that the kernel keeps loaded.
pinned=
modules_before=$(modules)
taint_before=$(taint)
cd /klp/vm/scenarios || exit
# Scenarios that pin patches come last, because the others count patches.
for script in $(grep -L '^# Pins: ' -- *.sh) $(grep -l '^# Pins: ' -- *.sh); do
    mark="klp scenario $script begins"
    echo "$mark" >/dev/kmsg
    echo "@begin $script"
    limit=$(sed -n 's/^# Limit: \([0-9]*\) s$/\1/p' "$script")
    timeout -k 10 "$((${limit:-$LIMIT} * SLOWNESS))" bash "./$script"
    status=$?
    # The scenario may have stopped within a line.
    echo

    pinned+=$(sed -n 's/^# Pins: //p' "$script" | sed 's/^\| /\n/g')
    left=$(patches | grep -vxF "$pinned")
    added=$(modules | grep -vxF "${modules_before:-none}$pinned")
    if [ -n "$left$added" ]; then
        echo "not ok - nothing stays behind: patches: ${left//$'\n'/ }; modules: ${added//$'\n'/ }"
        clean_up "$added"
    fi
    reports=$(dmesg --syslog | tac | sed "/$mark\$/q" | tac |
        grep -E '(^|\] *)(WARNING: |BUG: |Oops: |UBSAN: |general protection|INFO: (task|possible) )')
    # A known warning of the kernel in this function, which taints the kernel.
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
