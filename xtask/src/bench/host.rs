// SPDX-License-Identifier: GPL-2.0-only

//! The load of this machine, which disturbs measurements in real time.

use std::fs;
use std::time::Duration;

use klp_host::host::progress::say;

/// How long the load is sampled.
const SAMPLE_TIME: Duration = Duration::from_secs(1);

/// The share of the CPUs' time, in percent, that other work may use without a warning.
const MAX_BUSY: u64 = 15;

/// Warns if other work would distort latencies.
pub(super) fn warn_if_busy() {
    let before = Times::read();
    std::thread::sleep(SAMPLE_TIME);
    let busy = before
        .zip(Times::read())
        .and_then(|(before, after)| after.busy_since(&before));
    if let Some(busy) = busy.filter(|&busy| busy > MAX_BUSY) {
        say(&format!(
            "warning: other work keeps this machine's CPUs busy {busy} % of the time: latencies are \
             measured in real time and will be too high"
        ));
    }
}

/// Ticks of all CPUs since boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Times {
    idle: u64,
    all: u64,
}

impl Times {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Parses `cpu  user nice system idle iowait irq softirq steal guest guest_nice`. User and nice
    /// include guests' times.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        Some(Self {
            idle: ticks.get(3)? + ticks.get(4)?,
            all: ticks.iter().sum(),
        })
    }

    /// The share of the time that was not idle, in percent.
    fn busy_since(self, before: &Self) -> Option<u64> {
        let all = self.all.checked_sub(before.all)?;
        let idle = self.idle.checked_sub(before.idle)?;
        (100 * all.checked_sub(idle)?).checked_div(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_share() {
        let times = |user: u64, idle: u64| {
            Times::parse(&format!(
                "cpu  {user} 0 10 {idle} 5 0 0 0 {user} 0\ncpu0 1 2\n"
            ))
            .expect("times")
        };
        assert_eq!(
            times(100, 1000),
            Times {
                idle: 1005,
                all: 1115
            }
        );
        assert_eq!(times(150, 1150).busy_since(&times(100, 1000)), Some(25));
        assert_eq!(times(100, 1000).busy_since(&times(100, 1000)), None);
        assert_eq!(times(100, 1000).busy_since(&times(150, 1150)), None);
        for bad in ["", "cpu  1 2", "cpu  1 2 3 x 5"] {
            assert_eq!(Times::parse(bad), None, "{bad}");
        }
    }
}
