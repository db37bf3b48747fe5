mod coming_back;
mod town;

use metrics_exporter_prometheus::PrometheusBuilder;
use mqtt_protocol_core::mqtt::packet::{MaximumPacketSize, Property, UserProperty};
use sekisho_mqtt::packet::Turn;
use sekisho_mqtt::session_state::Form;

use town::{Client, Message, Start, Town, Whose};

/// As many messages at a time as there are.
const MANY: u16 = 100;
const SHARED: &str = "$share/crew/#";
/// What the clock may not read later.
const SECRET: &str = "secret";
/// What everybody may.
const OPEN: &str = "open";

async fn member(town: &Town, whose: Whose, client: &str, (quality, max): (u8, u16)) -> Client {
    let mut member = town.connected(whose, client, (Start::Clean, max)).await;
    member.subscribe(SHARED, quality).await;
    member
}

async fn write(writer: &mut Client, name: &str, payloads: &[&str]) {
    for payload in payloads {
        writer.publish(name, payload, (2, false)).await;
    }
}

/// What comes before the first message that was said last.
async fn before_last(client: &mut Client) -> Vec<String> {
    let mut came = Vec::new();
    loop {
        let Message { payload, .. } = client.message().await;
        if payload.starts_with("last") {
            return came;
        }
        came.push(payload);
    }
}

/// How a member of a share leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    /// UNSUBSCRIBE.
    Unsubscribes,
    /// It begins anew: what there was of its session is over.
    BeginsAnew,
}

/// What another member of the share is given of the one message that its leaver was sent, and answered
/// as far as `answer` says.
async fn left_behind(
    town: &Town,
    quality: u8,
    leaving: Leaving,
    answer: impl AsyncFnOnce(&mut Client, &Message),
) -> (String, Vec<String>) {
    let mut leaver = member(town, Whose::Clock, "leaver", (quality, MANY)).await;
    let mut other = member(town, Whose::Meter, "other", (quality, MANY)).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, OPEN, &["1", "2"]).await;
    let had = other.message().await;
    other.finish(&had).await;
    let sent = leaver.message().await;
    answer(&mut leaver, &sent).await;
    match leaving {
        Leaving::Unsubscribes => leaver.unsubscribe(SHARED).await,
        Leaving::BeginsAnew => {
            leaver = town.connected(Whose::Clock, "leaver", (Start::Clean, MANY)).await;
        }
    }
    write(&mut writer, OPEN, &["last"]).await;
    let came = before_last(&mut other).await;
    leaver.ping().await;
    (sent.payload, came)
}

#[tokio::test]
async fn of_quality_2_what_a_member_of_a_share_was_sent_is_nobody_elses_when_it_leaves() {
    for leaving in [Leaving::Unsubscribes, Leaving::BeginsAnew] {
        let town = Town::open();
        let withheld = left_behind(&town, 2, leaving, async |_leaver, _sent| {}).await;
        assert_eq!(withheld.1, Vec::<String>::new(), "{leaving:?}: PUBREC withheld");
        town.close().await;
        let town = Town::open();
        let received = left_behind(&town, 2, leaving, async |leaver, sent| {
            leaver.receive(sent).await;
        });
        assert_eq!(received.await.1, Vec::<String>::new(), "{leaving:?}: PUBREC received");
        town.close().await;
    }
}

#[tokio::test]
async fn of_quality_1_what_a_member_of_a_share_did_not_acknowledge_is_anothers_when_it_leaves() {
    for leaving in [Leaving::Unsubscribes, Leaving::BeginsAnew] {
        let town = Town::open();
        let (sent, came) = left_behind(&town, 1, leaving, async |_leaver, _sent| {}).await;
        assert_eq!(came, [sent], "{leaving:?}");
        town.close().await;
    }
}

