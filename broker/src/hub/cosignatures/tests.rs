use std::sync::Arc;

use sekisho_proto::Hash;
use sekisho_seal::SigningKey;
use sekisho_store::{Disk, KeyedFile, StdDisk};
use sekisho_tlog::{Checkpoint, Signing, cosign, empty_root, sign_checkpoint};

use super::*;

fn line(text: &str) -> SignatureLine {
    let key = SigningKey::from_seed(Hash::of(text.as_bytes()).as_bytes());
    let sign = |message: &[u8]| key.sign(message);
    let signer = Signing { key: key.public_key(), sign: &sign };
    let checkpoint = Checkpoint { origin: "a".to_owned(), size: 0, root: empty_root() };
    let note = sign_checkpoint(&checkpoint, &signer).unwrap();
    cosign(&note, "sekisho/santander/node", &signer, Timestamp::from_micros(1_000_000)).unwrap()
}

fn cosignature(size: u64, seconds: i64) -> Cosignature {
    let time = Timestamp::from_micros(seconds * 1_000_000);
    Cosignature { size, time, line: line(&format!("{size} {seconds}")) }
}

#[test]
fn the_latest_of_each_peer_is_kept_also_over_a_restart_and_none_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let keyed = KeyedFile::open(&disk, &folder.path().join("keyed.redb"), 1 << 20).unwrap();
    let log: LogName = "sekisho/fujisawa/control".parse().unwrap();
    let access: LogName = "sekisho/fujisawa/access".parse().unwrap();
    let [santander, tokyo]: [OrgName; 2] = ["santander", "tokyo"].map(|city| city.parse().unwrap());
    let kept = Cosignatures::read(&keyed, &[&log, &access]).unwrap();
    kept.keep(&keyed, &log, &santander, cosignature(5, 100)).unwrap();
    kept.keep(&keyed, &log, &tokyo, cosignature(7, 100)).unwrap();
    kept.keep(&keyed, &log, &santander, cosignature(7, 101)).unwrap();
    kept.keep(&keyed, &access, &santander, cosignature(30, 100)).unwrap();
    for earlier in [cosignature(5, 200), cosignature(7, 99)] {
        kept.keep(&keyed, &log, &santander, earlier).unwrap();
    }
    let again = Cosignatures::read(&keyed, &[&log, &access]).unwrap();
    for known in [kept, again] {
        assert_eq!(known.of(&log, &santander), Some(cosignature(7, 101)));
        assert_eq!(known.of(&access, &santander), Some(cosignature(30, 100)));
        assert_eq!(known.of(&access, &tokyo), None);
        assert_eq!(known.at(&log, 7).len(), 2);
        assert_eq!(known.at(&log, 5), []);
    }
}
