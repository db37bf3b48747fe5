//! What is wrong with a configuration: of each key what was wanted and what was found.

use std::fmt;

/// A key of a configuration whose value is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigFault {
    /// The key, such as `input[0].format.time.column`.
    pub key: String,
    /// What would have been accepted.
    pub wanted: String,
    /// What it is.
    pub found: String,
}

impl ConfigFault {
    /// All of a file at once: how many, and a line for each.
    #[must_use]
    pub fn tell(faults: &[Self]) -> String {
        let many = if faults.len() == 1 { "" } else { "s" };
        let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        format!("{} fault{many}{lines}", faults.len())
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, found {}", self.key, self.wanted, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_one_and_two_are_two() {
        let fault = |key: &str| ConfigFault {
            key: key.to_owned(),
            wanted: "a topic".to_owned(),
            found: "none".to_owned(),
        };
        let one = [fault("a")];
        assert_eq!(ConfigFault::tell(&one), "1 fault\n  a: wanted a topic, found none");
        let two = ConfigFault::tell(&[fault("a"), fault("b")]);
        assert!(two.starts_with("2 faults\n  a: ") && two.contains("\n  b: "), "{two}");
    }
}
