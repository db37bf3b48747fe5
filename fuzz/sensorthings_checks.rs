//! What must hold for any text that is asked as a request of SensorThings. The fuzz target runs
//! these, and so does an ordinary test over the committed corpus.

use sekisho_proto::{OrgName, Timestamp};
use sekisho_sensorthings::mqtt::Watch;
use sekisho_sensorthings::{Catalogue, Outcome, Records, Request, answer};

/// What is refused says what was wanted; what is taken is answered, where there is nothing, at once.
pub(crate) fn sensorthings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    match Request::parse(path, query) {
        Ok(request) => {
            let (catalogue, mut records) = (Catalogue::default(), Records::default());
            let at = ("https://node.example/v1.1", Timestamp::EPOCH);
            match answer(&request, &catalogue, &mut records, at) {
                Outcome::Wants(wants) => panic!("wanted nothing of an empty node, found {wants:?}"),
                Outcome::Visits(visit) => {
                    panic!("wanted no visit of an empty node, found {visit:?}")
                }
                Outcome::Done(Ok(_)) => {}
                Outcome::Done(Err(fault)) => assert!(!fault.to_string().is_empty()),
            }
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
    let Ok(own) = OrgName::parse("fujisawa") else { return };
    if let Some(Ok(watch)) = Watch::parse(text, &own) {
        assert!(!watch.filter().as_str().is_empty());
    }
}
