//! Rights, given and taken by hand: the sentences that the `sekisho` command signs, what the node
//! makes of them, and how the commands end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sekisho::{Batch, ConnectError, RefusalCode, Start, Statement, StatementIndex};
use sekisho_e2e::{
    Agent, City, Member, Press, Process, Reader, Stranger, Wire, eventually, holds_key, peer,
    permitted, sample, within,
};
use sekisho_proto::frame::Subscribe;
use sekisho_proto::{Frame, StatementBody};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
const WALL: &str = "wall@fujisawa";

/// Publishes one reading as a member, by command.
async fn publish(member: &Member, value: &str) {
    member.run(&["pub", AIR, value]).await.succeeded();
}

/// Starts `sub` as a member; resolves when it has shown `first`.
async fn watch(city: &City, member: &Member, first: &str) -> Process {
    let dir = member.dir().to_str().unwrap();
    let arguments = ["sub", TRUCKS, "--from", "earliest", "--dir", dir];
    let mut watching = Process::start("sub", &arguments, &city.place("sub.log"));
    assert!(watching.line().await.contains(first));
    watching
}

/// The id of the one grant to a grantee that `what` lists with these actions.
async fn grant_of(city: &City, who: &str, actions: &str) -> String {
    let what = city.run(&["what", who, "--json"]).await.json();
    let grants = what["grants"].as_array().unwrap();
    let found: Vec<_> = grants.iter().filter(|grant| grant["actions"] == actions).collect();
    let [grant] = found[..] else { panic!("wanted one grant of {actions}, found {what}") };
    grant["statement"].as_str().unwrap().to_owned()
}

fn assert_revoked(error: &ConnectError) {
    let ConnectError::Refused { refusal, .. } = error else { panic!("{error:?}") };
    assert_eq!(refusal.code, RefusalCode::Revoked);
}

#[tokio::test]
async fn a_right_is_given_explained_and_taken_back() {
    let city = City::found("fujisawa").await;
    let wall = Member::enrol(&city, "wall", &["--kind", "person"]).await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    publish(&truck, "pm2_5=12.5").await;

    wall.run(&["history", TRUCKS]).await.failed(1, "not-permitted");
    city.run(&["why", WALL, "subscribe", AIR]).await.failed(1, "");
    assert_eq!(city.run(&["who", AIR]).await.done(), "nobody\n");
    assert!(city.run(&["what", WALL]).await.done().starts_with("nothing"));

    let terms = ["--purpose", "air-quality", "--until", "2100-01-01", "--yes"];
    let grant = [&["grant", WALL, "subscribe,history,decrypt", TRUCKS], &terms[..]].concat();
    let said = city.run(&grant).await.done();
    assert!(said.starts_with("grant ") && said.contains(" in the control log"), "{said}");

    let who = city.run(&["who", AIR]).await.done();
    assert!(who.contains(WALL) && who.contains("air-quality"), "{who}");
    let why = city.run(&["why", WALL, "subscribe", AIR]).await.done();
    for words in ["yes: ", "signed by the root of fujisawa", "steward@fujisawa", "administrator@"] {
        assert!(why.contains(words), "wanted {words:?} in {why}");
    }
    let what = city.run(&["what", WALL]).await.done();
    assert!(what.contains("subscribe,history,decrypt") && what.contains(TRUCKS), "{what}");
    let before = ["why", WALL, "subscribe", AIR, "--at", "2026-01-01T00:00:00Z"];
    city.run(&before).await.failed(1, "");

    holds_key(&wall, AIR).await;
    let read = wall.run(&["history", TRUCKS]).await.done();
    assert!(read.contains("pm2_5=12.5"), "{read}");

    let grant = grant_of(&city, WALL, "subscribe,history,decrypt").await;
    city.run(&["revoke", &grant, "--reason", "moved away"]).await.succeeded();
    wall.run(&["history", TRUCKS]).await.failed(1, "not-permitted");
    let why = city.run(&["why", WALL, "subscribe", AIR]).await;
    assert!(why.output.starts_with("no: "), "{why:?}");
    assert_eq!(why.code, Some(1));
}

#[tokio::test]
async fn a_deny_wins_over_every_grant() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    publish(&truck, "pm2_5=12.5").await;
    let who = "truck-17@fujisawa";
    city.run(&["grant", "*@fujisawa", "publish", "fujisawa/#", "--yes"]).await.succeeded();
    let deny = ["deny", who, "publish", "fujisawa/truck/+/air", "--reason", "sensor broken"];
    city.run(&deny).await.succeeded();

    truck.run(&["pub", AIR, "pm2_5=13"]).await.failed(1, "not-permitted");
    let why = city.run(&["why", who, "publish", AIR]).await;
    assert_eq!(why.code, Some(1));
    assert!(why.output.contains("denies it on fujisawa/truck/+/air"), "{why:?}");
    let what = city.run(&["what", who]).await.done();
    assert!(what.contains("MAY NOT") && what.contains("sensor broken"), "{what}");
    truck.run(&["pub", "fujisawa/truck/17/noise", "level=60"]).await.succeeded();
}

