//! Contracts in English.

use super::{Most, Term, texts};
use crate::preview::english::{ending, list, since};

/// One fact as a whole sentence.
pub(in crate::preview) fn say(term: &Term) -> String {
    match term {
        Term::Between { parties: [one, other], from, until, purposes } => {
            let (from, until) = (since(*from), ending(*until));
            let quoted: Vec<_> = purposes.iter().map(|purpose| format!("“{purpose}”")).collect();
            let purpose = if quoted.is_empty() {
                String::new()
            } else {
                format!(", for {}", list(&quoted, "and"))
            };
            format!("{one} and {other} make a contract {from}{purpose}, {until}.")
        }
        Term::Offers { owner, taker, filters } if filters.is_empty() => {
            format!("{owner} offers {taker} nothing.")
        }
        Term::Offers { owner, taker, filters } => {
            format!("{owner} offers {taker} what it grants of {}.", list(&texts(filters), "and"))
        }
        Term::Takes { owner, taker, filters } if filters.is_empty() => {
            format!("{taker} takes nothing of {owner}.")
        }
        Term::Takes { owner, taker, filters } => {
            format!("{taker} takes {} of {owner}.", list(&texts(filters), "and"))
        }
        Term::Onward { taker, onward: true } => {
            format!("{taker} may pass it on to its own peers.")
        }
        Term::Onward { taker, onward: false } => format!("{taker} may not pass it on."),
        Term::PassesOn { via, taker, owner, root, filters } => {
            let topics = if filters.is_empty() {
                "but none of its topics".to_owned()
            } else {
                format!("and {}", list(&texts(filters), "and"))
            };
            format!(
                "{via} passes on to {taker} what {owner} states, {topics}. {taker} knows {owner} \
                 from then on by the root {root}."
            )
        }
        Term::CarriesHome { carrier, home, filters } => {
            let topics = list(&texts(filters), "and");
            format!("{carrier} carries envelopes of {home}'s publishers on {topics} home to it.")
        }
        Term::Limit { of, by, most } => match most {
            Most::BytesPerSecond(most) => {
                format!("{of} may send {by} at most {most} bytes per second.")
            }
            Most::EnvelopesPerSecond(most) => {
                format!("{of} may send {by} at most {most} envelopes per second.")
            }
            Most::Interests(most) => {
                format!("{of} may ask {by} for at most {most} filters at a time.")
            }
            Most::HistoryBytesPerSecond(most) => {
                format!("{by} gives {of} at most {most} bytes per second of what it kept.")
            }
        },
    }
}
