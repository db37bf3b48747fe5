use std::time::Duration;

use proptest::prelude::*;

use super::Timestamp;

fn micros_of(text: &str) -> Option<i64> {
    Timestamp::parse(text).ok().map(Timestamp::as_micros)
}

#[test]
fn known_times_are_written_and_read() {
    for (micros, text) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (1_763_600_461_000_001, "2025-11-20T01:01:01.000001Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        assert_eq!(micros_of(text), Some(micros), "{text}");
    }
}

#[test]
fn other_spellings_of_rfc_3339_are_read() {
    for text in [
        "2025-11-20T01:01:01Z",
        "2025-11-20t01:01:01z",
        "2025-11-20 01:01:01.0+00:00",
        "2025-11-20T10:01:01+09:00",
        "2025-11-19T20:31:01.000000-04:30",
    ] {
        assert_eq!(micros_of(text), Some(1_763_600_461_000_000), "{text}");
    }
    assert_eq!(micros_of("1970-01-01T00:00:00.5Z"), Some(500_000));
}

#[test]
fn what_is_not_a_time_is_refused() {
    for text in [
        "",
        "now",
        "2025-11-20",
        "2025-11-20T01:01:01",
        "2025-11-20T01:01Z",
        "2025-02-29T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00.0000001Z",
        "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00Zx",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "25-01-01T00:00:00Z",
        "+2025-01-01T00:00:00Z",
        "2025-1-1T00:00:00Z",
        "２025-01-01T00:00:00Z",
    ] {
        assert_eq!(micros_of(text), None, "{text}");
    }
}

#[test]
fn digits_behind_the_microsecond_are_cut_off_where_nothing_is_signed() {
    let cut = |text: &str| Timestamp::parse_cut(text).ok().map(Timestamp::as_micros);
    for (text, micros) in [
        ("1970-01-01T00:00:00.1234567Z", 123_456),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("1970-01-01T09:00:00.999999999999999999999999+09:00", 999_999),
        // Towards the past, also before 1970.
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("1969-12-31T23:59:59.0000009Z", -1_000_000),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(cut(text), Some(micros), "{text}");
    }
    for text in [
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1234567",
        "1970-01-01T00:00:00.12345678x9Z",
        "1970-01-01T00:00:00,1234567Z",
        "0000-01-01T00:00:00.0000009+00:01",
    ] {
        assert_eq!(cut(text), None, "{text}");
    }
    let why = Timestamp::parse("1970-01-01T00:00:00.1234567Z").unwrap_err().to_string();
    assert!(why.contains("at most microseconds"), "{why}");
}

#[test]
fn arithmetic_stops_at_the_ends() {
    let second = Duration::from_secs(1);
    assert_eq!(Timestamp::MAX.checked_add(second), None);
    assert_eq!(Timestamp::MIN.checked_sub(second), None);
    assert_eq!(Timestamp::MAX.saturating_add(second), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    assert_eq!(Timestamp::EPOCH.checked_add(second), Some(Timestamp::from_micros(1_000_000)));
    let all = Timestamp::MAX.saturating_since(Timestamp::MIN);
    assert_eq!(all, Duration::from_micros(u64::MAX));
    assert_eq!(Timestamp::MIN.saturating_since(Timestamp::MAX), Duration::ZERO);
}

#[test]
fn the_ends_of_time_can_be_printed() {
    assert_eq!(Timestamp::MAX.to_string(), "+294247-01-10T04:00:54.775807Z");
    assert_eq!(Timestamp::MIN.to_string(), "-290308-12-21T19:59:05.224192Z");
}

proptest! {
    #[test]
    fn every_time_of_four_digit_years_is_read_as_it_is_written(
        micros in -62_167_219_200_000_000_i64..=253_402_300_799_999_999,
    ) {
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
    }

    #[test]
    fn any_time_can_be_printed(micros in any::<i64>()) {
        prop_assert!(Timestamp::from_micros(micros).to_string().ends_with('Z'));
    }
}
