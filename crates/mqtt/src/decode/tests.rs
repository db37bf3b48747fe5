use proptest::prelude::*;

use super::*;

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V311), Just(Version::V5)]
}

/// Bodies that are a PUBLISH's more often than not.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        "[a-z/]{0,9}".prop_map(String::into_bytes),
        "[a-z+#\0]{0,4}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    let number = prop_oneof![Just(vec![]), Just(vec![0, 0]), Just(vec![0, 9])];
    let properties =
        prop_oneof![Just(vec![]), Just(vec![0]), Just(vec![2, 1, 1]), Just(vec![3, 35, 0, 1])];
    let rest = proptest::collection::vec(any::<u8>(), 0..6);
    let whole = (name, number, properties, rest).prop_map(|(name, number, properties, rest)| {
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        [length.to_vec(), name, number, properties, rest].concat()
    });
    prop_oneof![4 => whole, 1 => proptest::collection::vec(any::<u8>(), 0..12)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn what_is_read_where_it_lies_is_what_the_library_reads(
        version in version(),
        flags in 0_u8..16,
        body in body(),
    ) {
        let body = Bytes::from(body);
        if let Some(plain) = plain(version, flags, &body) {
            prop_assert_eq!(publish(version, flags, &body), Ok(plain));
        }
    }
}

#[test]
fn a_message_without_properties_is_read_where_it_lies() {
    let v311 = Bytes::from_static(b"\0\x03a/b\0\x07payload");
    let read = plain(Version::V311, 0x02, &v311).expect("a plain one");
    assert_eq!((read.name.as_str(), read.id, read.quality), ("a/b", Some(7), 1));
    assert_eq!(read.message.payload.as_ptr(), v311.get(7..).expect("a payload").as_ptr());
    let v5 = Bytes::from_static(b"\0\x03a/b\0payload");
    let read = plain(Version::V5, 0x01, &v5).expect("a plain one");
    assert_eq!((&*read.message.payload, read.retain), (&b"payload"[..], true));
    // Everything else is the library's.
    for (flags, body) in
        [(0x08, &b"\0\x01a"[..]), (0x06, b"\0\x01a\0\x01"), (0x02, b"\0\x01a\0\0"), (0x00, b"\0\0")]
    {
        assert_eq!(plain(Version::V311, flags, &Bytes::from_static(body)), None);
    }
}
