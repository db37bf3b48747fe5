use sekisho_proto::statement::{Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty, Transit};
use sekisho_proto::{OrgName, PrincipalName, Timestamp};
use sekisho_seal::{SigningKey, sign_statement};
use sekisho_store::{Disk, Keyed as _, KeyedFile, StdDisk};

use super::*;
use crate::engine::KeyedStore;
use crate::hub::places::Place;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn org(name: &str) -> OrgName {
    name.parse().unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn root(city: &str) -> Statement {
    let key = key(&format!("root of {city}"));
    let body = StatementBody::OrgRoot(OrgRoot {
        organisation: org(city),
        keys: vec![key.public_key()],
        threshold: 1,
        issued: at(0),
    });
    sign_statement(Statement::unsigned(body), &key)
}

fn issuer(city: &str) -> Statement {
    let body = StatementBody::Issuer(Issuer {
        name: PrincipalName::new("administrator", &org(city)).unwrap(),
        public_key: key(&format!("issuer of {city}")).public_key(),
        issued: at(0),
        until: None,
    });
    sign_statement(Statement::unsigned(body), &key(&format!("root of {city}")))
}

/// In force from second 50; Santander passes on what Kyoto states.
fn peering() -> Statement {
    let kyoto = Transit {
        organisation: org("kyoto"),
        root: root("kyoto").body_hash(),
        filters: Vec::new(),
    };
    let party = |city: &str| PeeringParty {
        organisation: org(city),
        root: root(city).body_hash(),
        node_key: key(&format!("node of {city}")).public_key(),
        address: format!("{city}.example:7443"),
        exports: Vec::new(),
        imports: Vec::new(),
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    };
    let body = StatementBody::Peering(Peering {
        parties: [party("fujisawa"), PeeringParty { passes_on: vec![kyoto], ..party("santander") }],
        purposes: Vec::new(),
        issued: at(50),
        from: at(50),
        until: None,
    });
    let signed = sign_statement(Statement::unsigned(body), &key("issuer of fujisawa"));
    sign_statement(signed, &key("issuer of santander"))
}

/// Fujisawa's statements as a node that starts has them in its store.
fn authority(keyed: &Arc<KeyedStore>) -> Authority {
    let [fujisawa, santander] = ["fujisawa", "santander"].map(|city| [root(city), issuer(city)]);
    let genesis = [&fujisawa[..], &santander[..], &[peering()]].concat();
    let root = genesis[0].body_hash();
    Authority::replay(&org("fujisawa"), root, &genesis, Arc::clone(keyed), at(100)).unwrap()
}

#[test]
fn a_peer_is_watched_from_when_it_was_last_heard_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyed.redb");
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let open = || Arc::new(KeyedFile::open(&disk, &path, 1 << 20).unwrap());
    let keyed = open();
    let running = authority(&keyed);
    let santander = org("santander");
    assert_eq!(running.snapshot().heard(&santander), None);
    let places = Places::default();
    watch_peers(&running, &places, &keyed, at(100));
    // Nothing but the contract is known of it, and of whom it passes on.
    for organisation in [&santander, &org("kyoto")] {
        assert_eq!(running.snapshot().heard(organisation), Some(at(50)));
    }

    let version = running.snapshot().version();
    let mut woken = running.watch();
    woken.mark_unchanged();
    running.note_heard(&santander, at(900));
    let heard = |place: &mut Place| place.heard = Some(at(900));
    places.change(&*keyed, &santander, Vec::new(), heard).unwrap();
    assert_eq!(running.snapshot().heard(&santander), Some(at(900)));
    assert_eq!(running.snapshot().version(), version);
    assert!(!woken.has_changed().unwrap(), "nobody has anything to do about it");
    drop((running, keyed));

    let keyed = open();
    let restarted = authority(&keyed);
    watch_peers(&restarted, &Places::default(), &keyed, at(100));
    assert_eq!(restarted.snapshot().heard(&santander), Some(at(900)));
}

#[tokio::test]
async fn a_place_that_cannot_be_read_does_not_make_the_leaves_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sekisho.toml");
    let config = Config::parse("organisation = \"fujisawa\"", folder.path(), &path).unwrap();
    let [fujisawa, santander] = ["fujisawa", "santander"].map(|city| [root(city), issuer(city)]);
    let genesis = [&fujisawa[..], &santander[..], &[peering()]].concat();
    let started = Hub::start(config, Arc::new(key("node of fujisawa")), &genesis).unwrap();
    let (hub, peer) = (&started.hub, org("santander"));
    let route = hub.authority().snapshot().route(&peer, clock::now()).unwrap();
    assert_eq!(hub.resume(&route).await.unwrap().log.size(), 0);
    let entry = |number: u8| sekisho_federation::FollowedEntry {
        leaf: Hash::new([number; 32]),
        statement: Hash::new([number; 32]),
        received: at(3),
        encoded: bytes::Bytes::from_static(b"a statement"),
    };
    let first = sekisho_proto::StatementIndex::ZERO;
    hub.keep_entries(&peer, first, vec![entry(1), entry(2)]).await.unwrap();
    assert_eq!(hub.resume(&route).await.unwrap().log.size(), 2);
    hub.keyed.put_blob("link/santander", bytes::Bytes::from_static(b"\xff\x00 nonsense")).unwrap();
    assert_eq!(hub.resume(&route).await.unwrap().log.size(), 2);
    // Another organisation under the same name has another log.
    let mut another = route.clone();
    another.view.theirs.root = Hash::new([9; 32]);
    assert_eq!(hub.resume(&another).await.unwrap().log.size(), 0);
    hub.stop().await;
}