#[tokio::test]
async fn nobody_grants_what_is_not_theirs() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let statements = city.metric("sekisho_policy_version").await;
    truck.run(&["grant", WALL, "subscribe", TRUCKS]).await.failed(1, "not-permitted");
    truck.run(&["revoke", "administrator@fujisawa"]).await.failed(1, "not-permitted");
    city.run(&["grant", WALL, "subscribe", "santander/#"]).await.failed(2, "fujisawa");
    city.run(&["grant", WALL, "fly", TRUCKS]).await.failed(2, "fly");
    city.run(&["revoke", "nobody@fujisawa"]).await.failed(1, "nobody@fujisawa");
    let after = city.metric("sekisho_policy_version").await;
    assert!((after - statements).abs() < f64::EPSILON, "{statements} {after}");
}

#[tokio::test]
async fn a_revoked_reader_is_cut_while_it_reads_and_the_key_is_changed() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let leaver = Member::reader(&city, "leaver", TRUCKS).await;
    let wall = Member::reader(&city, "wall", TRUCKS).await;
    holds_key(&leaver, AIR).await;
    holds_key(&wall, AIR).await;
    publish(&truck, "pm2_5=1").await;
    let mut watching = watch(&city, &leaver, "pm2_5=1").await;
    let mut reader = Reader::start(&wall, TRUCKS, Start::Earliest).await;
    let old = reader.message().await.envelope.header().epoch;

    city.run(&["revoke", "leaver@fujisawa", "--reason", "left"]).await.succeeded();
    assert_eq!(watching.rest().await, "");
    assert_eq!(watching.wait().await.code(), Some(1), "{}", watching.log());
    assert!(watching.log().contains("revoked"), "{}", watching.log());
    let refused = leaver.try_connect().await.unwrap_err();
    assert_revoked(&refused);

    let re_keyed = async {
        loop {
            publish(&truck, "pm2_5=2").await;
            let message = reader.message().await;
            message.samples().unwrap();
            if message.envelope.header().epoch > old {
                return;
            }
        }
    };
    within("an epoch that the leaver has no key of", re_keyed).await;
}

#[tokio::test]
async fn a_subscription_that_lost_its_grant_is_cut_and_the_session_stays() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let wall = Member::reader(&city, "wall", TRUCKS).await;
    holds_key(&wall, AIR).await;
    publish(&truck, "pm2_5=1").await;
    let mut watching = watch(&city, &wall, "pm2_5=1").await;
    let grant = grant_of(&city, WALL, "subscribe,history,decrypt,discover").await;
    city.run(&["revoke", &grant]).await.succeeded();
    assert_eq!(watching.wait().await.code(), Some(1), "{}", watching.log());
    assert!(watching.log().contains("not-permitted"), "{}", watching.log());
    assert!(wall.connect().await.is_connected());
}

#[tokio::test]
async fn a_revoked_truck_is_refused_in_mid_journey_and_at_the_door() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let other = Member::device(&city, "truck-18", "fujisawa/truck/18/#").await;
    let client = truck.connect().await;
    let builder = client.publisher(AIR.parse().unwrap()).batch(Batch::single());
    let air = builder.start().await.unwrap();
    air.publish(sample(0)).await.unwrap();
    air.flush().await.unwrap();

    city.run(&["revoke", "truck-17@fujisawa", "--reason", "stolen"]).await.succeeded();
    assert_revoked(&within("the end of the journey", client.barred()).await);
    truck.run(&["pub", AIR, "pm2_5=1"]).await.failed(1, "revoked");
    let what = city.run(&["what", "truck-17@fujisawa"]).await.done();
    assert!(what.starts_with("nothing: ") && what.contains("revoked"), "{what}");
    other.run(&["pub", "fujisawa/truck/18/air", "pm2_5=1"]).await.succeeded();
    let kept = city.run(&["discover", TRUCKS, "--json"]).await.json();
    let air = kept.as_array().unwrap().iter().find(|topic| topic["topic"] == AIR).unwrap();
    assert_eq!(air["next_offset"], 1, "{kept}");
}

/// Lines of JSON from a sensor, for a topic.
fn line_input(name: &str, topic: &str, address: SocketAddr) -> String {
    format!(
        "[[input]]\nname = \"{name}\"\ntopic = \"{topic}\"\n\
         source = {{ kind = \"tcp\", address = \"{address}\", reconnect = false }}\n\n\
         [input.format]\nkind = \"jsonl\"\ntime = {{ format = \"arrival\" }}\n\n\
         [[input.format.value]]\npointer = \"/pm2_5\"\nname = \"pm2_5\"\n\n"
    )
}

