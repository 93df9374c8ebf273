// SPDX-License-Identifier: GPL-2.0-only

//! The body of a stub, and the return values that it can have.

use super::errno;
use crate::prototype::{Kind, Type};
use std::fmt;
use std::str::FromStr;

/// The body of a stub.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// A placeholder for the author's code.
    #[default]
    Replace,
    /// A call of the original.
    Wrap,
    /// The return of a value.
    Returns(Answer),
}

/// The value to return: an errno by name, a number, `true`, `false`, `NULL` or `void`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    text: String,
    value: Value,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Value {
    Void,
    Bool(bool),
    Null,
    Number(i128),
}

/// The value in Rust.
#[derive(Debug, Default)]
pub(super) struct InRust {
    /// The result's type. `None` for `void`.
    pub(super) ty: Option<String>,
    /// The value.
    pub(super) value: Option<String>,
    /// A comment for the author.
    pub(super) comment: Option<String>,
}

/// The largest errno.
const MAX_ERRNO: i128 = 4095;

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = match text {
            "void" => Some(Value::Void),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "NULL" => Some(Value::Null),
            _ => number(text).map(Value::Number),
        };
        let value = value.ok_or_else(|| match errno::number(text) {
            Some(_) => format!("errors are negative: write `-{text}`"),
            None => format!(
                "`{text}` is no answer: write an errno such as `-EPERM`, a number, `true`, `false`, \
                 `NULL`, or `void` for a function that returns nothing"
            ),
        })?;
        Ok(Self {
            text: text.to_owned(),
            value,
        })
    }
}

/// A number, or an errno by its name.
fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit());
    let number = match digits.strip_prefix("0x") {
        Some(digits) if is_digits(digits) => u64::from_str_radix(digits, 16).ok(),
        None if is_digits(digits) => digits.parse().ok(),
        _ => None,
    };
    let errno = || errno::number(digits).filter(|_| sign < 0).map(i128::from);
    Some(sign * number.map(i128::from).or_else(errno)?)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Answer {
    /// The value as a result of the C type `ty`, whose Rust type is `rust`.
    ///
    /// # Errors
    ///
    /// When that type has no such value.
    pub(super) fn in_rust(&self, ty: &Type, rust: &str) -> Result<InRust, String> {
        let found = match (&ty.kind, self.value) {
            (Kind::Void, Value::Void) => Some(InRust::default()),
            (Kind::Bool, Value::Bool(value)) => Some(plain(rust, value)),
            (Kind::Bool, Value::Number(number @ (0 | 1))) => Some(plain(rust, number == 1)),
            (Kind::Pointer { .. }, Value::Null | Value::Number(0)) => {
                Some(plain(rust, "Returned::null()"))
            }
            (Kind::Pointer { .. }, Value::Number(number)) if is_errno(number) => Some(InRust {
                comment: Some(
                    "For callers that look for it as IS_ERR() does; others follow it.".into(),
                ),
                ..error(number, rust)
            }),
            // The types that a `Result` of a replacement converts to.
            (Kind::Integer { .. }, Value::Number(number))
                if is_errno(number) && ["i32", "i64", "isize"].contains(&rust) =>
            {
                Some(error(number, rust))
            }
            (Kind::Integer { signed } | Kind::Enum { signed }, Value::Number(number))
                if fits(number, ty.size, *signed) =>
            {
                Some(plain(rust, number))
            }
            _ => None,
        };
        found.ok_or_else(|| format!("it returns {}, and `{self}` is none", possible(ty)))
    }
}

/// The values that a type has, for a message.
fn possible(ty: &Type) -> String {
    let values = match &ty.kind {
        Kind::Void => return "nothing (write `void`)".to_owned(),
        Kind::Bool => "`true` or `false`",
        Kind::Pointer { .. } => "`NULL`, or for some callers an errno",
        Kind::Integer { signed: true } => "a number, or an errno such as `-EPERM`",
        Kind::Integer { signed: false } => "a number that is not negative",
        Kind::Enum { .. } => "one of its numbers",
        Kind::Aggregate { .. } | Kind::Array { .. } | Kind::Other => {
            "which is to be written by hand"
        }
    };
    format!("`{ty}` ({values})")
}

fn plain(rust: &str, value: impl fmt::Display) -> InRust {
    InRust {
        ty: Some(rust.to_owned()),
        value: Some(value.to_string()),
        comment: None,
    }
}

/// An errno as `Err`, in a `Result` of the type `rust`.
fn error(number: i128, rust: &str) -> InRust {
    // CAST: an errno is at most `MAX_ERRNO`.
    let number = -number as i32;
    let value = errno::in_rust(number);
    let comment = errno::name(number).filter(|name| *name != value);
    InRust {
        ty: Some(format!("Result<{rust}>")),
        value: Some(format!("Err({value})")),
        comment: comment.map(|name| format!("-{name}")),
    }
}

fn is_errno(number: i128) -> bool {
    (-MAX_ERRNO..0).contains(&number)
}

fn fits(number: i128, size: u64, signed: bool) -> bool {
    let bits = size.saturating_mul(8).clamp(1, 64);
    match signed {
        true => (-(1 << (bits - 1))..1 << (bits - 1)).contains(&number),
        false => (0..1 << bits).contains(&number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_values_are_parsed() {
        for (text, expected) in [
            ("-EPERM", Value::Number(-1)),
            ("-EOPNOTSUPP", Value::Number(-95)),
            ("0", Value::Number(0)),
            ("-22", Value::Number(-22)),
            ("0xff", Value::Number(255)),
            ("18446744073709551615", Value::Number(u64::MAX.into())),
            ("true", Value::Bool(true)),
            ("NULL", Value::Null),
            ("void", Value::Void),
        ] {
            let answer = text.parse::<Answer>().expect(text);
            assert_eq!(answer.value, expected, "{text}");
            assert_eq!(answer.to_string(), text);
        }
    }

    #[test]
    fn invalid_return_values_are_refused() {
        let said = |text: &str| text.parse::<Answer>().expect_err(text);
        assert_eq!(said("EPERM"), "errors are negative: write `-EPERM`");
        for text in [
            "", "-", "--1", "-ENOPE", "+1", "0x", "1.5", "null", "-true", "0x-1",
        ] {
            assert!(said(text).contains("is no answer"), "{text}");
        }
    }
}
