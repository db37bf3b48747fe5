use proptest::prelude::*;

use super::Sentence;

fn reason(line: &[u8]) -> &'static str {
    Sentence::parse(line).unwrap_err().reason()
}

/// A sentence with the checksum that it must have.
fn summed(body: &str) -> Vec<u8> {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}").into_bytes()
}

#[test]
fn a_sentence_has_an_address_and_fields() {
    let sentence = Sentence::parse(b"$GPGLL,4901.5940,N,01203.9163,E,165744,A,A*4B").unwrap();
    assert_eq!((sentence.address(), sentence.len()), ("GPGLL", 8));
    assert_eq!((sentence.field(5), sentence.field(8)), ("165744", ""));
    let (latitude, longitude) = sentence.position(1).unwrap().unwrap();
    assert_eq!((latitude, longitude), (49.0 + 1.594 / 60.0, 12.0 + 3.9163 / 60.0));
}

#[test]
fn noise_around_a_sentence_and_a_tag_block_before_it_do_not_matter() {
    for line in [
        &b"\0\0$GPBOD,,T,,M,,*47\0"[..],
        b"  $GPBOD,,T,,M,,*47 \r",
        br"\s:GP0001,c:1120959341*5C\$GPBOD,,T,,M,,*47",
    ] {
        assert_eq!(Sentence::parse(line).unwrap().address(), "GPBOD");
    }
    assert_eq!(Sentence::parse(b"$GPBOD,,T,,M,,*47").unwrap().field(2), "T");
    assert_eq!(reason(br"\s:GP0001$GPBOD,,T,,M,,*47"), "malformed", "a tag block without end");
}

#[test]
fn a_wrong_or_missing_checksum_is_refused_by_name() {
    let fault = Sentence::parse(b"$GPBOD,,T,,M,,*48").unwrap_err();
    assert_eq!(fault.to_string(), "checksum: wanted 47, found 48");
    for line in [
        &b"$GPBOD,,T,,M,,"[..],
        b"$GPBOD,,T,,M,,*",
        b"$GPBOD,,T,,M,,*4",
        b"$GPBOD,,T,,M,,*4G",
        b"$GPBOD,,T,,M,,*+7",
        b"$GPBOD,,T,,M,,*047",
        b"$",
        b"!",
    ] {
        assert_eq!(reason(line), "checksum-missing", "{}", line.escape_ascii());
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_even_with_a_good_checksum() {
    assert_eq!(reason(b"$\x80\x80*00"), "encoding");
    assert_eq!(reason(b"$GP\x01\x01*17"), "encoding");
    assert_eq!(reason(b"GPBOD*47"), "malformed");
    assert_eq!(reason(b"\xff\xfe\0$"), "malformed");
}

#[test]
fn numbers_are_absent_or_good() {
    let line = summed("X,1.5,,abc,0NaN,7,1e999");
    let sentence = Sentence::parse(&line).unwrap();
    assert_eq!(sentence.float(1, "a"), Ok(Some(1.5)));
    assert_eq!(sentence.float(2, "a"), Ok(None));
    assert_eq!(
        sentence.float(3, "a").unwrap_err().to_string(),
        "field a: wanted a number, found \"abc\""
    );
    assert_eq!(
        sentence.float(4, "a"),
        Ok(None),
        "a receiver's way of saying that it does not know"
    );
    assert_eq!(sentence.integer(5, "a"), Ok(Some(7)));
    assert!(sentence.integer(1, "a").is_err());
    assert!(sentence.float(6, "a").is_err());
}

#[test]
fn a_position_is_on_the_globe_or_refused() {
    let position = |body: &str| {
        Sentence::parse(&summed(body)).unwrap().position(1).map_err(|fault| fault.to_string())
    };
    assert_eq!(position("X,,,,"), Ok(None));
    assert_eq!(position("X,3000.0,S,09000.0,W"), Ok(Some((-30.0, -90.0))));
    for body in [
        "X,9100.0,N,00000.0,E",
        "X,0000.0,N,18100.0,E",
        "X,0060.0,N,00000.0,E",
        "X,0000.0,E,00000.0,N",
        "X,0000.0,,00000.0,E",
        "X,,N,00000.0,E",
        "X,\x08,\x08,\x08,x",
    ] {
        if Sentence::parse(&summed(body)).is_ok() {
            assert!(position(body).is_err(), "{body}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(sentence) = Sentence::parse(&bytes) {
            prop_assert!(!sentence.is_empty());
        }
    }

    #[test]
    fn one_flipped_bit_is_noticed(bit in 0_usize..8, at in 1_usize..40) {
        let mut line = b"$GPGLL,4901.5940,N,01203.9163,E,165744,A,A*4B".to_vec();
        line[at] ^= 1 << bit;
        prop_assert!(Sentence::parse(&line).is_err());
    }
}
