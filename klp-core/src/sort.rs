// SPDX-License-Identifier: GPL-2.0-only

//! Sorting and partitioning with small code: the standard library's sort is faster, but with some ten
//! kilobytes for each type it would be half of the core.

/// Sorts `values` by `key`. See [`sort`].
pub fn sort_by_key<T, K: Ord>(values: &mut [T], key: impl Fn(&T) -> K) {
    sort(values, |a, b| key(a) < key(b));
}

/// Sorts `values` by heapsort (Williams, 1964): needs no memory, and at most about `2 n log n` comparisons.
/// Not stable. Sorted values, as the functions of most patches are, take `n` comparisons.
#[inline(never)]
pub fn sort<T>(values: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    if values.is_sorted_by(|a, b| !is_less(b, a)) {
        return;
    }
    for root in (0..values.len() / 2).rev() {
        sift_down(values, root, &is_less);
    }
    for end in (1..values.len()).rev() {
        swap(values, 0, end);
        if let Some(heap) = values.get_mut(..end) {
            sift_down(heap, 0, &is_less);
        }
    }
}

/// Sinks the value at `parent` until none below it is greater. The values below it are heaps already.
fn sift_down<T>(values: &mut [T], mut parent: usize, is_less: &impl Fn(&T, &T) -> bool) {
    loop {
        let left = parent.saturating_mul(2).saturating_add(1);
        let Some(child) = values.get(left) else {
            return;
        };
        let (child, greater) = match values.get(left.saturating_add(1)) {
            Some(right) if is_less(child, right) => (left.saturating_add(1), right),
            _ => (left, child),
        };
        if !values
            .get(parent)
            .is_some_and(|value| is_less(value, greater))
        {
            return;
        }
        swap(values, parent, child);
        parent = child;
    }
}

/// Moves the values that are `last` behind the others. Returns the number of others.
#[inline(never)]
pub fn partition_in_place<T>(values: &mut [T], last: impl Fn(&T) -> bool) -> usize {
    let mut others = 0;
    for index in 0..values.len() {
        if values.get(index).is_some_and(|value| !last(value)) {
            swap(values, others, index);
            others = others.saturating_add(1);
        }
    }
    others
}

/// Exchanges two values, where `low` is not above `high`.
fn swap<T>(values: &mut [T], low: usize, high: usize) {
    if let Some((left, right)) = values.split_at_mut_checked(high) {
        if let (Some(a), Some(b)) = (left.get_mut(low), right.first_mut()) {
            core::mem::swap(a, b);
        }
    }
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;

    const MANY: u32 = if cfg!(miri) { 100 } else { 1000 };

    /// Every sequence of up to six numbers below four; of up to three under Miri.
    fn sequences() -> impl Iterator<Item = std::vec::Vec<u8>> {
        (0..=if cfg!(miri) { 3 } else { 6u32 }).flat_map(|len| {
            (0..4usize.pow(len)).map(move |code| {
                let digit = |at| u8::try_from(code / 4usize.pow(at) % 4).expect("small");
                (0..len).map(digit).collect()
            })
        })
    }

    #[test]
    fn all_are_sorted() {
        for sequence in sequences() {
            let (mut ours, mut wanted) = (sequence.clone(), sequence.clone());
            sort_by_key(&mut ours, |&value| value);
            wanted.sort_unstable();
            assert_eq!(ours, wanted, "{sequence:?}");
        }
        let mut many: std::vec::Vec<u32> = (0..MANY).map(|value| value * 7919 % MANY).collect();
        sort_by_key(&mut many, |&value| core::cmp::Reverse(value));
        assert!(many.iter().rev().copied().eq(0..MANY));
    }

    #[test]
    fn all_are_partitioned() {
        for sequence in sequences() {
            let mut ours = sequence.clone();
            let others = partition_in_place(&mut ours, |&value| value > 1);
            assert!(
                ours[..others].iter().all(|&value| value <= 1),
                "{sequence:?}"
            );
            assert!(
                ours[others..].iter().all(|&value| value > 1),
                "{sequence:?}"
            );
            let (mut ours, mut wanted) = (ours, sequence);
            ours.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(ours, wanted);
        }
    }
}
