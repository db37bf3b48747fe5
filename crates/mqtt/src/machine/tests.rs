use bytes::{BufMut as _, Bytes};
use mqtt_protocol_core::mqtt::packet::{Property, Qos, SubEntry, SubOpts, v3_1_1, v5_0};
use proptest::prelude::*;
use sekisho_proto::{MqttMessage, UserProperty};

use super::*;
use crate::mapping::Prefix;

const ALLOWED: Allowed = Allowed {
    receive_maximum: 2,
    packet_bytes_max: 100_000,
    untold_bytes_max: 150_000,
    alias_max: 3,
};

fn connect_v5() -> Vec<u8> {
    v5_0::Connect::builder()
        .client_id("c")
        .unwrap()
        .props(vec![
            Property::TopicAliasMaximum(
                mqtt_protocol_core::mqtt::packet::TopicAliasMaximum::new(1).unwrap(),
            ),
            Property::MaximumPacketSize(
                mqtt_protocol_core::mqtt::packet::MaximumPacketSize::new(200).unwrap(),
            ),
        ])
        .build()
        .unwrap()
        .to_continuous_buffer()
}

fn connect_v311() -> Vec<u8> {
    v3_1_1::Connect::builder().client_id("c").unwrap().build().unwrap().to_continuous_buffer()
}

fn greeted(connect: &[u8]) -> Machine {
    let mut machine = Machine::new(ALLOWED);
    machine.input().extend_from_slice(connect);
    assert!(matches!(machine.packet(), Ok(Some(Packet::Connect(_)))));
    machine
}

fn open(connect: &[u8]) -> Machine {
    let mut machine = greeted(connect);
    machine.accept(&Accepted::default()).expect("room for CONNACK");
    machine.output().clear();
    machine
}

fn heard(machine: &mut Machine, bytes: &[u8]) -> Result<Option<Packet>, Fault> {
    machine.input().extend_from_slice(bytes);
    machine.packet()
}

fn publish_v5(name: &str, quality: Qos, id: u16, alias: Option<u16>, duplicate: bool) -> Vec<u8> {
    let mut builder = v5_0::Publish::builder().topic_name(name).unwrap().qos(quality).payload(b"x");
    if quality != Qos::AtMostOnce {
        builder = builder.packet_id(id).dup(duplicate);
    }
    if let Some(alias) = alias {
        let alias = mqtt_protocol_core::mqtt::packet::TopicAlias::new(alias).unwrap();
        builder = builder.props(vec![Property::TopicAlias(alias)]);
    }
    builder.build().unwrap().to_continuous_buffer()
}

fn body(bytes: &[u8]) -> (u8, Vec<u8>) {
    let length = length::read(&bytes[1..]).expect("a length").expect("a whole one");
    let body = bytes[1 + length.bytes..].to_vec();
    assert_eq!(body.len(), length.value, "wanted one whole packet");
    (bytes[0], body)
}

fn delivery<'a>(name: &'a str, message: &'a MqttMessage, identifiers: &'a [u32]) -> Delivery<'a> {
    Delivery {
        name,
        message,
        quality: 1,
        retain: true,
        turn: Turn::Again,
        id: 7,
        expiry_s: Some(60),
        identifiers,
    }
}

#[test]
fn what_comes_first_is_a_connect_or_the_end() {
    for first in [0x10_u8, 0x20, 0x30, 0x82, 0xc0, 0xe0, 0xf0, 0x00, b'G', 0x16] {
        let mut machine = Machine::new(ALLOWED);
        let found = heard(&mut machine, &[first, 0]);
        assert!(found.is_err(), "{first:#04x}: {found:?}");
        machine.fail(Reason::PROTOCOL_ERROR, "no");
        assert!(machine.output().is_empty(), "{first:#04x}: a stranger is told nothing");
    }
}

