use proptest::prelude::*;

use super::{boolean, degrees, float, floored, integer, scaled};

#[test]
fn floats_are_the_nearest_ones_and_finite() {
    for (text, wanted) in [
        ("1", 1.0),
        (" -0.0 ", -0.0),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("0.1", 0.1),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ("1e-400", 0.0),
    ] {
        assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(f64::to_bits(wanted)), "{text}");
    }
    for text in ["", " ", "nan", "inf", "-Infinity", "1e999", "1,5", "0x10", "1 2", "\u{661}"] {
        assert_eq!(float(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn integers_have_sixty_four_bits_and_no_point() {
    assert_eq!(integer(b" -9223372036854775808"), Some(i64::MIN));
    for text in ["9223372036854775808", "5.0", "1e3", "", "0x1F"] {
        assert_eq!(integer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn truths_are_words_or_digits() {
    let truths = ["true", "1", " 0 ", "false", "yes", "TRUE", ""];
    let wanted = [Some(true), Some(true), Some(false), Some(false), None, None, None];
    assert_eq!(truths.map(|text| boolean(text.as_bytes())), wanted);
}

#[test]
fn seconds_become_microseconds_without_a_double_between() {
    for (text, wanted) in [
        ("1489903831.123456", 1_489_903_831_123_456),
        ("1489903831", 1_489_903_831_000_000),
        ("1.320067464e+09", 1_320_067_464_000_000),
        ("-0.0000005", -1),
        ("0.0000004999", 0),
        (".5", 500_000),
        ("5.", 5_000_000),
        ("0e99999", 0),
        ("1e-9999", 0),
    ] {
        assert_eq!(scaled(text.as_bytes(), 6), Some(wanted), "{text}");
    }
    for text in ["", ".", "-", "e5", "1e", "1e99", "1.2.3", "99999999999999999999", "1_000", "inf"]
    {
        assert_eq!(scaled(text.as_bytes(), 6), None, "{text}");
    }
}

#[test]
fn what_is_cut_is_never_more_than_it_was() {
    for (text, wanted) in [
        ("1489903831.123456", 1_489_903_831_123_456),
        ("1489903831.1234569", 1_489_903_831_123_456),
        ("1489903831.999999999", 1_489_903_831_999_999),
        ("1.4899038319999999e9", 1_489_903_831_999_999),
        ("-0.000001", -1),
        ("-0.0000001", -1),
        ("-1e-9999", -1),
        ("1e-9999", 0),
        ("0", 0),
    ] {
        assert_eq!(floored(text.as_bytes(), 6), Some(wanted), "{text}");
    }
    assert_eq!(floored(b"1e99", 6), None);
}

#[test]
fn arcs_are_degrees_and_minutes() {
    assert_eq!(degrees(b"0117.8067", 90), Some(1.0 + 17.8067 / 60.0));
    assert_eq!(
        degrees(b"13955.0679", 180).map(f64::to_bits),
        Some(139.917_798_333_333_33_f64.to_bits())
    );
    assert_eq!(degrees(b"9000.0000", 90), Some(90.0));
    assert_eq!(degrees(b"5251", 90), Some(52.85));
    for text in ["9000.0001", "4860.0000", "17.8", "", "abcd.ef", "-117.0", "012345.6", "1e3.0"] {
        assert_eq!(degrees(text.as_bytes(), 90), None, "{text}");
    }
}

proptest! {
    /// The double that is given out is the one that the exact decimal fraction rounds to: as many
    /// thirds of it as a decimal can write, parsed by the standard library.
    #[test]
    fn arcs_are_correctly_rounded(whole in 0_u64..180, minutes in 0_u64..600_000) {
        let text = format!("{whole:03}{:02}.{:04}", minutes / 10_000, minutes % 10_000);
        // minutes/600000 degrees, written out to forty digits.
        let mut rest = u128::from(minutes);
        let mut digits = String::new();
        for _ in 0..40 {
            rest *= 10;
            digits.push_str(&(rest / 600_000).to_string());
            rest %= 600_000;
        }
        let wanted: f64 = format!("{whole}.{digits}").parse().unwrap();
        prop_assert_eq!(degrees(text.as_bytes(), 180).map(f64::to_bits), Some(wanted.to_bits()));
    }

    #[test]
    fn scaling_agrees_with_integers(value in any::<i32>(), micros in 0_i64..1_000_000) {
        let sign = if value < 0 { -1 } else { 1 };
        let text = format!("{value}.{micros:06}");
        let wanted = i64::from(value) * 1_000_000 + sign * micros;
        prop_assert_eq!(scaled(text.as_bytes(), 6), Some(wanted));
        prop_assert_eq!(floored(text.as_bytes(), 6), Some(wanted));
    }

    #[test]
    fn no_bytes_break_a_parser(bytes in prop::collection::vec(any::<u8>(), 0..64), power in -40..40) {
        let _values =
            (float(&bytes), integer(&bytes), boolean(&bytes), scaled(&bytes, power), floored(&bytes, power), degrees(&bytes, 180));
    }
}