#[tokio::test]
async fn a_topic_that_an_agent_cannot_publish_on_does_not_end_the_others() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let (own, other) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let inputs = [
        line_input("own", AIR, own.local_addr().unwrap()),
        line_input("other", "santander/truck/18/air", other.local_addr().unwrap()),
    ];
    let mut agent = Agent::configure(&city, &truck, &inputs.concat()).start();
    let (mut own, _from) = within("the agent", own.accept()).await.unwrap();
    let (mut other, _from) = within("the agent", other.accept()).await.unwrap();
    let stored = |count: f64| {
        let city = &city;
        eventually("a reading", move || async move {
            (city.metric("sekisho_log_head_position").await > count - 0.5).then_some(())
        })
    };
    other.write_all(b"{\"pm2_5\":2}\n{\"pm2_5\":3}\n").await.unwrap();
    eventually("a word of it", || async {
        agent.log().contains("topic given up for now").then_some(())
    })
    .await;
    for count in 1..3 {
        own.write_all(b"{\"pm2_5\":1}\n").await.unwrap();
        stored(f64::from(count)).await;
    }
    drop((own, other));
    assert_eq!(agent.wait().await.code(), Some(1), "{}", agent.log());
    let last = agent.log().lines().last().unwrap_or_default().to_owned();
    assert!(last.contains("topic santander/truck/18/air"), "{last}");
}

#[tokio::test]
async fn an_agent_whose_truck_is_revoked_on_the_road_ends_and_says_so() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let sensor = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = sensor.local_addr().unwrap();
    let input = line_input("air", AIR, address);
    let mut agent = Agent::configure(&city, &truck, &input).start();
    let (mut line, _from) = within("the agent", sensor.accept()).await.unwrap();
    line.write_all(b"{\"pm2_5\":1}\n").await.unwrap();
    eventually("the first reading", || async {
        (city.metric("sekisho_log_head_position").await > 0.5).then_some(())
    })
    .await;
    city.run(&["revoke", "truck-17@fujisawa"]).await.succeeded();
    line.write_all(b"{\"pm2_5\":2}\n").await.unwrap();
    drop(line);
    assert_eq!(agent.wait().await.code(), Some(1), "{}", agent.log());
    assert!(agent.log().contains("revoked"), "{}", agent.log());
}

#[tokio::test]
async fn a_contract_is_listed_on_both_sides_and_ended_by_one() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    for (city, other) in [(&fujisawa, &santander), (&santander, &fujisawa)] {
        let listed = city.run(&["peer", "list", "--json"]).await.json();
        assert_eq!(listed[0]["organisation"], other.name(), "{listed}");
        assert_eq!(listed[0]["in_force"], true, "{listed}");
        assert_eq!(listed[0]["address"], other.quic().to_string(), "{listed}");
        let table = city.run(&["peer", "list"]).await.done();
        let of_other = table.lines().filter(|line| line.starts_with(other.name())).count();
        assert!(table.starts_with("PEER") && of_other >= 1, "{table}");
    }
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let board = Member::enrol(&santander, "board", &["--kind", "app"]).await;
    let who = "board@santander";
    fujisawa.run(&["grant", who, "subscribe,decrypt", TRUCKS]).await.succeeded();
    permitted(&santander, who, "subscribe", AIR).await;
    holds_key(&board, AIR).await;
    let mut far = Reader::start(&board, TRUCKS, Start::Latest).await;
    let client = truck.connect().await;
    let scope = sekisho::Scope::Federation;
    let air = client.publisher(AIR.parse().unwrap()).scope(scope).start().await.unwrap();
    air.publish(sample(0)).await.unwrap();
    assert_eq!(far.samples(1).await, [sample(0)]);

    fujisawa.run(&["peer", "end", "santander", "--reason", "expired"]).await.succeeded();
    let end = within("the far subscription's end", far.subscription().next()).await;
    let Some(Err(sekisho::SubscribeError::Refused(refusal))) = end else { panic!("{end:?}") };
    assert_eq!(refusal.code, RefusalCode::NotPermitted);
    eventually("the link's end", || async {
        let up = santander.metric("sekisho_link_up{peer=\"fujisawa\"}").await;
        (up < 0.5).then_some(())
    })
    .await;
    let why = santander.run(&["why", who, "subscribe", AIR]).await;
    assert!(why.code == Some(1) && why.output.starts_with("no: "), "{why:?}");
    fujisawa.run(&["peer", "end", "santander"]).await.failed(1, "santander");
}

