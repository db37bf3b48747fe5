//! Two cities under contract, by the letters that their administrators exchange.

use crate::city::City;
use crate::patience::eventually;

/// Signs a peering by which `exporter` offers topics to `importer`, and waits until the link is up.
pub async fn peer(exporter: &City, importer: &City, exports: &str) {
    peer_with(exporter, importer, &["--export", exports]).await;
    linked(exporter, importer).await;
}

/// Signs a peering as `host` offers it, with options of `sekisho peer invite`, and waits for
/// nothing.
pub async fn peer_with(host: &City, guest: &City, options: &[&str]) {
    let letter = |name: &str| {
        let path = host.place(format!("{name}-{}.letter", guest.name()));
        path.to_str().expect("a path of text").to_owned()
    };
    let (invitation, acceptance, contract) =
        (letter("invitation"), letter("acceptance"), letter("contract"));
    let invite = ["peer", "invite", "--to", guest.name(), "--purpose", "air-quality"];
    keep(&invitation, host.run(&[&invite[..], options].concat()).await.done());
    keep(&acceptance, guest.run(&["peer", "accept", &invitation]).await.done());
    keep(&contract, host.run(&["peer", "accept", &acceptance]).await.done());
    guest.run(&["peer", "accept", &contract]).await.succeeded();
}

/// Waits until `importer` has its link to `exporter`.
pub async fn linked(exporter: &City, importer: &City) {
    let name = format!("sekisho_link_up{{peer=\"{}\"}}", exporter.name());
    eventually("the link between the cities", || async {
        (importer.metric(&name).await > 0.0).then_some(())
    })
    .await;
}

fn keep(path: &str, letter: String) {
    std::fs::write(path, letter).expect("a letter can be kept");
}
