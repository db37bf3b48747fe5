//! Numbers as devices write them, read so that each becomes the one nearest value and none is
//! guessed.

/// Digits after the point of a minute of arc that are read: 180 degrees with eleven of them are
/// 180 × 60 × 10^11 parts, which a double still holds exactly.
const MINUTE_DIGITS_MAX: usize = 11;

/// The largest integer up to which every one has its own double.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// A finite decimal number, correctly rounded; blanks around it do not matter.
#[must_use]
pub fn float(text: &[u8]) -> Option<f64> {
    let value: f64 = str::from_utf8(text.trim_ascii()).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// A decimal integer; blanks around it do not matter.
#[must_use]
pub fn integer(text: &[u8]) -> Option<i64> {
    str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// `true`, `false`, `1` or `0`; blanks around it do not matter.
#[must_use]
pub fn boolean(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

/// A decimal number, with or without an exponent, times a power of ten, rounded to the nearest
/// integer (halves away from zero) without ever passing through a double.
#[must_use]
pub fn scaled(text: &[u8], power: i32) -> Option<i64> {
    let (value, shift) = decimal_of(text, power)?;
    let nearest = |value: i128, unit: i128| (value.abs() + unit / 2) / unit * value.signum();
    i64::try_from(shifted(value, shift, nearest)?).ok()
}

/// As [`scaled`], cut to the integer below: of a time that has finer digits than are kept, the one
/// that is not after it.
#[must_use]
pub fn floored(text: &[u8], power: i32) -> Option<i64> {
    let (value, shift) = decimal_of(text, power)?;
    i64::try_from(shifted(value, shift, i128::div_euclid)?).ok()
}

/// A decimal number, times a power of ten, as an integer and the power of ten that it is still to be
/// multiplied by.
fn decimal_of(text: &[u8], power: i32) -> Option<(i128, i32)> {
    let text = text.trim_ascii();
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, i32::try_from(integer(text.get(at + 1..)?)?).ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, mantissa),
    };
    let (whole, fraction) = halves(digits)?;
    let shift = power.checked_add(exponent)?;
    let mut value: i128 = 0;
    for digit in whole.iter().chain(fraction) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit.wrapping_sub(b'0')))?;
    }
    let shift = shift.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    Some((if negative { -value } else { value }, shift))
}

/// Digits before and after a point, not both empty.
fn halves(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &[][..]),
    };
    let digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    (digits && !(whole.is_empty() && fraction.is_empty())).then_some((whole, fraction))
}

fn shifted(value: i128, shift: i32, divided: impl Fn(i128, i128) -> i128) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    match 10_i128.checked_pow(shift.unsigned_abs()) {
        Some(power) if shift >= 0 => value.checked_mul(power),
        Some(power) => Some(divided(value, power)),
        None if shift >= 0 => None,
        // So far below one that only the side of zero is left of it.
        None => Some(divided(value.signum(), i128::MAX)),
    }
}

/// Degrees from `dddmm.mmmm`, the nearest double to the exact quotient; `None` where it is no
/// such text, has 60 minutes or more, or more degrees than `degrees_max`.
#[must_use]
pub fn degrees(text: &[u8], degrees_max: u64) -> Option<f64> {
    let (whole, fraction) = halves(text)?;
    let fraction = fraction.get(..MINUTE_DIGITS_MAX).unwrap_or(fraction);
    let (degrees, minutes) = whole.split_at_checked(whole.len().checked_sub(2)?)?;
    if degrees.is_empty() || degrees.len() > 3 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let minutes = decimal(minutes.iter().chain(fraction).copied())?;
    let turn = scale.checked_mul(60)?;
    let total = decimal(degrees.iter().copied())?.checked_mul(turn)?.checked_add(minutes)?;
    let exact = minutes < turn && total <= degrees_max.checked_mul(turn)?;
    (exact && total <= EXACT_INTEGER_MAX).then(|| total as f64 / turn as f64)
}

fn decimal(mut digits: impl Iterator<Item = u8>) -> Option<u64> {
    digits.try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

#[cfg(test)]
mod tests;
