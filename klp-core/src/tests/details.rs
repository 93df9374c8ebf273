// SPDX-License-Identifier: GPL-2.0-only

//! Tests for mutants that no other test catches.

use super::{enable_read, helper, machine, replacement, FIRST, READ, SECOND, THIRD, WRITE};
use crate::direct_jump::RedirectVia;
use crate::errno::{check, Errno, EINVAL, ENOMEM};
use crate::name;
use crate::redirect::{Redirect, Redirects};
use crate::simulated::{code, Machine};
use crate::snapshot::{Locked, Snapshot, Writer};
use crate::symbols;
use crate::types::{PatchState, Site, Target, TextRange};
use std::time::Duration;

const DRIVE: usize = 0x5_0000;

/// How calls of `read` reach a patch's replacement.
fn via(machine: &mut Machine, patch: usize) -> RedirectVia {
    let core = machine.core();
    let patch = core.state.get(patch).expect("enabled");
    core.redirect_via(&patch.objects[0].funcs[0])
}

#[test]
fn how_calls_reach_a_replacement_is_visible() {
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(via(&mut machine, FIRST), RedirectVia::Handler);
    machine.promote();
    assert_eq!(via(&mut machine, FIRST), RedirectVia::Jump);
    assert_eq!(enable_read(&mut machine, SECOND), 0);
    assert_eq!(via(&mut machine, FIRST), RedirectVia::Shadowed);
    assert_eq!(via(&mut machine, SECOND), RedirectVia::Handler);
    machine.promote();
    assert_eq!(via(&mut machine, SECOND), RedirectVia::Jump);
    assert_eq!(via(&mut machine, FIRST), RedirectVia::Shadowed);
}

#[test]
fn cold_parts_of_a_modules_functions_are_checked() {
    let mut machine = machine();
    let symbols = [
        ("brake.cold", DRIVE + 0x200),
        ("drive", DRIVE),
        ("drive.cold", DRIVE + 0x300),
        ("steer", DRIVE + 0x100),
        ("steer.cold", DRIVE + 0x400),
    ];
    machine.module("driver", &symbols);
    assert_eq!(code(machine.load("driver")), 0);
    let inside = [0x310, 0x410].map(|offset| machine.sleeper(&[DRIVE + offset]));
    let outside = machine.sleeper(&[DRIVE + 0x210]);
    // In either order.
    let functions = [
        ("steer", 0, replacement(FIRST, 1)),
        ("drive", 0, replacement(FIRST, 0)),
    ];
    let objects = [(Some("driver"), &functions[..])];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), 0);
    for task in &inside {
        assert_eq!(machine.call(task, DRIVE), 0);
    }
    assert_eq!(machine.call(&outside, DRIVE), replacement(FIRST, 0));
}

#[test]
fn cold_parts_are_searched_in_each_module() {
    const TURN: usize = 0x6_0000;
    let mut machine = machine();
    machine.module("driver", &[("drive", DRIVE), ("drive.cold", DRIVE + 0x100)]);
    machine.module("engine", &[("turn", TURN), ("turn.cold", TURN + 0x100)]);
    assert_eq!(code(machine.load("driver")), 0);
    assert_eq!(code(machine.load("engine")), 0);
    let inside = [DRIVE, TURN].map(|start| machine.sleeper(&[start + 0x108]));
    let objects = [
        (Some("driver"), &[("drive", 0, replacement(FIRST, 0))][..]),
        (Some("engine"), &[("turn", 0, replacement(FIRST, 1))][..]),
    ];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), 0);
    for task in &inside {
        assert_eq!(machine.call(task, DRIVE), 0);
        assert_eq!(machine.call(task, TURN), 0);
    }
}