/// What the other member of a share is given of what the clock was sent, was to be sent again when it
/// came back, and may not have any more by then: that payload, and what came.
async fn taken_back(quality: u8) -> (String, Vec<String>) {
    let town = Town::open();
    let mut reader = member(&town, Whose::Clock, "reader", (quality, MANY)).await;
    let mut other = member(&town, Whose::Meter, "other", (quality, MANY)).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, SECRET, &["1", "2", "3", "4"]).await;
    for had in [other.message().await, other.message().await] {
        other.finish(&had).await;
    }
    let sent = [reader.message().await, reader.message().await];
    drop(reader);
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Resumed, 1)).await;
    let again = reader.message().await;
    assert_eq!((&again.payload, again.turn), (&sent[0].payload, Turn::Again));
    // The other one was let out, and waits for the room of this one.
    town.is_settled().await;
    reader.ping().await;
    town.deny_the_clock(SECRET).await;
    reader.finish(&again).await;
    reader.ping().await;
    // They take turns.
    write(&mut writer, OPEN, &["last 1", "last 2"]).await;
    let came = before_last(&mut other).await;
    assert_eq!(before_last(&mut reader).await, Vec::<String>::new());
    town.close().await;
    (sent[1].payload.clone(), came)
}

#[tokio::test]
async fn of_quality_2_what_a_member_was_sent_and_may_not_have_any_more_is_nobody_elses() {
    let (_payload, came) = taken_back(2).await;
    assert_eq!(came, Vec::<String>::new());
}

#[tokio::test]
async fn of_quality_1_what_a_member_was_sent_and_may_not_have_any_more_is_anothers() {
    let (payload, came) = taken_back(1).await;
    assert_eq!(came, [payload]);
}

#[tokio::test]
async fn what_a_member_took_over_and_was_sent_is_nobody_elses_when_it_may_not_have_it_any_more() {
    let town = Town::open();
    let mut reader = member(&town, Whose::Clock, "reader", (2, MANY)).await;
    let mut leaver = member(&town, Whose::Meter, "leaver", (2, 1)).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, SECRET, &["1", "2", "3", "4"]).await;
    for had in [reader.message().await, reader.message().await] {
        reader.finish(&had).await;
    }
    // One was sent to it, and the other waits for room; the reader has read past both.
    leaver.message().await;
    town.is_settled().await;
    reader.ping().await;
    leaver.unsubscribe(SHARED).await;
    let taken_over = reader.message().await;
    assert_eq!(taken_over.turn, Turn::First, "wanted what the leaver was not sent");
    drop(reader);
    let mut other = member(&town, Whose::Meter, "other", (2, MANY)).await;
    town.deny_the_clock(SECRET).await;
    // No subscription brings it again: it is in flight alone, and that is over.
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Resumed, MANY)).await;
    reader.ping().await;
    write(&mut writer, OPEN, &["last 1", "last 2"]).await;
    for member in [&mut reader, &mut other] {
        assert_eq!(before_last(member).await, Vec::<String>::new());
    }
    town.close().await;
}

#[tokio::test]
async fn no_local_is_of_what_this_client_published_in_this_run_of_the_node() {
    const NO_LOCAL: u8 = 0x04;
    let town = Town::open();
    let mut other = town.connected(Whose::Meter, "other", (Start::Clean, MANY)).await;
    // The first of its topic in that run,
    other.publish("1", "theirs", (1, true)).await;
    drop(other);
    let town = town.restarted().await;
    let mut own = town.connected(Whose::Meter, "own", (Start::Clean, MANY)).await;
    own.subscribe("1", NO_LOCAL).await;
    let retained = own.message().await;
    assert_eq!((&*retained.payload, retained.is_retained), ("theirs", true));
    // as this is in this one.
    own.publish("1", "mine", (1, false)).await;
    town.is_settled().await;
    own.ping().await;
    own.subscribe("1", NO_LOCAL).await;
    assert_eq!(own.message().await, retained, "wanted what is not its own");
    // Nor is what another client of the same principal says in this run.
    let mut other = town.connected(Whose::Meter, "other", (Start::Clean, MANY)).await;
    other.publish("1", "theirs too", (1, false)).await;
    assert_eq!(own.message().await.payload, "theirs too");
    own.ping().await;
    town.close().await;
}