/// The log of an organisation, as a city's node has it.
async fn log_of(city: &City, organisation: &str) -> Vec<Statement> {
    let client = city.administrator().connect().await;
    let mut log = Vec::new();
    let mut following = client.follow(organisation.parse().unwrap(), StatementIndex::new(0));
    loop {
        let more = within("the log", following.next()).await.unwrap();
        if more.is_empty() {
            client.close().await;
            return log;
        }
        log.extend(more.into_iter().map(|followed| followed.statement));
    }
}

#[tokio::test]
async fn a_city_that_was_away_when_its_contract_was_ended_hears_that_and_nothing_later() {
    let (fujisawa, mut santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, TRUCKS).await;
    let board = ["grant", "board@fujisawa", "subscribe", TRUCKS];
    fujisawa.run(&board).await.succeeded();
    assert_eq!(santander.stop_node().await, Some(0));
    fujisawa.run(&["peer", "end", "santander"]).await.succeeded();
    fujisawa.run(&board).await.succeeded();

    santander.start_node().await;
    eventually("the end of the contract", || async {
        let listed = santander.run(&["peer", "list", "--json"]).await.json();
        listed.as_array()?.is_empty().then_some(())
    })
    .await;
    let (whole, heard) =
        (log_of(&fujisawa, "fujisawa").await, log_of(&santander, "fujisawa").await);
    let is_end = |statement: &Statement| matches!(statement.body(), StatementBody::Revoke(_));
    let end = whole.iter().position(is_end).unwrap();
    assert!(end + 1 < whole.len());
    // Root, issuer and contract came by letter, before the rest.
    let ids = |log: &[Statement]| log.iter().map(Statement::id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&heard), ids(&whole[..=end]));
}

#[tokio::test]
async fn an_invitation_with_another_root_than_was_told_is_not_accepted() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let invite = ["peer", "invite", "--to", "santander", "--export", TRUCKS];
    let invitation = fujisawa.run(&invite).await;
    let letter = santander.place("letter");
    std::fs::write(&letter, &invitation.output).unwrap();
    let letter = letter.to_str().unwrap();
    let root = fujisawa.administrator().profile().root.to_string();
    assert!(invitation.error.contains(&root), "{invitation:?}");
    let other = santander.administrator().profile().root.to_string();
    let refused = santander.run(&["peer", "accept", letter, "--root", &other]).await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.error.contains(&root) && refused.error.contains(&other), "{refused:?}");
    let accepted = santander.run(&["peer", "accept", letter, "--root", &root]).await.done();
    assert!(accepted.contains("BEGIN SEKISHO PEERING ACCEPTANCE"), "{accepted}");
}

/// Records of each of two topics, together fewer bytes than may wait for a subscriber.
const WAITING: usize = 45;

/// Says an envelope of 40 KB each on both topics in turn.
async fn fill(wire: &mut Wire, presses: &mut [Press; 2]) {
    let body = "x".repeat(40_000);
    for _ in 0..WAITING {
        for press in &mut *presses {
            let envelope = press.seal(press.draft(), &body);
            let published = wire.publish(envelope.encoded().clone(), press.attached()).await;
            published.unwrap();
            press.advance(&envelope);
        }
    }
}

#[tokio::test]
async fn what_waits_for_a_slow_reader_is_taken_back_when_it_is_denied() {
    let noise = "fujisawa/truck/17/noise";
    let city = City::found("fujisawa").await;
    let wall = Member::enrol(&city, "wall", &["--kind", "person"]).await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    city.run(&["grant", WALL, "subscribe", TRUCKS, "--yes"]).await.succeeded();
    let session = Stranger::as_member(&city, &wall).welcome().await;
    let mut reading = session.another().await;
    let (filter, start) = (TRUCKS.parse().unwrap(), Start::Latest);
    let subscribe = Subscribe { subscription: 1, filter, start, cursor: None, credit: 10_000 };
    reading.send(subscribe).await;
    assert!(matches!(reading.hear().await, Some(Frame::Subscribed(_))));

    // Nothing of it is read: what does not fit into the connection waits at the node.
    let mut presses = [Press::begin(&truck, AIR).await, Press::begin(&truck, noise).await];
    let mut wire = Stranger::as_member(&city, &truck).welcome().await;
    fill(&mut wire, &mut presses).await;
    city.run(&["deny", WALL, "subscribe", noise, "--yes"]).await.succeeded();

    let (mut heard, mut denied) = (0, 0);
    while heard < WAITING {
        let Some(Frame::Record(record)) = reading.hear().await else { panic!("{heard}, {denied}") };
        match sekisho_proto::Envelope::decode(record.envelope.clone())
            .unwrap()
            .header()
            .topic
            .as_str()
        {
            AIR => heard += 1,
            _ => denied += 1,
        }
    }
    assert!(denied < WAITING - 5, "{denied} of {WAITING} were delivered");
}
