//! One gate: what a client may not have reaches it on no path, and what it may not say is not said
//! for it. Each begins with somebody who may.

use sekisho_e2e::{City, Mosquitto, TIMED_OUT, eventually, skipped};

const ALL: &str = "fujisawa/mqtt/#";

struct Town {
    city: City,
    writer: Mosquitto,
    reader: Mosquitto,
}

impl Town {
    async fn found() -> Option<Self> {
        if !Mosquitto::is_there() {
            skipped("wanted Debian's mosquitto-clients, found none");
            return None;
        }
        let mut city = City::plan("fujisawa").await;
        city.open("mqtt");
        city.start().await;
        let writer = Mosquitto::enrol(&city, "writer", &[ALL], &[ALL]).await;
        let reader = Mosquitto::enrol(&city, "reader", &[], &[ALL]).await;
        Some(Self { city, writer, reader })
    }

    async fn deny(&self, who: &Mosquitto, action: &str, filter: &str) {
        let deny = ["deny", who.name(), action, filter, "--reason", "a test", "--yes"];
        self.city.run(&deny).await.succeeded();
    }

    /// No right to read a topic, neither as it comes nor later.
    async fn deny_reading(&self, who: &Mosquitto, filter: &str) {
        self.deny(who, "subscribe", filter).await;
        self.deny(who, "history", filter).await;
    }

    async fn write(&self, more: &[&str], topic: &str, message: &str) {
        let publish = [&["-q", "1", "-t", topic, "-m", message], more].concat();
        self.writer.publish(&publish).await.succeeded();
    }
}

#[tokio::test]
async fn a_denied_topic_is_withheld_live_retained_and_from_what_waited() {
    let Some(town) = Town::found().await else { return };
    town.deny_reading(&town.reader, "fujisawa/mqtt/+/secret").await;
    let session = ["-i", "reader", "-c", "-x", "600", "-q", "1", "-t", "room/+"];
    town.reader.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    for topic in ["room/secret", "room/open"] {
        town.write(&["-r"], topic, "told").await;
    }
    // What waited for the session, and what it asks for by its SUBSCRIBE.
    let read = [&session[..], &["-F", "%t %r", "-W", "3"]].concat();
    assert_eq!(town.reader.subscribe(&read).await.output, "room/open 0\nroom/open 1\n");
    // What is retained.
    let read = ["-t", "#", "-F", "%t", "-W", "3"];
    assert_eq!(town.reader.subscribe(&read).await.output, "room/open\n");
    // The one who may: in the order in which they were published.
    let read = ["-t", "room/#", "-F", "%t", "-C", "2", "-W", "20"];
    assert_eq!(town.writer.subscribe(&read).await.done(), "room/secret\nroom/open\n");
    // Nor is the subscription itself taken.
    let said = town.reader.subscribe(&["-t", "room/secret", "-W", "3"]).await;
    assert!(said.error.contains("denied") && said.output.is_empty(), "{said:?}");
}

#[tokio::test]
async fn what_waits_for_a_session_is_withheld_once_the_right_is_gone() {
    let Some(town) = Town::found().await else { return };
    let session = ["-i", "reader", "-c", "-x", "600", "-q", "2", "-t", "room/#", "-t", "hall/#"];
    town.reader.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    for topic in ["room/1", "hall/1", "room/2"] {
        town.write(&[], topic, "told").await;
    }
    town.deny_reading(&town.reader, "fujisawa/mqtt/room/#").await;
    let read = [&session[..], &["-F", "%t", "-W", "3"]].concat();
    assert_eq!(town.reader.subscribe(&read).await.output, "hall/1\n");
}

#[tokio::test]
async fn a_revoked_client_is_cut_and_its_session_is_of_no_use() {
    let Some(town) = Town::found().await else { return };
    let session = ["-i", "reader", "-c", "-x", "600", "-q", "1", "-t", "room/#"];
    town.reader.subscribe(&[&session[..], &["-E"]].concat()).await.succeeded();
    town.write(&[], "room/1", "told").await;
    let revoke = ["revoke", town.reader.name(), "--reason", "a test", "--yes"];
    town.city.run(&revoke).await.succeeded();
    let said = town.reader.subscribe(&[&session[..], &["-C", "1", "-W", "5"]].concat()).await;
    assert!(said.code != Some(0) && said.output.is_empty(), "{said:?}");
}

#[tokio::test]
async fn what_was_retained_by_somebody_who_lost_the_right_is_withheld() {
    let Some(town) = Town::found().await else { return };
    town.write(&["-r"], "room/1", "false").await;
    let read = ["-t", "room/#", "-F", "%p", "-C", "1", "-W", "20"];
    assert_eq!(town.reader.subscribe(&read).await.done(), "false\n");
    town.deny(&town.writer, "publish", "fujisawa/mqtt/room/#").await;
    let read = ["-t", "room/#", "-F", "%p", "-W", "3"];
    let said = town.reader.subscribe(&read).await;
    assert_eq!((said.code, said.output.as_str()), (Some(TIMED_OUT), ""), "{said:?}");
}

#[tokio::test]
async fn a_share_gives_nothing_to_a_member_without_the_right() {
    let Some(town) = Town::found().await else { return };
    town.deny_reading(&town.reader, "fujisawa/mqtt/+/secret").await;
    let share = ["-q", "1", "-t", "$share/crew/room/+", "-F", "%t", "-W", "8"];
    let denied = town.reader.subscribe(&share);
    let allowed = town.writer.subscribe(&share);
    let publish = async {
        eventually("both subscriptions", || async {
            (town.city.metric("sekisho_subscriptions").await >= 2.0).then_some(())
        })
        .await;
        for _ in 0..6 {
            town.write(&[], "room/secret", "told").await;
        }
    };
    let (denied, allowed, ()) = tokio::join!(denied, allowed, publish);
    assert_eq!(denied.output, "", "{denied:?}");
    assert_eq!(allowed.output, "room/secret\n".repeat(6), "{allowed:?}");
}

#[tokio::test]
async fn a_will_on_a_forbidden_topic_is_refused_when_it_is_left() {
    let Some(town) = Town::found().await else { return };
    let will = ["--will-topic", "room/1", "--will-payload", "gone", "-t", "hall/1", "-W", "5"];
    let said = town.reader.subscribe(&will).await;
    assert!(said.code != Some(0) && said.code != Some(TIMED_OUT), "{said:?}");
    let said = town.writer.subscribe(&will).await;
    assert_eq!(said.code, Some(TIMED_OUT), "{said:?}");
}

#[tokio::test]
async fn a_will_is_not_published_where_its_right_has_gone_meanwhile() {
    let Some(town) = Town::found().await else { return };
    let will = ["--will-topic", "room/1", "--will-payload", "gone", "--will-retain"];
    let mut waiting = town.writer.start(&[&will[..], &["-t", "hall/1", "-q", "1"]].concat());
    eventually("the client's subscription", || async {
        (town.city.metric("sekisho_subscriptions").await >= 1.0).then_some(())
    })
    .await;
    town.deny(&town.writer, "publish", "fujisawa/mqtt/room/#").await;
    waiting.kill().await.unwrap();
    eventually("the will's refusal", || async {
        let refused = "sekisho_mqtt_wills_total{outcome=\"refused\"}";
        (town.city.metric(refused).await >= 1.0).then_some(())
    })
    .await;
    let said = town.reader.subscribe(&["-t", "room/#", "-W", "3"]).await;
    assert_eq!((said.code, said.output.as_str()), (Some(TIMED_OUT), ""), "{said:?}");
}
