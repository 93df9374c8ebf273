// SPDX-License-Identifier: GPL-2.0-only

//! Parses durations on the command line.

use std::time::Duration;

/// The longest accepted duration: a day.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// Parses a number of seconds, or a number with the suffix `s`, `m` or `h`.
///
/// # Errors
///
/// The expected format.
pub fn parse(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, text.as_bytes().last().copied().unwrap_or(b's')),
        None => (text, b's'),
    };
    let factor = match unit {
        b'm' => 60,
        b'h' => 60 * 60,
        _ => 1,
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    match seconds {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("longer than a day".to_owned()),
        None => Err(
            "expected a number of seconds, like `60` or `60s`, or minutes, like `2m`".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse("60"), Ok(Duration::from_secs(60)));
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        for wrong in [
            "",
            "s",
            "-1",
            "1.5",
            "1d",
            "25h",
            "99999999999999999999",
            "9999999999999999999h",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
