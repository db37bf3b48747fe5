//! What holds for whatever an MQTT client sends. Shared by the fuzz target and by the test that
//! replays its corpus.

use bytes::BytesMut;
use sekisho_mqtt::mapping::{Prefix, hides};
use sekisho_mqtt::overlap::matches;
use sekisho_mqtt::packet::{
    Accepted, Answer, Delivery, Packet, Publish, Step, Turn, Version, shared,
};
use sekisho_mqtt::{Allowed, Machine, Reason, message};

const ALLOWED: Allowed = Allowed {
    receive_maximum: 4,
    packet_bytes_max: 70_000,
    untold_bytes_max: 80_000,
    alias_max: 4,
};

/// Feeds a connection until it ends, answers it like a server, and holds each packet to the rules.
pub(crate) fn mqtt_packets(bytes: &[u8]) {
    let mut machine = Machine::new(ALLOWED);
    let mut greeted = None;
    // In two pieces: where a stream is cut means nothing.
    let (one, other) = bytes.split_at(bytes.len() / 2);
    for piece in [one, other] {
        machine.input().extend_from_slice(piece);
        loop {
            match machine.packet() {
                Ok(Some(packet)) => take(&mut machine, packet, &mut greeted),
                Ok(None) => break,
                Err(fault) => {
                    assert!(fault.reason.is_failure() && !fault.why.is_empty(), "{fault:?}");
                    machine.fail(fault.reason, &fault.why);
                    check_output(machine.output(), greeted);
                    return;
                }
            }
        }
    }
    check_output(machine.output(), greeted);
}

fn take(machine: &mut Machine, packet: Packet, greeted: &mut Option<Version>) {
    match packet {
        Packet::Connect(connect) => {
            assert_eq!(*greeted, None, "one CONNECT in a connection");
            *greeted = Some(connect.version);
            assert!(connect.will.as_ref().is_none_or(|will| will.quality <= 2));
            // A client may take less than CONNACK needs: it is not in, and is told no more.
            if machine.accept(&Accepted::default()).is_err() {
                machine.fail(Reason::TOO_LARGE, "CONNACK");
            }
        }
        Packet::Publish(publish) => check_publish(machine, &publish),
        Packet::Answer(answer) => {
            assert!(answer.id > 0);
            if answer.step == Step::Released {
                let answer = Answer { step: Step::Completed, ..answer };
                machine.answer(answer, "");
            }
        }
        Packet::Subscribe(subscribe) => {
            assert!(subscribe.id > 0 && !subscribe.wishes.is_empty());
            let codes: Vec<_> = subscribe
                .wishes
                .iter()
                .map(|wish| match prefix().filter(wish.parts().1) {
                    Ok(_filter) => Reason::of(wish.options.quality()),
                    Err(_error) => Reason::FILTER_INVALID,
                })
                .collect();
            machine
                .subscribed(subscribe.id, &codes, "why not")
                .expect("it was asked whether it fits");
        }
        Packet::Unsubscribe(unsubscribe) => {
            assert!(unsubscribe.id > 0 && !unsubscribe.filters.is_empty());
            for filter in &unsubscribe.filters {
                let (_share, _filter) = shared(filter);
            }
            let codes = vec![Reason::SUCCESS; unsubscribe.filters.len()];
            machine.unsubscribed(unsubscribe.id, &codes).expect("it was asked whether it fits");
        }
        Packet::Ping => machine.pong(),
        Packet::Disconnect(_) | Packet::Auth(_) => {}
    }
}

fn check_publish(machine: &mut Machine, publish: &Publish) {
    assert_eq!(publish.id.is_some(), publish.quality > 0);
    assert!(!publish.name.is_empty() && !publish.name.contains(['+', '#', '\0']));
    if let Ok(topic) = prefix().topic(&publish.name) {
        assert_eq!(prefix().name(&topic).as_deref(), Some(&*publish.name));
        let all = prefix().filter("#").expect("everything");
        assert_eq!(matches(&all, &topic, 2), !hides("#", &publish.name));
    }
    let (content_type, body) = message::to_body(&publish.message).expect("a body");
    let back = message::from_body(&content_type, &body).expect("a message");
    assert_eq!(back, publish.message);
    let delivery = Delivery {
        name: &publish.name,
        message: &publish.message,
        quality: publish.quality,
        retain: publish.retain,
        turn: Turn::First,
        id: 9,
        expiry_s: publish.expiry_s,
        identifiers: &[1],
    };
    if machine.publish(&delivery).is_err() {
        // A client may take less than it sends.
        return;
    }
    let step = match publish.quality {
        0 => return,
        1 => Step::Acknowledged,
        _ => Step::Received,
    };
    let id = publish.id.unwrap_or(1);
    machine.answer(Answer { step, id, reason: Reason::SUCCESS }, "");
}

/// What was written is packets, one after the other.
fn check_output(output: &BytesMut, greeted: Option<Version>) {
    let mut rest: &[u8] = output;
    while let Some((first, after)) = rest.split_first() {
        let kind = first >> 4;
        assert!(matches!(kind, 2..=7 | 9 | 11 | 13..=15), "type {kind}");
        assert!(greeted == Some(Version::V5) || kind < 14, "3.1.1 has no packet {kind}");
        let (mut length, mut bytes) = (0_usize, 0);
        for byte in after {
            length |= usize::from(byte & 0x7f) << (7 * bytes);
            bytes += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = after.get(bytes + length..).expect("a whole packet");
    }
}

fn prefix() -> Prefix {
    Prefix::parse("fujisawa/mqtt").expect("a prefix")
}
