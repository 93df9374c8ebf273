# SPDX-License-Identifier: GPL-2.0-only
# Locks are taken and released, counts changed, and lists walked, as in C.

. /klp/vm/lib.sh

parameters=/sys/module/klp_sync_target/parameters

# said WHAT - what the patch has logged about it.
said() {
	log_since | sed -n "s/^sync: $1 //p" | paste -sd '|'
}

must "load the module" load klp_sync_target
expect_eq "the initial state" "1 0 1 5 1099511627776 0 0" "$(cat $parameters/state)"
must "load the patch" load sync

mark_log
check "call the replacement" bash -c "echo 1 >$parameters/step"
# The held locks while a guard lives, and after it. Bit 40 is disabled interrupts, 80 disabled softirqs. With
# PREEMPT_RT, sleeping locks leave interrupts enabled.
irq=4
grep -q PREEMPT_RT /proc/version && irq=
expect_eq "a mutex" "1 0" "$(said mutex)"
expect_eq "a mutex in a union" "100 0" "$(said inner)"
expect_eq "a static mutex" "20 0" "$(said static)"
expect_eq "a mutex of the patch, alone and with another" "0 0|1 0" "$(said own)|$(said own-again)"
expect_eq "a semaphore, reading" "10 0" "$(said sem-read)"
expect_eq "a semaphore, writing" "10 0" "$(said sem-write)"
expect_eq "a pair of functions" "1 0" "$(said pair)"
expect_eq "a spinlock" "2 0" "$(said spin)"
expect_eq "a spinlock, interrupts off" "${irq}2 0|${irq}2 0" "$(said spin-irq)|$(said spin-irqsave)"
expect_eq "a spinlock, softirqs off" "82 0" "$(said spin-bh)"
expect_eq "a raw spinlock" "4 0" "$(said raw)"
expect_eq "a raw spinlock, interrupts off" "44 0|44 0" "$(said raw-irq)|$(said raw-irqsave)"
expect_eq "a raw spinlock, softirqs off" "84 0" "$(said raw-bh)"
expect_eq "interrupts stay off in an outer guard" "${irq}2 0" "$(said nested)"
expect_eq "reading" "8 0" "$(said read)"
expect_eq "reading, interrupts off" "${irq}8 0|${irq}8 0" "$(said read-irq)|$(said read-irqsave)"
expect_eq "reading, softirqs off" "88 0" "$(said read-bh)"
expect_eq "writing" "8 0" "$(said write)"
expect_eq "writing, interrupts off" "${irq}8 0|${irq}8 0" "$(said write-irq)|$(said write-irqsave)"
expect_eq "writing, softirqs off" "88 0" "$(said write-bh)"
expect_eq "try_lock takes free locks, and not held ones" "11 0 0" "$(said attempts)"
expect_eq "inc_not_zero takes no reference at zero" "(true, false) 2" "$(said refs)"
expect_eq "a reference dropped" "false 1" "$(said dropped)"
expect_eq "a kref" "true false" "$(said kref)"
expect_eq "an atomic_t" "5 Err(7) 7" "$(said uses)"
expect_eq "an atomic64_t" "1099511627776" "$(said total)"
expect_eq "an atomic_long_t" "(false, true) false" "$(said pages)"
expect_eq "a list, and an empty one" "123 true" "$(said list)"
expect_eq "a list under RCU" "1020" "$(said rcu)"
expect_eq "an hlist" "321" "$(said hlist)"
expect_eq "an hlist_nulls" "321" "$(said nulls)"
expect_eq "a list whose head is a variable" "76" "$(said variable)"
expect_eq "the first entries" "Some(1) None" "$(said first)"
expect_eq "the final state" "1 0 2 7 1099511627775 2 0" "$(cat $parameters/state)"

# A report would have disabled lockdep.
if [ -e /proc/lockdep_stats ]; then
	expect_match "lockdep has watched all of this" "debug_locks: +1$" "$(cat /proc/lockdep_stats)"
	expect_match "lockdep knows the mutex of the patch" "klp::sync::StaticMutex" "$(cat /proc/lockdep)"
fi

must "remove the patch" remove_patch sync
must "unload the module" unload klp_sync_target
