//! What must hold for any text that is handed over as another organisation's letter. The fuzz target
//! runs this, and so does an ordinary test over the committed corpus.

use crate::invitation::Letter;

/// What is accepted prints as a letter that says the same, and is between two others.
pub(crate) fn letter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(letter) = Letter::parse(text) else { return };
    let printed = letter.print();
    let again = Letter::parse(&printed).unwrap();
    assert_eq!(again.print(), printed);
    assert_eq!(again.stage, letter.stage);
    let contract = letter.contract().unwrap();
    for party in &contract.parties {
        let (own, other) = letter.sides(&party.organisation).unwrap();
        assert_eq!(own.organisation, party.organisation);
        assert_ne!(other.organisation, own.organisation);
        assert_eq!(letter.root_of(&own.organisation), again.root_of(&own.organisation));
    }
}
