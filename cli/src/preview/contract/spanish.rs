//! Contracts in Spanish.

use sekisho_proto::OrgName;

use super::{Most, Term, texts};
use crate::preview::spanish::{ending, list, since};

/// One fact as a whole sentence.
pub(in crate::preview) fn say(term: &Term) -> String {
    match term {
        Term::Between { parties, from, until, purposes } => {
            let names = parties.each_ref().map(OrgName::as_str);
            let (parties, from, until) = (list(&names), since(*from), ending(*until));
            let quoted: Vec<_> = purposes.iter().map(|purpose| format!("«{purpose}»")).collect();
            let purpose =
                if quoted.is_empty() { String::new() } else { format!(", para {}", list(&quoted)) };
            format!("{parties} firman un contrato {from}{purpose}, {until}.")
        }
        Term::Offers { owner, taker, filters } if filters.is_empty() => {
            format!("{owner} no ofrece nada a {taker}.")
        }
        Term::Offers { owner, taker, filters } => {
            format!("{owner} ofrece a {taker} lo que conceda de {}.", list(&texts(filters)))
        }
        Term::Takes { owner, taker, filters } if filters.is_empty() => {
            format!("{taker} no toma nada de {owner}.")
        }
        Term::Takes { owner, taker, filters } => {
            format!("{taker} toma {} de {owner}.", list(&texts(filters)))
        }
        Term::Onward { taker, onward: true } => {
            format!("{taker} puede cederlo a las organizaciones asociadas con ella.")
        }
        Term::Onward { taker, onward: false } => format!("{taker} no puede cederlo a otras."),
        Term::PassesOn { via, taker, owner, root, filters } => {
            let topics = if filters.is_empty() {
                "pero ninguno de sus temas".to_owned()
            } else {
                format!("y además {}", list(&texts(filters)))
            };
            format!(
                "{via} cede a {taker} lo que declara {owner}, {topics}. Desde entonces {taker} \
                 conoce a {owner} por la raíz {root}."
            )
        }
        Term::CarriesHome { carrier, home, filters } => {
            let topics = list(&texts(filters));
            format!("{carrier} lleva hasta {home} los sobres que esta publique en {topics}.")
        }
        Term::Limit { of, by, most } => match most {
            Most::BytesPerSecond(most) => {
                format!("{of} puede enviar a {by} como máximo {most} bytes por segundo.")
            }
            Most::EnvelopesPerSecond(most) => {
                format!("{of} puede enviar a {by} como máximo {most} sobres por segundo.")
            }
            Most::Interests(most) => {
                format!("{of} puede pedir a {by} como máximo {most} filtros a la vez.")
            }
            Most::HistoryBytesPerSecond(most) => {
                format!(
                    "{by} entrega a {of} como máximo {most} bytes por segundo de lo conservado."
                )
            }
        },
    }
}
