//! Two cities under contract, by the letters that their administrators exchange.

use crate::city::City;
use crate::patience::eventually;

/// Signs a peering by which `exporter` offers topics to `importer`, and waits until the link is up.
pub async fn peer(exporter: &City, importer: &City, exports: &str) {
    let letter = |name: &str| {
        let path = exporter.place(format!("{name}-{}.letter", importer.name()));
        path.to_str().expect("a path of text").to_owned()
    };
    let (invitation, acceptance, contract) =
        (letter("invitation"), letter("acceptance"), letter("contract"));
    let invite = ["peer", "invite", "--to", importer.name(), "--export", exports];
    keep(
        &invitation,
        exporter.run(&[&invite[..], &["--purpose", "air-quality"]].concat()).await.done(),
    );
    keep(&acceptance, importer.run(&["peer", "accept", &invitation]).await.done());
    keep(&contract, exporter.run(&["peer", "accept", &acceptance]).await.done());
    importer.run(&["peer", "accept", &contract]).await.succeeded();
    linked(exporter, importer).await;
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
