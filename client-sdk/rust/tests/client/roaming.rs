//! A publisher that cannot reach its home goes to a node that carries for it, believes nothing that
//! node says of itself, and comes back.

use std::{fs, path::Path, sync::Arc, time::Duration};

use sekisho::{Batch, Client, ClientOptions, ConnectError, Publisher, RefusalCode};

use crate::{
    node::{ControlLog, Node, Scripted, Vice, options},
    publishing::open_all,
    world::{World, encoded, sample, samples},
};

/// A home, and another city's node that carries there.
struct Scene {
    fujisawa: World,
    santander: World,
    home: Node,
    carrier: Node,
}

impl Scene {
    async fn set() -> Self {
        let (fujisawa, santander) = (World::fujisawa(), World::new("santander", 2000));
        let home = Node::start(&fujisawa).await;
        let carrier = home.carrier(&santander).await;
        let scene = Self { fujisawa, santander, home, carrier };
        scene.agree(&scene.fujisawa.proof_of_carrying(&scene.santander, scene.carrier.address()));
        scene.carrier.script().epoch = scene.fujisawa.proof_of_epoch(1);
        scene
    }

    /// The home tells a contract, and both show the same log, which holds it.
    fn agree(&self, proof: &[bytes::Bytes]) {
        let log = || {
            let mut log = ControlLog::new(&self.fujisawa.organisation, &self.fujisawa.node);
            proof.iter().for_each(|statement| log.hold(statement));
            log
        };
        let name = self.fujisawa.organisation.clone();
        self.home.script().proofs.insert(self.fujisawa.node.id(), proof.to_vec());
        self.home.script().logs.insert(name.clone(), log());
        self.carrier.script().logs.insert(name, log());
    }

    fn start(&self, options: ClientOptions) -> Client {
        let truck = Arc::clone(&self.fujisawa.truck);
        Client::start(self.home.endpoint(), truck, self.fujisawa.trust(), options).unwrap()
    }

    /// The home is out of reach, for those who are there and those who come.
    fn leave(&self) {
        self.home.script().welcome = Err(RefusalCode::Draining);
        self.home.hang_up();
    }

    fn come_home(&self) {
        self.home.script().welcome = Ok(());
    }

    async fn publisher(&self, client: &Client) -> Publisher {
        let builder = client.publisher(self.fujisawa.topic()).batch(Batch::single());
        builder.start().await.unwrap()
    }

    /// A client that has learnt at home who carries.
    async fn at_home(&self, folder: &Path) -> (Client, Publisher) {
        let client = self.start(impatient().trust_folder(folder));
        let publisher = self.publisher(&client).await;
        publisher.publish(sample(0)).await.unwrap();
        publisher.flush().await.unwrap();
        until(|| folder.join("carriers.statements").exists()).await;
        (client, publisher)
    }

    fn stored(&self) -> Vec<sekisho::Sample> {
        open_all(&self.home, &self.fujisawa, &self.fujisawa.epoch_keys(1))
    }
}

fn impatient() -> ClientOptions {
    let ms = Duration::from_millis;
    options().roam_after(ms(1)).home_every(ms(5), ms(20)).connect_timeout(ms(500))
}

async fn until(mut condition: impl FnMut() -> bool) {
    let reached = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap();
}

async fn publish(publisher: &Publisher, numbers: std::ops::Range<u32>) {
    for sample in samples(numbers) {
        publisher.publish(sample).await.unwrap();
    }
}

async fn is_carried(publisher: &Publisher, is_away: bool) {
    let reached = publisher.wait_until(|state| {
        state.phase == sekisho::Phase::Connected && state.carrier.is_some() == is_away
    });
    tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_publisher_goes_where_it_is_carried_and_comes_home() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    for round in 0..3_u32 {
        let first = 1 + round * 20;
        scene.leave();
        is_carried(&publisher, true).await;
        assert_eq!(client.carrier(), Some(scene.santander.organisation.clone()));
        assert_eq!(client.connected().await.unwrap().organisation, scene.santander.organisation);
        publish(&publisher, first..first + 10).await;
        publisher.flush().await.unwrap();
        // Some are under way when the home is back.
        publish(&publisher, first + 10..first + 15).await;
        scene.come_home();
        is_carried(&publisher, false).await;
        assert_eq!(client.carrier(), None);
        publish(&publisher, first + 15..first + 20).await;
        publisher.flush().await.unwrap();
    }
    assert_eq!(scene.stored(), samples(0..61));
    let state = publisher.state();
    assert_eq!((state.samples_accepted, state.samples_lost), (61, 0));
    client.close().await;
}

#[tokio::test]
async fn that_something_is_stored_is_believed_with_the_homes_signature_alone() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    scene.carrier.script().vices.insert(Vice::StoresNothing);
    let forger = Some(scene.santander.node.clone());
    for vouches in [None, forger] {
        scene.carrier.script().vouches = vouches;
        scene.leave();
        is_carried(&publisher, true).await;
        let before = scene.home.seen().publishes;
        let number = u32::try_from(scene.stored().len()).unwrap();
        publisher.publish(sample(number)).await.unwrap();
        scene.carrier.until(|seen| seen.publishes >= before + 3).await;
        let state = publisher.state();
        assert_eq!(state.samples_accepted, u64::from(number), "{state:?}");
        assert_eq!((state.samples_lost, state.queued), (0, 1), "{state:?}");
        scene.come_home();
        publisher.flush().await.unwrap();
        assert_eq!(scene.stored(), samples(0..number + 1));
        is_carried(&publisher, false).await;
    }
    client.close().await;
}