#[test]
fn a_connect_of_5_0_that_is_none_is_told_why_and_one_of_3_1_1_is_not() {
    let mut refused = Vec::new();
    for (flags, level, rest) in [
        (0x02, 5, &b"\0\0\x01c"[..]),                  // whole
        (0x01, 5, b"\0\0\x01c"),                       // the reserved flag
        (0x02, 5, b"\x03\x21\0\0\0\x01c"),             // a receive maximum of 0
        (0x02, 5, b"\x06\x21\0\x09\x21\0\x09\0\x01c"), // twice the same property
        (0x06, 5, b"\0\0\x01c"),                       // a will that is not there
        (0x02, 5, b"\0\0\x02c\0"),                     // U+0000
        (0x06, 4, b"\0\x01c"),
        (0x01, 4, b"\0\x01c"),
    ] {
        let body = [&b"\0\x04MQTT"[..], &[level, flags, 0, 9], rest].concat();
        let packet = [&[0x10, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let mut machine = Machine::new(ALLOWED);
        let Err(fault) = heard(&mut machine, &packet) else {
            refused.push(None);
            continue;
        };
        machine.fail(fault.reason, &fault.why);
        assert!(machine.output().is_empty() == (level == 4), "{rest:?}");
        let answer = machine.output().get(..4).map(|answer| (answer[0], answer[3]));
        refused.push(answer.filter(|(_kind, code)| *code == fault.reason.number()));
    }
    let told = |code| Some((0x20, code));
    let wanted = [None, told(0x81), told(0x82), told(0x82), told(0x81), told(0x81), None, None];
    assert_eq!(refused, wanted);
}

#[test]
fn what_can_be_no_packet_is_not_waited_for() {
    let mut machine = open(&connect_v5());
    let fault = heard(&mut machine, &[0x0a]).expect_err("a fault");
    assert_eq!(fault.reason, Reason::MALFORMED);
}

#[test]
fn a_property_that_only_other_packets_have_is_a_malformed_packet() {
    for packet in
        [&b"\x82\x09\x04\xd2\x02\x01\x00\0\x01p\0"[..], b"\xa2\x08\x04\xd2\x02\x0b\x01\0\x01p"]
    {
        let mut machine = open(&connect_v5());
        let fault = heard(&mut machine, packet).expect_err("a fault");
        assert_eq!(fault.reason, Reason::MALFORMED, "{}", fault.why);
    }
}

#[test]
fn a_second_connect_ends_the_connection() {
    for connect in [connect_v5(), connect_v311()] {
        let mut machine = open(&connect);
        let fault = heard(&mut machine, &connect).expect_err("a fault");
        assert_eq!(fault.reason, Reason::PROTOCOL_ERROR);
    }
}

#[test]
fn nothing_but_auth_comes_before_connack() {
    let mut machine = greeted(&connect_v5());
    let fault = heard(&mut machine, &[0xc0, 0]).expect_err("a fault");
    assert_eq!(fault.reason, Reason::PROTOCOL_ERROR);
}

#[test]
fn packets_of_a_server_are_refused() {
    for first in [0x20_u8, 0x90, 0xb0, 0xd0] {
        let mut machine = open(&connect_v5());
        let fault = heard(&mut machine, &[first, 2, 0, 1]).expect_err("a fault");
        assert_eq!(fault.reason, Reason::PROTOCOL_ERROR, "{first:#04x}");
    }
}

#[test]
fn illegal_connect_flags_are_refused() {
    for flags in [0x01_u8, 0x18, 0x1c, 0x08, 0x20, 0x40] {
        let mut packet = connect_v5();
        // Fixed header of two bytes, then name and version.
        packet[9] = flags;
        let mut machine = Machine::new(ALLOWED);
        assert!(heard(&mut machine, &packet).is_err(), "{flags:#04x}");
    }
}

#[test]
fn another_protocol_is_told_so_in_the_oldest_words() {
    let mut packet = connect_v311();
    packet[8] = 3;
    let mut machine = Machine::new(ALLOWED);
    let fault = heard(&mut machine, &packet).expect_err("a fault");
    machine.fail(fault.reason, &fault.why);
    assert_eq!(&machine.output()[..], [0x20, 2, 0, 1]);
}

#[test]
fn a_later_version_is_told_so_in_words_that_it_reads() {
    let told = |packet: &[u8]| {
        let mut machine = Machine::new(ALLOWED);
        let fault = heard(&mut machine, packet).expect_err("a fault");
        machine.fail(fault.reason, "");
        machine.output().to_vec()
    };
    let of_level = |mut packet: Vec<u8>, level| {
        packet[8] = level;
        packet
    };
    let (old, new) = ([0x20, 2, 0, 1], [0x20, 3, 0, 0x84, 0]);
    for level in [6, 99] {
        assert_eq!(told(&of_level(connect_v5(), level)), new, "{level}");
        assert_eq!(told(&of_level(connect_v311(), level)), old, "{level}");
    }
    // A bridge says so by a bit of the level, and tries without it when it reads this.
    for level in [0, 3, 0x84, 0x85] {
        assert_eq!(told(&of_level(connect_v5(), level)), old, "{level}");
    }
    assert_eq!(told(b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x3c\0\x01c"), old);
    assert_eq!(told(b"\x10\x0d\0\x04MQTX\x04\x02\0\x3c\0\x01c"), [0; 0]);
}

#[test]
fn a_password_of_nobody_is_refused_in_words_in_5_and_is_no_packet_in_3_1_1() {
    let mut machine = Machine::new(ALLOWED);
    let packet = b"\x10\x11\0\x04MQTT\x05\x42\0\x3c\0\0\x01c\0\x01p";
    let fault = heard(&mut machine, packet).expect_err("a fault");
    machine.fail(fault.reason, "");
    assert_eq!(&machine.output()[..], [0x20, 3, 0, 0x86, 0]);
    let mut machine = Machine::new(ALLOWED);
    let packet = b"\x10\x10\0\x04MQTT\x04\x42\0\x3c\0\x01c\0\x01p";
    let fault = heard(&mut machine, packet).expect_err("a fault");
    machine.fail(fault.reason, "");
    assert_eq!((fault.reason, machine.output().len()), (Reason::MALFORMED, 0));
}

#[test]
fn a_client_that_takes_less_than_connack_is_not_let_in() {
    for most in [4_u8, 15] {
        let mut packet = b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\x05\x27\0\0\0".to_vec();
        packet.extend([most, 0, 1, b'c']);
        let mut machine = greeted(&packet);
        assert_eq!(machine.accept(&Accepted::default()), Err(TooLarge));
        machine.fail(Reason::TOO_LARGE, "too small");
        let wanted: &[u8] = if most < 5 { &[] } else { &[0x20, 3, 0, 0x95, 0] };
        assert_eq!(&machine.output()[..], wanted, "{most}");
    }
}

#[test]
fn what_a_client_takes_no_answer_to_ends_the_connection() {
    let wanted = |first: u8, count: usize| {
        let (mut body, options) = (vec![0, 1, 0], if first == 0x82 { &[0][..] } else { &[] });
        for _ in 0..count {
            body.extend([0, 1, b'a']);
            body.extend(options);
        }
        let mut packet = BytesMut::from(&[first][..]);
        length::put(body.len(), &mut packet);
        packet.extend_from_slice(&body);
        packet
    };
    for first in [0x82, 0xa2] {
        // 200 bytes: two and two before the others, which have an identifier and no properties.
        let found = heard(&mut open(&connect_v5()), &wanted(first, 194));
        assert!(matches!(found, Ok(Some(_))), "{found:?}");
        let mut machine = open(&connect_v5());
        let fault = heard(&mut machine, &wanted(first, 195)).expect_err("a fault");
        machine.fail(fault.reason, "");
        assert_eq!(&machine.output()[..], [0xe0, 2, 0x95, 0], "{fault}");
    }
}

#[test]
fn a_reason_that_makes_the_answer_too_large_is_left_out() {
    let reason = Reason::NOT_AUTHORIZED;
    for (why, bytes) in [(57, 200), (58, 140)] {
        let mut machine = open(&connect_v5());
        machine.subscribed(1, &[reason; 134], &"x".repeat(why)).expect("room for SUBACK");
        assert_eq!(machine.output().len(), bytes, "{why}");
    }
    let mut machine = open(&connect_v5());
    assert_eq!(machine.subscribed(1, &[reason; 195], ""), Err(TooLarge));
    assert_eq!(machine.unsubscribed(1, &[reason; 195]), Err(TooLarge));
    assert!(machine.output().is_empty());
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_refused_in_5() {
    let ping = [0xc0, 0x80, 0];
    let fault = heard(&mut open(&connect_v5()), &ping).expect_err("a fault");
    assert_eq!(fault.reason, Reason::MALFORMED);
    assert_eq!(heard(&mut open(&connect_v311()), &ping), Ok(Some(Packet::Ping)));
    // Which version a CONNECT is of it says itself.
    for (connect, is_fine) in [(connect_v5(), false), (connect_v311(), true)] {
        let long = [&[0x10, connect[1] | 0x80, 0][..], &connect[2..]].concat();
        let found = heard(&mut Machine::new(ALLOWED), &long);
        assert_eq!(found.is_ok(), is_fine, "{found:?}");
    }
}

/// A packet whose properties are those, with their length in so many bytes.
fn with_properties(first: u8, [before, properties, after]: [&[u8]; 3], bytes: usize) -> Vec<u8> {
    let mut length = vec![0x80; bytes];
    length[0] |= u8::try_from(properties.len()).unwrap();
    length[bytes - 1] &= 0x7f;
    let body = [before, &length, properties, after].concat();
    [&[first, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[test]
fn a_property_length_in_more_bytes_than_it_needs_is_refused_in_every_packet_that_has_one() {
    let said: &[u8] = b"\x26\0\x01k\0\x01v";
    let packets: [(u8, [&[u8]; 3]); 11] = [
        (0x10, [b"\0\x04MQTT\x05\x02\0\x3c", b"\x21\0\x09", b"\0\x01c"]),
        // Of a will.
        (0x10, [b"\0\x04MQTT\x05\x06\0\x3c\0\0\x01c", said, b"\0\x01w\0\x01p"]),
        (0x32, [b"\0\x01a\0\x09", b"\x01\x01", b"x"]),
        (0x40, [b"\0\x01\x10", said, b""]),
        (0x50, [b"\0\x01\x10", said, b""]),
        (0x62, [b"\0\x01\x92", said, b""]),
        (0x70, [b"\0\x01\x92", said, b""]),
        (0x82, [b"\0\x01", said, b"\0\x01a\0"]),
        (0xa2, [b"\0\x01", said, b"\0\x01a"]),
        (0xe0, [b"\x04", said, b""]),
        (0xf0, [b"\x19", b"\x15\0\x01m", b""]),
    ];
    for (first, [before, said, after]) in packets {
        // AUTH has to say something.
        let all = if first == 0xf0 { &[said][..] } else { &[said, &[]] };
        for (properties, bytes) in
            all.iter().flat_map(|said| (1..=4).map(move |bytes| (said, bytes)))
        {
            let packet = with_properties(first, [before, properties, after], bytes);
            let mut machine =
                if first == 0x10 { Machine::new(ALLOWED) } else { open(&connect_v5()) };
            match heard(&mut machine, &packet) {
                Ok(found) => assert!(bytes == 1 && found.is_some(), "{packet:?}: {found:?}"),
                Err(fault) => {
                    assert!(bytes > 1, "{packet:?}: {fault}");
                    assert_eq!(fault.reason, Reason::MALFORMED, "{packet:?}");
                    assert!(fault.why.contains("1.5.5"), "{packet:?}: {fault}");
                }
            }
        }
    }
}

#[test]
fn a_subscription_identifier_in_more_bytes_than_it_needs_is_refused() {
    for (identifier, is_fine) in
        [(&b"\x0b\x07"[..], true), (b"\x0b\x87\0", false), (b"\x0b\x80\x01", true)]
    {
        let parts = [b"\0\x01", identifier, b"\0\x01a\0"];
        let found = heard(&mut open(&connect_v5()), &with_properties(0x82, parts, 1));
        assert_eq!(found.is_ok(), is_fine, "{identifier:?}: {found:?}");
        if let Err(fault) = found {
            assert_eq!(fault.reason, Reason::MALFORMED);
        }
    }
}

#[test]
fn a_packet_may_be_as_large_as_its_client_was_told_and_of_others_a_little_larger() {
    let message = |bytes: u32| {
        let mut packet = BytesMut::from(&[0x30][..]);
        length::put(usize::try_from(bytes - 4).unwrap(), &mut packet);
        packet
    };
    for (connect, most) in
        [(connect_v5(), ALLOWED.packet_bytes_max), (connect_v311(), ALLOWED.untold_bytes_max)]
    {
        assert_eq!(heard(&mut open(&connect), &message(most)), Ok(None), "it is waited for");
        let fault = heard(&mut open(&connect), &message(most + 1)).expect_err("a fault");
        assert_eq!(fault.reason, Reason::TOO_LARGE);
    }
}

#[test]
fn each_fault_has_the_code_of_the_standard() {
    let (malformed, protocol) = (Reason::MALFORMED, Reason::PROTOCOL_ERROR);
    let cases: [(&[u8], Reason); 16] = [
        // A topic name: with an alias that is none, one that nobody knows, without one.
        (b"\x30\x07\0\x01a\x03\x23\0\0", Reason::ALIAS_INVALID),
        (b"\x30\x06\0\0\x03\x23\0\x02", protocol),
        (b"\x30\x03\0\0\0", protocol),
        (b"\x30\x04\0\x01\0\0", malformed),
        // Nothing says that there are no properties.
        (b"\x32\x05\0\x01a\0\x01", malformed),
        // A response topic of no characters.
        (b"\x30\x07\0\x01a\x03\x08\0\0", protocol),
        // Options: quality 3, retain handling 3, reserved bits.
        (b"\x82\x07\0\x01\0\0\x01a\x03", protocol),
        (b"\x82\x07\0\x01\0\0\x01a\x30", protocol),
        (b"\x82\x07\0\x01\0\0\x01a\x40", malformed),
        (b"\x82\x0b\0\x01\0\0\x01a\0\0\x01b\x03", protocol),
        // Two subscription identifiers, filters that are none.
        (b"\x82\x0b\0\x01\x04\x0b\x01\x0b\x02\0\x01a\0", protocol),
        (b"\x82\x07\0\x01\0\0\x01\0\0", malformed),
        (b"\x82\x06\0\x01\0\0\0\0", malformed),
        (b"\xa2\x06\0\x01\0\0\x01\0", malformed),
        (b"\xa2\x05\0\x01\0\0\0", malformed),
        // A reason that is no text.
        (b"\x40\x08\0\x01\0\x04\x1f\0\x01\0", malformed),
    ];
    for (packet, reason) in cases {
        let fault = heard(&mut open(&connect_v5()), packet).expect_err("a fault");
        assert_eq!(fault.reason, reason, "{packet:?}: {}", fault.why);
    }
}

#[test]
fn answers_of_3_1_1_are_two_bytes() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        let found = heard(&mut open(&connect_v311()), &[first, 2, 0, 1]);
        assert!(matches!(found, Ok(Some(Packet::Answer(_)))), "{found:?}");
        let fault = heard(&mut open(&connect_v311()), &[first, 3, 0, 1, 0]);
        assert_eq!(fault.expect_err("a fault").reason, Reason::MALFORMED, "{first:#04x}");
    }
}

#[test]
fn a_length_beyond_the_limit_costs_no_memory() {
    let mut machine = open(&connect_v5());
    let fault = heard(&mut machine, &[0x30, 0xff, 0xff, 0xff, 0x7f]).expect_err("a fault");
    assert_eq!(fault.reason, Reason::TOO_LARGE);
    let mut machine = open(&connect_v5());
    let fault = heard(&mut machine, &[0x30, 0xff, 0xff, 0xff, 0xff]).expect_err("a fault");
    assert_eq!(fault.reason, Reason::MALFORMED);
}

#[test]
fn aliases_stand_for_the_name_they_were_given() {
    let mut machine = open(&connect_v5());
    let named = publish_v5("a/b", Qos::AtMostOnce, 0, Some(2), false);
    let Ok(Some(Packet::Publish(_))) = heard(&mut machine, &named) else { panic!("a message") };
    let short = publish_v5("", Qos::AtMostOnce, 0, Some(2), false);
    let Ok(Some(Packet::Publish(found))) = heard(&mut machine, &short) else { panic!("a message") };
    assert_eq!(found.name, "a/b");
    for (alias, reason) in [(1, Reason::PROTOCOL_ERROR), (4, Reason::ALIAS_INVALID)] {
        let mut machine = open(&connect_v5());
        let packet = publish_v5("", Qos::AtMostOnce, 0, Some(alias), false);
        let fault = heard(&mut machine, &packet).expect_err("a fault");
        assert_eq!(fault.reason, reason, "{alias}");
    }
}

#[test]
fn a_name_that_no_topic_has_is_not_remembered() {
    let mut machine = open(&connect_v5());
    let named = publish_v5("a/b", Qos::AtMostOnce, 0, Some(2), false);
    assert!(matches!(heard(&mut machine, &named), Ok(Some(Packet::Publish(_)))));
    let long = publish_v5(&"a".repeat(513), Qos::AtMostOnce, 0, Some(2), false);
    assert!(matches!(heard(&mut machine, &long), Ok(Some(Packet::Publish(_)))));
    let short = publish_v5("", Qos::AtMostOnce, 0, Some(2), false);
    let fault = heard(&mut machine, &short).expect_err("a fault");
    assert_eq!(fault.reason, Reason::PROTOCOL_ERROR);
}

#[test]
fn more_messages_than_were_allowed_end_the_connection() {
    let mut machine = open(&connect_v5());
    for id in [1, 2] {
        let packet = publish_v5("a", Qos::ExactlyOnce, id, None, false);
        assert!(matches!(heard(&mut machine, &packet), Ok(Some(Packet::Publish(_)))));
    }
    let again = publish_v5("a", Qos::ExactlyOnce, 2, None, true);
    assert!(heard(&mut machine, &again).is_ok(), "a repetition is none more");
    let fault = heard(&mut machine, &publish_v5("a", Qos::ExactlyOnce, 3, None, false));
    assert_eq!(fault.expect_err("a fault").reason, Reason::RECEIVE_MAXIMUM);

    let mut machine = open(&connect_v5());
    for id in 1..100 {
        let packet = publish_v5("a", Qos::AtLeastOnce, id, None, false);
        assert!(matches!(heard(&mut machine, &packet), Ok(Some(Packet::Publish(_)))));
        let reason = Reason::SUCCESS;
        machine.answer(Answer { step: Step::Acknowledged, id, reason }, "");
    }
}

#[test]
fn ten_thousand_user_properties_are_refused() {
    let pair = mqtt_protocol_core::mqtt::packet::UserProperty::new("a", "b").unwrap();
    let packet = v5_0::Publish::builder()
        .topic_name("a")
        .unwrap()
        .props(vec![Property::UserProperty(pair); 10_000])
        .build()
        .unwrap()
        .to_continuous_buffer();
    let mut machine = open(&connect_v5());
    assert_eq!(heard(&mut machine, &packet).expect_err("a fault").reason, Reason::QUOTA);
}

#[test]
fn text_that_is_none_and_wildcards_in_names_are_refused() {
    let names: [&[u8]; 6] = [b"a/+", b"#", b"a\0b", b"\xc0\xaf", b"\xed\xa0\x80", b"\xff\xfe"];
    for name in names {
        let mut packet = vec![0x30, u8::try_from(name.len() + 3).unwrap()];
        packet.put_u16(u16::try_from(name.len()).unwrap());
        packet.put_slice(name);
        packet.put_u8(0);
        let mut machine = open(&connect_v5());
        assert!(heard(&mut machine, &packet).is_err(), "{name:?}");
    }
}

#[test]
fn subscriptions_are_read_with_their_options() {
    let options = SubOpts::from_u8(0x2d).unwrap();
    let packet = v5_0::Subscribe::builder()
        .packet_id(5)
        .entries(vec![SubEntry::new("a/#", options).unwrap()])
        .build()
        .unwrap()
        .to_continuous_buffer();
    let mut machine = open(&connect_v5());
    let Ok(Some(Packet::Subscribe(found))) = heard(&mut machine, &packet) else { panic!("it") };
    let wish = &found.wishes[0];
    assert_eq!((found.id, wish.spelt.as_str(), wish.options.byte()), (5, "a/#", 0x2d));
    assert_eq!(crate::packet::shared("$share/g/a/b"), (Some("g"), "a/b"));
    // Names of no share (4.8.2): a filter of a name that a server keeps for itself.
    for spelt in ["$share//a", "$share/+/a", "$share/g#/a", "$share/g"] {
        assert_eq!(crate::packet::shared(spelt), (None, spelt));
        assert!(Prefix::parse("fujisawa/mqtt").unwrap().filter(spelt).is_err(), "{spelt}");
    }

    let mut machine = open(&connect_v311());
    let packet = [0x82, 6, 0, 1, 0, 1, b'a', 0x04];
    assert!(heard(&mut machine, &packet).is_err(), "3.1.1 knows no options but the quality");
}

#[test]
fn messages_are_written_as_the_library_reads_them() {
    let message = MqttMessage {
        payload: Bytes::from_static(b"payload"),
        utf8: Some(true),
        content_type: "text/plain".into(),
        response_topic: "r".into(),
        correlation_data: Some(Bytes::from_static(b"c")),
        user_properties: vec![UserProperty { name: "n".into(), value: "v".into() }],
    };
    let mut machine = open(&connect_v5());
    for (round, name) in ["a/b", ""].into_iter().enumerate() {
        machine.publish(&delivery("a/b", &message, &[300])).expect("it fits");
        let bytes = std::mem::take(machine.output());
        let (first, content) = body(&bytes);
        assert_eq!(first, 0x3b);
        let (packet, used) = v5_0::Publish::parse(first & 0x0f, content.clone().into()).unwrap();
        assert_eq!(used, content.len());
        assert_eq!((packet.topic_name(), packet.packet_id()), (name, Some(7)), "round {round}");
        assert_eq!(packet.payload().as_slice(), b"payload");
        assert_eq!(packet.props().len(), 8, "{:?}", packet.props());
        assert_eq!(packet.to_continuous_buffer(), bytes);
    }
    let mut machine = open(&connect_v311());
    machine.publish(&delivery("a/b", &message, &[300])).expect("it fits");
    let (first, content) = body(machine.output());
    let (packet, _used) = v3_1_1::Publish::parse(first & 0x0f, content.into()).unwrap();
    assert_eq!((packet.topic_name(), packet.payload().as_slice()), ("a/b", &b"payload"[..]));
}

#[test]
fn a_message_larger_than_the_client_takes_is_not_written() {
    let message = MqttMessage { payload: Bytes::from(vec![0; 200]), ..MqttMessage::default() };
    let mut machine = open(&connect_v5());
    assert_eq!(machine.publish(&delivery("a", &message, &[])), Err(TooLarge));
    assert!(machine.output().is_empty());
    // An alias that was not sent was not given.
    let small = MqttMessage::default();
    machine.publish(&delivery("a", &small, &[])).expect("it fits");
    let (first, content) = body(machine.output());
    let (packet, _used) = v5_0::Publish::parse(first & 0x0f, content.into()).unwrap();
    assert_eq!(packet.topic_name(), "a");
}

#[test]
fn a_message_that_fits_without_an_alias_is_sent_without_one() {
    let of = |bytes| MqttMessage { payload: Bytes::from(vec![0; bytes]), ..MqttMessage::default() };
    // The one alias there is goes to another name.
    let fits = |bytes: &usize| {
        let mut machine = open(&connect_v5());
        machine.publish(&delivery("x", &of(0), &[])).expect("it fits");
        machine.publish(&delivery("a", &of(*bytes), &[])).is_ok()
    };
    let most = (0..200).rev().find(fits).expect("something fits");
    let mut machine = open(&connect_v5());
    machine.publish(&delivery("a", &of(most), &[])).expect("it fits without an alias");
    assert_eq!(machine.output().len(), 200);
    assert_eq!(machine.publish(&delivery("a", &of(most + 1), &[])), Err(TooLarge));
    machine.output().clear();
    machine.publish(&delivery("a", &of(0), &[])).expect("it fits");
    let (first, content) = body(machine.output());
    let (packet, _used) = v5_0::Publish::parse(first & 0x0f, content.into()).unwrap();
    assert_eq!(packet.topic_name(), "a");
}

#[test]
fn answers_are_written_as_the_library_reads_them() {
    let mut machine = greeted(&connect_v5());
    let accepted = Accepted {
        is_present: true,
        assigned: Some("chosen".into()),
        keep_alive_s: Some(60),
        expiry_s: Some(9),
        method: None,
        response_information: Some("r".into()),
    };
    machine.accept(&accepted).expect("room for CONNACK");
    let (_first, content) = body(&std::mem::take(machine.output()));
    let (connack, used) = v5_0::Connack::parse(&content).unwrap();
    assert!(connack.session_present() && used == content.len());
    assert_eq!(connack.props().len(), 7, "{:?}", connack.props());
    assert_eq!(machine.patience(), Some(Duration::from_secs(90)));

    let codes = [Reason::of(2), Reason::NOT_AUTHORIZED];
    machine.subscribed(3, &codes, "because").expect("room for SUBACK");
    let (_first, content) = body(&std::mem::take(machine.output()));
    let (suback, _used) = v5_0::Suback::parse(&content).unwrap();
    let codes: Vec<_> = suback.reason_codes().iter().map(|code| *code as u8).collect();
    assert_eq!(codes, [2, 0x87]);

    machine.unsubscribed(4, &[Reason::NO_SUBSCRIPTION]).expect("room for UNSUBACK");
    let (_first, content) = body(&std::mem::take(machine.output()));
    assert!(v5_0::Unsuback::parse(&content).is_ok());

    let reason = Reason::NOT_AUTHORIZED;
    machine.answer(Answer { step: Step::Acknowledged, id: 9, reason }, "because");
    let (_first, content) = body(&std::mem::take(machine.output()));
    let (puback, _used) = v5_0::Puback::parse(&content).unwrap();
    assert_eq!(puback.reason_code().map(|code| code as u8), Some(0x87));

    machine.fail(Reason::TAKEN_OVER, "another");
    let (_first, content) = body(&std::mem::take(machine.output()));
    let (disconnect, _used) = v5_0::Disconnect::parse(&content).unwrap();
    assert_eq!(disconnect.reason_code().map(|code| code as u8), Some(0x8e));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200), five in any::<bool>()) {
        let connect = if five { connect_v5() } else { connect_v311() };
        for mut machine in [Machine::new(ALLOWED), greeted(&connect), open(&connect)] {
            machine.input().extend_from_slice(&bytes);
            while let Ok(Some(_packet)) = machine.packet() {}
        }
    }

    #[test]
    fn packets_are_found_however_they_are_cut(cuts in proptest::collection::vec(1_usize..9, 1..40)) {
        let mut bytes = connect_v5();
        bytes.extend([0xc0, 0, 0xc0, 0]);
        let (mut machine, mut found) = (Machine::new(ALLOWED), 0);
        let mut cuts = cuts.into_iter().cycle();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            rest = after;
            machine.input().extend_from_slice(piece);
            while let Some(packet) = machine.packet().expect("no fault") {
                if matches!(packet, Packet::Connect(_)) {
                    machine.accept(&Accepted::default()).expect("room for CONNACK");
                }
                found += 1;
            }
        }
        prop_assert_eq!(found, 3);
    }
}