#[test]
fn cold_parts_of_several_replacements() {
    let mut machine = machine();
    let symbols = [
        ("new_read", replacement(FIRST, 0)),
        ("new_read.cold", helper(FIRST)),
        ("new_write", replacement(FIRST, 1)),
        ("new_write.cold", helper(FIRST) + 0x100),
    ];
    machine.module("1000000", &symbols);
    for patch in [FIRST, SECOND] {
        let inside = [0x8, 0x108].map(|offset| machine.sleeper(&[helper(FIRST) + offset]));
        let functions = [
            ("read", 0, replacement(patch, 0)),
            ("write", 0, replacement(patch, 1)),
        ];
        assert_eq!(code(machine.enable(patch, &[(None, &functions)], false)), 0);
        for task in inside {
            assert_eq!(machine.call(&task, READ), replacement(FIRST, 0));
        }
    }
}

#[test]
fn cold_parts_of_replacements_are_searched_in_each_patch() {
    let mut machine = machine();
    for patch in [FIRST, SECOND] {
        let symbols = [
            ("new_write", replacement(patch, 1)),
            ("new_write.cold", helper(patch) + 0x100),
            ("new_read", replacement(patch, 0)),
            ("new_read.cold", helper(patch)),
        ];
        machine.module(&format!("{patch:x}"), &symbols);
    }
    let enable = |machine: &mut Machine, patch, functions: &[_]| {
        code(machine.enable(patch, &[(None, functions)], false))
    };
    let read = |patch| ("read", 0, replacement(patch, 0));
    let write = |patch| ("write", 0, replacement(patch, 1));
    assert_eq!(enable(&mut machine, FIRST, &[read(FIRST), write(FIRST)]), 0);
    let in_first = [0x8, 0x108].map(|offset| machine.sleeper(&[helper(FIRST) + offset]));
    assert_eq!(enable(&mut machine, SECOND, &[write(SECOND)]), 0);
    // SECOND does not replace `read`, so its cold part does not block.
    assert_eq!(machine.call(&in_first[0], WRITE), replacement(SECOND, 1));
    assert_eq!(machine.call(&in_first[1], WRITE), replacement(FIRST, 1));
    in_first[1].stack.borrow_mut().clear();
    machine.retry();

    let in_second = machine.sleeper(&[helper(SECOND) + 0x108]);
    assert_eq!(enable(&mut machine, THIRD, &[read(THIRD), write(THIRD)]), 0);
    assert_eq!(machine.call(&in_first[0], READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&in_second, READ), replacement(FIRST, 0));
    assert_eq!(machine.call(&in_first[1], READ), replacement(THIRD, 0));
}

/// The callbacks that are omitted are called when the transition ends.
#[test]
fn callbacks_of_loading_and_unloading_in_transition() {
    let mut machine = machine();
    machine.module("driver", &[("drive", DRIVE)]);
    // The second object of the first patch.
    machine.kernel.with_callbacks.borrow_mut().insert(FIRST + 1);
    let calls = |machine: &Machine| {
        let mut log = machine.log();
        log.retain(|line| line.contains("patch 1000000/"));
        log
    };
    let inside = machine.sleeper(&[READ + 8]);
    let objects = [
        (None, &[("read", 0, replacement(FIRST, 0))][..]),
        (Some("driver"), &[("drive", 0, replacement(FIRST, 1))][..]),
    ];
    assert_eq!(code(machine.enable(FIRST, &objects, false)), 0);
    assert_eq!(code(machine.load("driver")), 0);
    assert_eq!(calls(&machine), ["pre_patch 1000000/driver"]);
    machine.unload("driver");
    assert_eq!(calls(&machine), ["post_unpatch 1000000/driver"]);

    inside.stack.borrow_mut().clear();
    machine.retry();
    assert_eq!(code(machine.load("driver")), 0);
    assert_eq!(
        calls(&machine),
        ["pre_patch 1000000/driver", "post_patch 1000000/driver"]
    );
    machine.unload("driver");
    assert_eq!(
        calls(&machine),
        ["pre_unpatch 1000000/driver", "post_unpatch 1000000/driver"]
    );
}

