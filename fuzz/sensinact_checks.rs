//! What must hold for anything that a broker brings as a command of sensiNact. The fuzz target runs
//! this, and so does an ordinary test over the committed corpus.

use sekisho_sensinact::{actuation, config::ActuationConfig};

/// Levels of a device's topic that are its provider.
const LEVELS: usize = 3;

/// The first line is the topic below the tree of commands, and the rest what is said there. What is
/// taken is for one device's topic for commands; what is refused says why.
pub(crate) fn command(bytes: &[u8]) {
    let text = |text: &str| text.to_owned();
    let config = ActuationConfig {
        topic: text("commands"),
        answers: text("answers"),
        level: text("command"),
    };
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let Ok(below) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let payload = parts.next().unwrap_or_default();
    match actuation::read(&config, LEVELS, (below, payload)) {
        Ok(command) => {
            assert!(command.topic.as_str().ends_with("/command"), "{}", command.topic);
            assert!(command.values.len() <= 3 + 64 && command.id.len() <= 128);
        }
        Err(refused) => assert!(!refused.accepted && !refused.why.is_empty()),
    }
}
