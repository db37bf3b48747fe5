use jiff::tz::TimeZone;
use sekisho_proto::Timestamp;

use super::{TimeFormat, TimeUnit, pattern_states_zone};

fn pattern(pattern: &str, zone: Option<&str>) -> TimeFormat {
    let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
    TimeFormat::Pattern { pattern: pattern.into(), zone }
}

fn read(format: &TimeFormat, text: &str) -> Option<String> {
    format.parse(text.as_bytes()).ok().map(|time| time.to_string())
}

#[test]
fn rfc_3339_becomes_utc_microseconds() {
    for (text, wanted) in [
        ("2017-03-21T00:00:31-05:00", "2017-03-21T05:00:31.000000Z"),
        ("2026-11-20T08:30:00.123456Z", "2026-11-20T08:30:00.123456Z"),
        (" 2026-11-20T08:30:00.1234565Z ", "2026-11-20T08:30:00.123456Z"),
        ("2026-12-31T23:59:59.999999999Z", "2026-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.9999994Z", "1969-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(read(&TimeFormat::Rfc3339, text).as_deref(), Some(wanted), "{text}");
    }
    for text in ["2017-03-21T00:00:31", "2017-02-30T00:00:00Z", "2017", "", "\u{ff}"] {
        assert_eq!(read(&TimeFormat::Rfc3339, text), None, "{text}");
    }
}

#[test]
fn a_pattern_is_read_in_its_zone() {
    let utc = pattern("%m/%d/%Y %H:%M:%S", Some("UTC"));
    assert_eq!(read(&utc, "02/07/2016 16:54:59 ").as_deref(), Some("2016-02-07T16:54:59.000000Z"));
    let tokyo = pattern("%Y-%m-%d %H:%M:%S%.f", Some("Asia/Tokyo"));
    let wanted = Some("2026-01-01T00:00:00.250000Z");
    assert_eq!(read(&tokyo, "2026-01-01 09:00:00.25").as_deref(), wanted);
    let own = pattern("%Y-%m-%dT%H:%M:%S%z", None);
    assert_eq!(
        read(&own, "2026-01-01T09:00:00+0900").as_deref(),
        Some("2026-01-01T00:00:00.000000Z")
    );
    assert_eq!(read(&utc, "13/07/2016 16:54:59"), None);
}

#[test]
fn an_hour_that_happens_twice_or_never_is_refused() {
    let chicago = pattern("%Y-%m-%d %H:%M", Some("America/Chicago"));
    assert_eq!(read(&chicago, "2017-11-05 01:30"), None, "twice");
    assert_eq!(read(&chicago, "2017-03-12 02:30"), None, "never");
    assert_eq!(read(&chicago, "2017-03-12 03:30").as_deref(), Some("2017-03-12T08:30:00.000000Z"));
}

#[test]
fn numbers_count_from_1970_or_from_a_start() {
    for (unit, text) in [
        (TimeUnit::Seconds, "1489903831.25"),
        (TimeUnit::Milliseconds, "1489903831250"),
        (TimeUnit::Microseconds, "1489903831250000"),
    ] {
        let wanted = Some("2017-03-19T06:10:31.250000Z");
        assert_eq!(read(&TimeFormat::Epoch(unit), text).as_deref(), wanted);
    }
    let start = Timestamp::parse("2009-04-01T12:00:00Z").unwrap();
    let relative = TimeFormat::Relative { unit: TimeUnit::Milliseconds, start };
    assert_eq!(read(&relative, "1500").as_deref(), Some("2009-04-01T12:00:01.500000Z"));
    assert_eq!(read(&relative, "9999999999999999999"), None);
    assert_eq!(read(&relative, "soon"), None);
}

#[test]
fn nanoseconds_are_cut_and_never_become_the_next_microsecond() {
    let wanted = Some("2017-03-19T06:10:31.999999Z");
    let of_nanoseconds = pattern("%Y-%m-%dT%H:%M:%S%.fZ", Some("UTC"));
    let start = Timestamp::parse("2017-03-19T06:10:00Z").unwrap();
    let relative = |unit| TimeFormat::Relative { unit, start };
    for (format, text) in [
        (TimeFormat::Rfc3339, "2017-03-19T06:10:31.999999999Z"),
        (of_nanoseconds, "2017-03-19T06:10:31.999999999Z"),
        (TimeFormat::Epoch(TimeUnit::Seconds), "1489903831.999999999"),
        (TimeFormat::Epoch(TimeUnit::Milliseconds), "1489903831999.9999"),
        (TimeFormat::Epoch(TimeUnit::Microseconds), "1489903831999999.999"),
        (relative(TimeUnit::Seconds), "31.999999999"),
        (relative(TimeUnit::Milliseconds), "31999.9999"),
    ] {
        assert_eq!(read(&format, text).as_deref(), wanted, "{format:?}");
    }
    // Before the start, and before 1970, the past is further from zero.
    assert_eq!(
        read(&relative(TimeUnit::Seconds), "-0.0000001").as_deref(),
        Some("2017-03-19T06:09:59.999999Z")
    );
}

#[test]
fn patterns_are_known_to_state_a_zone_or_not() {
    assert_eq!(pattern_states_zone("%Y-%m-%d %H:%M:%S"), Some(false));
    assert_eq!(pattern_states_zone("%Y-%m-%d %H:%M:%S %z"), Some(true));
    assert_eq!(pattern_states_zone("%s"), Some(true));
    for no_date in ["%H:%M:%S", "%!", "noon", ""] {
        assert_eq!(pattern_states_zone(no_date), None, "{no_date}");
    }
}
