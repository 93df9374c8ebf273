// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the sizes of functions.

use crate::simulated::{Machine, SIZE};
use crate::sizes::Sizes;
use crate::types::TextRange;

const TEXT: TextRange = TextRange {
    start: 0x1000,
    size: 0x1000,
};

/// The sizes of that many functions, `distance` bytes apart.
fn sizes(functions: usize, distance: usize) -> (Machine, Sizes) {
    let machine = Machine::new();
    let start = |number: usize| TEXT.start + number * distance;
    let names: std::vec::Vec<_> = (0..functions).map(|at| std::format!("f{at}")).collect();
    let mut symbols: std::vec::Vec<_> = (0..functions)
        .map(|at| (names[at].as_str(), start(at)))
        .collect();
    symbols.extend([
        (".Ltmp", start(0) + 4),
        ("", start(1) + 4),
        ("g", start(2) + 8),
    ]);
    symbols.extend([("alias", start(3)), ("data", TEXT.start + 2 * TEXT.size)]);
    symbols.reverse();
    machine.module("driver", &symbols);
    // The last two are no symbol, and no code of the module.
    let starts = (0..functions).map(start).chain([start(4) + 1, 0x10]);
    let sizes = Sizes::of_module(&*machine.kernel, c"driver", TEXT, starts);
    (machine, sizes.expect("memory"))
}

#[test]
fn a_function_ends_where_the_next_symbol_is() {
    let (machine, sizes) = sizes(20, 0x40);
    let size = |start| sizes.get(&*machine.kernel, start);
    assert_eq!(size(TEXT.start), Some(0x40));
    assert_eq!(size(TEXT.start + 0x40), Some(0x40));
    assert_eq!(size(TEXT.start + 2 * 0x40), Some(8));
    assert_eq!(size(TEXT.start + 3 * 0x40), Some(0x40));
    assert_eq!(size(TEXT.start + 19 * 0x40), Some(TEXT.size - 19 * 0x40));
}

#[test]
fn other_sizes_are_looked_up_in_kallsyms() {
    let (machine, some) = sizes(20, 0x40);
    for start in [TEXT.start + 4 * 0x40 + 1, TEXT.start + 2, 0x10] {
        assert_eq!(some.get(&*machine.kernel, start), Some(SIZE));
    }
    let (machine, few) = sizes(5, 0x40);
    assert_eq!(few.get(&*machine.kernel, TEXT.start), Some(SIZE));
}
