use proptest::prelude::*;
use sekisho_proto::Timestamp;

use super::Input;
use crate::{
    format::{
        Format,
        bgeigie::Bgeigie,
        gpsd::Gpsd,
        nmea::{Nmea, NmeaTime, TYPES},
        senml::{Senml, SenmlNames},
    },
    line::Framing,
    tally::Tally,
};

fn formats() -> Vec<Box<dyn Format>> {
    let types = TYPES.iter().map(|kind| (*kind).to_owned()).collect();
    vec![
        Box::new(Nmea::new(NmeaTime::Sentence, types)),
        Box::<Bgeigie>::default(),
        Box::<Gpsd>::default(),
        Box::new(Senml::new(SenmlNames::Full)),
    ]
}

fn read(format: Box<dyn Format>, bytes: &[u8]) -> (usize, Tally) {
    let mut input = Input::new("test".into(), Framing::Lines, 256, format);
    let mut seen = Vec::new();
    for chunk in bytes.chunks(7) {
        input.feed(chunk, Timestamp::EPOCH, &mut seen).unwrap();
    }
    input.finish(Timestamp::EPOCH, &mut seen).unwrap();
    (seen.len(), input.into_tally())
}

#[test]
fn good_lines_between_broken_ones_are_read() {
    let mut bytes =
        b"$GPRMC,165744,A,4901.5940,N,01203.9163,E,0.0,131.9,110410,1.6,E,A*1F\r\n".to_vec();
    bytes.extend(b"$GPRMC,165744,A,4901.5940,N,01203.9163,E,0.0,131.9,110410,1.6,E,A*1E\n");
    bytes.extend([b'x'; 100_000]);
    bytes.extend(b"\n\0\0\0\n\xff\xfe\xfd\n\n# comment\r\n$GPG");
    bytes.extend(b"LL,4901.5940,N,01203.9163,E,165744,A,A*4B");
    let (samples, tally) = read(formats().remove(0), &bytes);
    assert_eq!(samples, 2);
    assert_eq!(
        tally.to_string(),
        "8 lines: 2 read, giving 2 samples; 2 skipped (blank 1, comment 1); \
         4 broken (checksum 1, malformed 2, overlong 1)"
    );
}

#[test]
fn half_a_line_of_a_lost_source_is_counted_and_not_glued_to_the_next() {
    let mut input = Input::new("test".into(), Framing::Lines, 256, formats().remove(0));
    let mut seen = Vec::new();
    input.feed(b"$GPBOD,,T", Timestamp::EPOCH, &mut seen).unwrap();
    input.tear();
    input.tear();
    input.feed(b"$GPBOD,,T,,M,,*47\n", Timestamp::EPOCH, &mut seen).unwrap();
    let tally = input.tally();
    assert_eq!((tally.lines, tally.broken["torn"], tally.skipped["unread"]), (2, 1, 1));
}

proptest! {
    #[test]
    fn no_bytes_break_any_format(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for format in formats() {
            let (samples, tally) = read(format, &bytes);
            prop_assert_eq!(tally.lines, tally.good + tally.skipped_lines() + tally.broken_lines());
            prop_assert_eq!(samples as u64, tally.samples);
        }
    }
}