#[tokio::test]
async fn what_waits_for_a_client_that_loses_the_right_to_it_is_counted_and_not_sent() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let town = Town::open();
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, 1)).await;
    reader.subscribe("#", 1).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, SECRET, &["1", "2"]).await;
    let first = reader.message().await;
    // The other was let out, and waits until there is room.
    town.is_settled().await;
    reader.ping().await;
    town.deny_the_clock(SECRET).await;
    reader.finish(&first).await;
    write(&mut writer, OPEN, &["last"]).await;
    assert_eq!(before_last(&mut reader).await, Vec::<String>::new());
    let counted = recorder.handle().render();
    assert!(counted.contains("sekisho_records_withheld_total 1\n"), "{counted}");
    town.close().await;
}

#[tokio::test]
async fn what_waits_for_a_client_whose_whole_subscription_ends_is_counted_too() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let town = Town::open();
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, 1)).await;
    reader.subscribe(SECRET, 1).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    write(&mut writer, SECRET, &["1", "2"]).await;
    let first = reader.message().await;
    town.is_settled().await;
    reader.ping().await;
    town.deny_the_clock(SECRET).await;
    town.is_settled().await;
    reader.finish(&first).await;
    reader.ping().await;
    let counted = recorder.handle().render();
    assert!(counted.contains("sekisho_records_withheld_total 1\n"), "{counted}");
    town.close().await;
}

#[tokio::test]
async fn a_message_that_is_larger_than_its_reader_takes_is_counted_and_not_sent() {
    const TAKES: u32 = 64;
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let town = Town::open();
    let small = Property::MaximumPacketSize(MaximumPacketSize::new(TAKES).unwrap());
    let mut reader = town.connected_with(Whose::Clock, "reader", (Start::Clean, small)).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    let large = "x".repeat(100);
    for quality in 0..=2 {
        reader.subscribe("#", quality).await;
        write(&mut writer, OPEN, &[&large, "last"]).await;
        assert_eq!(before_last(&mut reader).await, Vec::<String>::new());
    }
    let counted = recorder.handle().render();
    assert!(counted.contains("sekisho_gaps_total{reason=\"oversized\"} 3\n"), "{counted}");
    town.close().await;
}

#[tokio::test]
async fn a_key_header_goes_with_the_first_message_that_needs_it_also_where_that_waited() {
    let town = Town::open();
    let mut reader = town.connected(Whose::Meter, "reader", (Start::Clean, 1)).await;
    reader.subscribe("#", 1).await;
    town.seal_twice_in_two_runs("sealed").await;
    let mut came = Vec::new();
    for _ in 0..4 {
        let sealed = reader.message().await;
        // The next one is looked at, and waits for the room of this one.
        town.is_settled().await;
        reader.ping().await;
        reader.finish(&sealed).await;
        assert_eq!(sealed.form, Form::Envelope);
        came.push(sealed.key_header.is_some());
    }
    assert_eq!(came, [true, false, true, false]);
    town.close().await;
}

#[tokio::test]
async fn a_session_remembers_in_which_form_its_subscriptions_bring_records() {
    let town = Town::open();
    let form = UserProperty::new("sekisho-form", "envelope").unwrap();
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Clean, MANY)).await;
    reader.subscribe_with("#", 1, vec![Property::UserProperty(form)]).await;
    let mut writer = town.connected(Whose::Meter, "writer", (Start::Clean, MANY)).await;
    writer.publish(OPEN, "1", (1, true)).await;
    let first = reader.message().await;
    assert_eq!(first.form, Form::Envelope);
    drop(reader);
    let mut reader = town.connected(Whose::Clock, "reader", (Start::Resumed, MANY)).await;
    let again = reader.message().await;
    assert_eq!(again, Message { turn: Turn::Again, ..first });
    reader.finish(&again).await;
    writer.publish(OPEN, "2", (1, false)).await;
    assert_eq!(reader.message().await.form, Form::Envelope);
    town.close().await;
}
