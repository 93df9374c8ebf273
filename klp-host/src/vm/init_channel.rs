// SPDX-License-Identifier: GPL-2.0-only

//! Parses the messages of the guest's `/init` (`init.sh`) on its serial port.

/// A message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Message {
    /// The guest has booted, and the command starts.
    Ready,
    /// User space is alive.
    Beat,
    /// The command ended with this status, and all of its output was sent.
    Exit(u8),
}

/// Parses a line.
pub(super) fn parse(line: &str) -> Option<Message> {
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        ["ready"] => Some(Message::Ready),
        ["beat"] => Some(Message::Beat),
        ["exit", status] => status.parse().ok().map(Message::Exit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        assert_eq!(parse("ready"), Some(Message::Ready));
        assert_eq!(parse("beat"), Some(Message::Beat));
        assert_eq!(parse("exit 0"), Some(Message::Exit(0)));
        assert_eq!(parse("exit 139"), Some(Message::Exit(139)));
    }

    #[test]
    fn other_lines_are_no_verdict() {
        for line in [
            "", "exit", "exit ", "exit 256", "exit -1", "exit 0 0", " exit 0", "exit 0x", "Ready",
            "xexit 0",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
