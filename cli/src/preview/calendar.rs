//! A time taken apart, so that each language can write it in its own order.

use sekisho_proto::Timestamp;

/// A time in UTC to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: u32,
    /// 1 to 12.
    pub(crate) month: usize,
    pub(crate) day: u32,
    /// Hour and minute; `None` at midnight, where the day says it all.
    pub(crate) clock: Option<(u32, u32)>,
}

impl Moment {
    /// The time as it is written in RFC 3339, taken apart.
    pub(crate) fn of(time: Timestamp) -> Self {
        let text = time.to_string();
        let mut numbers =
            text.split(['-', 'T', ':', 'Z']).map(|part| part.parse::<u32>().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        let (year, month, day, hour, minute) = (next(), next(), next(), next(), next());
        let clock = ((hour, minute) != (0, 0)).then_some((hour, minute));
        Self { year, month: month as usize, day, clock }
    }

    /// The name of the month, of twelve.
    pub(crate) fn month_of(self, names: &[&'static str; 12]) -> &'static str {
        self.month.checked_sub(1).and_then(|index| names.get(index)).copied().unwrap_or("?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_taken_apart_and_midnight_is_no_time_of_day() {
        let moment = Moment::of("2026-12-20T14:05:59.5Z".parse().unwrap());
        assert_eq!(moment, Moment { year: 2026, month: 12, day: 20, clock: Some((14, 5)) });
        assert_eq!(Moment::of("2026-12-20T00:00:00Z".parse().unwrap()).clock, None);
    }
}