/// An object may have only callbacks.
#[test]
fn an_object_without_functions_stays_in_a_cumulative_patch() {
    let mut machine = machine();
    machine.module("driver", &[("drive", DRIVE)]);
    assert_eq!(code(machine.load("driver")), 0);
    let drive = [("drive", 0, replacement(FIRST, 0))];
    assert_eq!(
        code(machine.enable(FIRST, &[(Some("driver"), &drive)], false)),
        0
    );
    let objects = [
        (None, &[("read", 0, replacement(SECOND, 0))][..]),
        (Some("driver"), &[][..]),
    ];
    assert_eq!(code(machine.enable(SECOND, &objects, true)), 0);
    let sysfs = machine.kernel.sysfs.borrow();
    assert!(sysfs.contains("2000000/driver"), "{sysfs:?}");
    assert!(
        !sysfs.iter().any(|path| path.contains("drive,")),
        "{sysfs:?}"
    );
}

#[test]
fn a_table_grows_with_later_patches() {
    const MANY: usize = if cfg!(miri) { 20 } else { 100 };
    let mut machine = machine();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let names: Vec<_> = (0..MANY).map(|number| format!("f{number}")).collect();
    let start = |number: usize| 0x40_0000 + number * 0x1000;
    for (number, name) in names.iter().enumerate() {
        machine.function(name, start(number));
    }
    let functions: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), 0, replacement(SECOND, number)))
        .collect();
    assert_eq!(
        code(machine.enable(SECOND, &[(None, &functions)], false)),
        0
    );
    let task = machine.sleeper(&[]);
    for number in 0..MANY {
        assert_eq!(
            machine.call(&task, start(number)),
            replacement(SECOND, number)
        );
    }
}

#[test]
fn symbols_are_found_by_name_and_position() {
    let machine = machine();
    let starts = [0x7_0000, 0x7_1000, 0x7_2000];
    for start in starts {
        machine.function("twice", start);
    }
    let symbols = [
        ("drive", DRIVE),
        ("twice", DRIVE + 0x100),
        ("twice", DRIVE + 0x200),
    ];
    machine.module("driver", &symbols);
    let find = |object, name, position| symbols::find(&*machine.kernel, object, name, position);
    for (place, start) in starts.into_iter().enumerate() {
        assert_eq!(find(None, c"twice", place + 1), Ok(start));
    }
    assert_eq!(find(None, c"twice", 4), Err(EINVAL));
    assert_eq!(find(None, c"twice", 0), Err(EINVAL));
    let driver = Some(c"driver");
    assert_eq!(find(driver, c"drive", 0), Ok(DRIVE));
    assert_eq!(find(driver, c"twice", 2), Ok(DRIVE + 0x200));
    assert_eq!(find(driver, c"twice", 0), Err(EINVAL));
    assert_eq!(find(driver, c"steer", 0), Err(EINVAL));
}

#[test]
fn a_missing_state_is_not_confused_with_another() {
    let mut machine = machine();
    let declare = |patch, id, version| {
        let mut states = machine.kernel.states.borrow_mut();
        states.insert(patch, vec![(id, version)]);
    };
    declare(FIRST, 1, 1);
    declare(SECOND, 2, 5);
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(machine.enable(SECOND, &[(None, &read)], true), Err(EINVAL));
}

#[test]
fn a_missed_deadline_logs_ten_blockers_and_counts_the_others() {
    for (tasks, more) in [(10, None), (12, Some("and 2 more tasks"))] {
        let mut machine = machine();
        let deadline = Duration::from_millis(1);
        machine.kernel.deadline.set(Some(deadline));
        let _inside: Vec<_> = (0..tasks).map(|_| machine.sleeper(&[READ + 8])).collect();
        assert_eq!(enable_read(&mut machine, FIRST), 0);
        let mut log = Vec::new();
        for _ in 0..5 {
            machine.retry();
            log.extend(machine.log());
        }
        let named = log.iter().filter(|line| line.contains("held it up"));
        assert_eq!(named.count(), 10);
        let counted: Vec<_> = log
            .iter()
            .filter(|line| line.contains("more task"))
            .collect();
        assert_eq!(counted, Vec::from_iter(more));
    }
}