#[tokio::test]
async fn what_a_carrier_refuses_for_good_is_kept_and_sent_again() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    scene.leave();
    is_carried(&publisher, true).await;
    for code in [RefusalCode::NotPermitted, RefusalCode::Replayed, RefusalCode::Equivocation] {
        scene.carrier.script().refuse.push_back(Scripted { code, times: 2 });
    }
    publish(&publisher, 1..6).await;
    publisher.flush().await.unwrap();
    assert_eq!(scene.stored(), samples(0..6));
    client.close().await;
}

#[tokio::test]
async fn a_program_that_begins_away_goes_by_what_its_folder_holds_and_its_root_proves() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    drop(publisher);
    client.close().await;
    scene.leave();
    let connect = || {
        let truck = Arc::clone(&scene.fujisawa.truck);
        let options = impatient().trust_folder(folder.path());
        Client::connect_to_publish(scene.home.endpoint(), truck, scene.fujisawa.trust(), options)
    };
    let client = connect().await.unwrap();
    assert_eq!(client.carrier(), Some(scene.santander.organisation.clone()));
    let publisher = scene.publisher(&client).await;
    publish(&publisher, 1..3).await;
    publisher.flush().await.unwrap();
    client.close().await;
    assert_eq!(scene.stored(), samples(0..3));

    // Another city's contract of the same words, signed by nobody of the own one.
    let forged = World::new("fujisawa", 7000);
    let proof = forged.proof_of_carrying(&scene.santander, scene.carrier.address());
    let lines: String = proof.iter().map(|one| hex(one) + "\n").collect();
    let file = folder.path().join("carriers.statements");
    for contents in [lines, "no statement\n".to_owned(), String::new()] {
        fs::write(&file, contents).unwrap();
        let failed = connect().await.unwrap_err();
        assert!(matches!(failed, ConnectError::Timeout { .. }), "{failed}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_carrier_proves_the_key_that_the_contract_names_and_shows_the_log_that_is_known() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    drop(publisher);
    client.close().await;
    scene.leave();
    let connect = || {
        let truck = Arc::clone(&scene.fujisawa.truck);
        let options = impatient().trust_folder(folder.path());
        Client::connect_to_publish(scene.home.endpoint(), truck, scene.fujisawa.trust(), options)
    };
    // Another history of the home's log, signed by its key, and an old one.
    let name = scene.fujisawa.organisation.clone();
    let other = encoded(&[]);
    let short = ControlLog::new(&name, &scene.fujisawa.node).branch(&other);
    let before = scene.carrier.script().logs.insert(name.clone(), short).unwrap();
    assert!(matches!(connect().await.unwrap_err(), ConnectError::Timeout { .. }));
    scene.carrier.script().logs.insert(name.clone(), before);
    scene.carrier.script().logs.get_mut(&name).unwrap().age = Duration::from_secs(20 * 60);
    assert!(matches!(connect().await.unwrap_err(), ConnectError::Timeout { .. }));
    scene.carrier.script().logs.get_mut(&name).unwrap().age = Duration::ZERO;
    connect().await.unwrap().close().await;

    // At the same address, with another key.
    let Scene { fujisawa, santander: _, home, carrier } = scene;
    let address = carrier.stop().await;
    let impostor = Node::start_at(&World::new("santander", 8000), address).await;
    let truck = Arc::clone(&fujisawa.truck);
    let options = impatient().trust_folder(folder.path());
    let failed = Client::connect_to_publish(home.endpoint(), truck, fujisawa.trust(), options);
    assert!(matches!(failed.await.unwrap_err(), ConnectError::Timeout { .. }));
    assert_eq!(impostor.seen().connections, 0);
}

#[tokio::test]
async fn a_home_that_does_not_want_its_publisher_is_the_last_word() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    scene.leave();
    is_carried(&publisher, true).await;
    scene.home.script().welcome = Err(RefusalCode::Revoked);
    let barred = client.barred().await;
    assert!(
        matches!(&barred, ConnectError::Refused { refusal, .. }
            if refusal.code == RefusalCode::Revoked),
        "{barred}"
    );
    client.close().await;
}

#[tokio::test]
async fn whoever_reads_waits_for_the_home() {
    let scene = Scene::set().await;
    let folder = tempfile::tempdir().unwrap();
    let (client, publisher) = scene.at_home(folder.path()).await;
    scene.leave();
    is_carried(&publisher, true).await;
    let subscribing = tokio::spawn(client.subscribe(scene.fujisawa.tree()).start());
    publish(&publisher, 1..4).await;
    publisher.flush().await.unwrap();
    assert!(scene.home.seen().subscribes.is_empty());
    scene.come_home();
    subscribing.await.unwrap().unwrap();
    assert_eq!(scene.home.seen().subscribes.len(), 1);
    client.close().await;
}
