use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn peers() -> Value {
    json!([{
        "organisation": "santander",
        "statement": "ab".repeat(32),
        "address": "santander.example:7443",
        "in_force": true,
        "from": "2026-11-01T00:00:00Z",
        "until": "2026-12-01T12:00:00Z",
        "heard": "2026-11-21T11:59:40Z",
        "we_import": ["santander/#"],
        "cosigned_size": 12,
        "link": {
            "via": "santander", "state": "up", "since": "2026-11-21T09:00:00Z", "why": null,
            "records": 90_000, "bytes": 45_000_000, "records_per_s": 12, "bytes_per_s": 6_000,
            "behind_records": 340, "delay_s": 90.5, "last_received": "2026-11-21T11:58:29Z",
            "refused": { "bad-signature": 2 }, "dropped": { "loop": 1 }, "hung_up": {},
            "gaps": { "retention": 1 }, "budget_waits": { "bytes": 4 }, "witnessed": 7,
            "interests": [
                { "filter": "santander/#", "permitted": true },
                { "filter": "santander/air", "permitted": false },
            ],
        },
        "taking": {
            "records": 10, "bytes": 5_000, "records_per_s": 3, "bytes_per_s": 1_500,
            "interests": 2, "refused_interests": 5, "behind_records": 8, "history_waits": 6,
        },
        "brings": [{
            "organisation": "toulouse",
            "we_import": ["toulouse/air/#"],
            "heard": null,
            "link": { "via": "santander", "state": "waiting", "since": "2026-11-21T11:59:48Z",
                "why": "wanted a sign of life, found none", "behind_records": 0 },
        }],
    }, {
        "organisation": "bilbao", "in_force": false, "from": "2026-01-01T00:00:00Z",
        "until": "2026-02-01T00:00:00Z", "heard": null, "link": null, "taking": null,
    }])
}

#[test]
fn a_list_says_of_each_link_whether_it_is_up_what_crosses_and_how_late_it_is() {
    let peers = peers();
    let (rows, remarks) = table(peers.as_array().unwrap(), now());
    assert_eq!(
        rows,
        [
            ["santander", "up 3h", "12/s", "3/s", "340, 90s", "20s", "10d"],
            ["toulouse via santander", "waiting 12s", "–", "–", "0", "never", "open"],
            ["bilbao", "ended", "–", "–", "–", "never", "over"],
        ]
    );
    assert_eq!(
        remarks,
        [
            "santander: refused: bad-signature 2; passed over: loop 1; gaps: retention 1; \
             waited for its budget: bytes 4; 1 filter it does not permit; it is behind by 8; \
             interests refused to it: 5; it waited for history: 6",
            "toulouse via santander: wanted a sign of life, found none",
        ]
    );
}

#[test]
fn everything_about_a_peer_names_terms_counts_and_what_is_asked_for() {
    let peers = peers();
    let lines = lines(&peers[0], now());
    for wanted in [
        "until: 2026-12-01T12:00:00Z (10d)",
        "we import: santander/#",
        "they export: nothing",
        "it took: 10 records, 5000 B; lately 3/s, 1500 B/s",
        "  came: 90000 records, 45 MB; lately 12/s, 6000 B/s",
        "  hung up: none",
        "  asks for: santander/air (not permitted)",
        "toulouse through it: toulouse/air/#",
        "  last down because: wanted a sign of life, found none",
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted}: {lines:#?}");
    }
}

#[test]
fn times_and_numbers_need_few_columns() {
    let spans = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|s| span(Duration::from_secs(s)));
    assert_eq!(spans, ["0s", "119s", "2min", "119min", "2h", "47h", "2d"]);
    assert_eq!([9_999, 10_000, 12_345_678].map(short), ["9999", "10k", "12M"]);
    assert_eq!([0.25, 4.99, 61.0, 86_400.0 * 3.0].map(seconds), ["0.2s", "5.0s", "61s", "3d"]);
}

#[test]
fn what_each_side_promised_beside_its_topics_is_listed() {
    let terms = json!({
        "onward": true,
        "passes_on": [
            { "organisation": "toulouse", "root": "ab12", "filters": ["toulouse/air/#"] },
            { "organisation": "porto", "root": "cd34", "filters": [] },
        ],
        "carries_home": ["santander/bus/#"],
        "bytes_per_s": 250_000, "envelopes_per_s": null, "interests": 8,
        "history_bytes_per_s": null,
    });
    let mut said = Vec::new();
    say_terms(&mut |word, what| said.push(format!("{word}: {what}")), "they", &terms);
    assert_eq!(
        said,
        [
            "they let it travel on: yes",
            "they pass on of toulouse: toulouse/air/#; its root is ab12",
            "they pass on of porto: its control log only; its root is cd34",
            "they carry home: santander/bus/#",
            "they have at most: 250000 bytes/s",
            "they have at most: 8 filters asked for",
        ]
    );
    said = Vec::new();
    say_terms(&mut |word, what| said.push(format!("{word}: {what}")), "we", &Value::Null);
    assert!(said.is_empty(), "{said:?}");
}