#[test]
fn releasing_code_waits_for_exiting_tasks() {
    let mut machine = machine();
    let waits = |machine: &Machine| machine.kernel.waits_for_exits.get();
    assert_eq!(enable_read(&mut machine, FIRST), 0);
    assert_eq!(waits(&machine), 0);
    let read = [("read", 0, replacement(SECOND, 0))];
    assert_eq!(code(machine.enable(SECOND, &[(None, &read)], true)), 0);
    assert_eq!(waits(&machine), 1);
    assert_eq!(code(machine.set_enabled(SECOND, false)), 0);
    assert_eq!(waits(&machine), 2);
}

#[test]
fn a_range_excludes_its_end() {
    let range = TextRange { start: 16, size: 8 };
    let inside = [15, 16, 23, 24].map(|address| range.contains(address));
    assert_eq!(inside, [false, true, true, false]);
    assert!(!TextRange::NONE.contains(0));
}

/// Test vectors of the hash's authors.
#[test]
fn names_are_hashed_by_fnv_1a() {
    assert_eq!(name::hash(b""), 0x811c_9dc5);
    assert_eq!(name::hash(b"a"), 0xe40c_292c);
    assert_eq!(name::hash(b"foobar"), 0xbf9c_f968);
}

#[test]
fn the_worker_is_scheduled_for_dedicated_ops_that_are_left() {
    let mut machine = machine();
    let functions = [
        ("read", 0, replacement(FIRST, 0)),
        ("write", 0, replacement(FIRST, 1)),
    ];
    assert_eq!(code(machine.enable(FIRST, &[(None, &functions)], false)), 0);
    machine.promote();
    assert_eq!(code(machine.set_enabled(FIRST, false)), 0);
    assert_eq!(
        machine.kernel.promote_delay.get(),
        Some(Duration::from_millis(1))
    );
    machine.promote();
    assert!(machine.kernel.dedicated_targets.borrow().is_empty());
}

/// A search in a full table would never end. This assertion prevents that.
#[test]
#[should_panic(expected = "the table was made too small")]
fn more_redirects_than_reserved_are_detected() {
    let machine = machine();
    let snapshot = Snapshot::new();
    // SAFETY: the writer is for this snapshot, and there is one thread.
    #[allow(unsafe_code)]
    let (writer, lock) = unsafe { (Writer::new(), Locked::new()) };
    let mut redirects = Redirects::new(writer);
    let reserved = redirects.reserve(2, &snapshot, &*machine.kernel, &lock);
    assert_eq!(reserved, Ok(()));
    let many = (1..=5).filter_map(Site::new).map(|site| Redirect {
        site,
        target: Target::Original,
        in_transition: false,
    });
    let _ = redirects.publish(&snapshot, many);
}

#[test]
fn errors_are_negative_numbers_in_c() {
    assert_eq!(Errno::from_c(-12), Some(ENOMEM));
    assert_eq!(Errno::from_c(0), None);
    assert_eq!(Errno::from_c(1), None);
    assert_eq!(check(-12), Err(ENOMEM));
    assert_eq!(check(0), Ok(0));
    assert_eq!(check(3), Ok(3));
    assert_eq!((ENOMEM.to_c(), ENOMEM.to_string().as_str()), (-12, "-12"));
}

#[test]
fn patch_states_are_numbers_in_c() {
    let states = [
        (PatchState::Idle, -1),
        (PatchState::Unpatched, 0),
        (PatchState::Patched, 1),
    ];
    for (state, number) in states {
        assert_eq!(state.to_c(), number);
        assert_eq!(PatchState::from_c(number), state);
    }
}
