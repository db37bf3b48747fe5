use sekisho_proto::PrincipalKind;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn who(number: u8) -> Who {
    let name = format!("truck-{number}@fujisawa").parse().unwrap();
    let id = PrincipalId::new([number; 32]);
    Who { name, id, kind: PrincipalKind::Device, is_peer: false }
}

fn from(host: u8) -> Came {
    Came::by("quic", format!("10.0.0.{host}:7443").parse().unwrap())
}

fn no(what: &str) -> Refusal {
    Refusal::new(RefusalCode::NotPermitted, what, "wanted a grant, found none")
}

fn told(refusals: &Refusals) -> Vec<Value> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let part = refusals.list(before, u32::MAX);
        let found = part["refusals"].as_array().unwrap().clone();
        assert!(found.len() <= 200);
        all.extend(found);
        before = part["next"].as_u64();
        if before.is_none() {
            return all;
        }
    }
}

#[test]
fn the_same_again_is_counted_and_not_repeated() {
    let refusals = Refusals::default();
    for second in 0..10 {
        refusals.note(Some(&who(1)), from(1), &no("topic a"), at(second));
    }
    refusals.note(Some(&who(2)), from(1), &no("topic a"), at(10));
    let all = told(&refusals);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["principal"], &all[0]["times"]), (&json!("truck-2@fujisawa"), &json!(1)));
    assert_eq!(all[1]["times"], 10);
    assert_ne!(all[1]["first"], all[1]["last"]);
    let counted = refusals.list(None, 1);
    assert_eq!((&counted["count"], &counted["by_code"]["not-permitted"]), (&json!(11), &json!(11)));
}

#[test]
fn whoever_floods_pushes_out_only_what_is_theirs() {
    let refusals = Refusals::default();
    refusals.note(Some(&who(1)), from(1), &no("what matters"), at(0));
    for number in 0..5_000 {
        refusals.note(Some(&who(2)), from(1), &no(&format!("topic {number}")), at(1));
    }
    for number in 0..5_000_u32 {
        // Strangers from everywhere.
        let host = std::net::Ipv4Addr::from(number);
        let came = Came::by("quic", std::net::SocketAddr::from((host, 1)));
        refusals.note(None, came, &no("key"), at(2));
    }
    let all = told(&refusals);
    assert!(all.iter().any(|one| one["what"] == "what matters"));
    let of = |name: Value| all.iter().filter(|one| one["principal"] == name).count();
    assert_eq!(of(json!("truck-2@fujisawa")), REMEMBERED_OF_ONE_MAX);
    assert_eq!(of(Value::Null), REMEMBERED_OF_STRANGERS_MAX);
}

#[test]
fn memory_is_bounded_whoever_and_whatever_is_refused() {
    let refusals = Refusals::default();
    let long = "長".repeat(10_000);
    for number in 0..=255 {
        for topic in 0..10 {
            refusals.note(Some(&who(number)), from(1), &no(&format!("{topic} {long}")), at(0));
        }
    }
    let memory = lock(&refusals.memory);
    assert_eq!(memory.entries.len(), REMEMBERED_MAX);
    assert!(memory.entries.iter().all(|one| one.refused.what.len() < 310));
    assert_eq!(memory.count, 2_560);
}
