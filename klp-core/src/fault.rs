// SPDX-License-Identifier: GPL-2.0-only

//! Faults that tests inject, to show that the checks detect them. Outside of tests there is no code for
//! them.

/// A fault to inject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Fault {
    /// A snapshot is published without a release: readers may see it incomplete.
    UnorderedPublish,
    /// A snapshot is read without an acquire: the reader may see it incomplete.
    UnorderedRead,
    /// The grace period with this number, counted since tasks run concurrently with the core, is omitted.
    NoGracePeriod(usize),
    /// The handler reads the task's state before the redirect.
    StateBeforeRedirect,
    /// Redirects in transition are published before tasks have their states.
    RedirectsBeforeStates,
    /// Tasks lose their states before the settled redirects are published.
    ForgetBeforeSettled,
    /// A transition is reversed while tasks are still marked as pending.
    ReverseWithoutStopping,
    /// When a transition is reversed, tasks are marked as pending before the target state changes.
    MarkBeforeTarget,
    /// When a transition is reversed, tasks are marked as pending without a grace period since they stopped
    /// switching.
    MarkWithoutGracePeriod,
    /// A child gets its parent's flag, but not its state.
    InheritWithoutState,
    /// Tasks that were forked while others were switched are not checked.
    MissedTasks,
    /// No guards are attached while sites move from one ops to another, and while targets change.
    NoGuards,
    /// The stack of a running task is read as if the task slept.
    StackOfRunningTask,
}

/// Has a test injected this fault?
#[cfg(any(kernel, not(test)))]
#[inline(always)]
pub(crate) const fn is_injected(_: Fault) -> bool {
    false
}

#[cfg(all(test, not(kernel)))]
pub(crate) use injected::{inject, is_injected};

#[cfg(all(test, not(kernel)))]
mod injected {
    use super::Fault;
    use std::cell::Cell;

    std::thread_local! {
        static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Injects this fault, and no other, in this thread from now on.
    pub(crate) fn inject(fault: Option<Fault>) {
        FAULT.set(fault);
    }

    pub(crate) fn is_injected(fault: Fault) -> bool {
        FAULT.get() == Some(fault)
    }
}
