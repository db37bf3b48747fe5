//! Contracts in Japanese.

use super::{Most, Term, texts};
use crate::preview::japanese::span;

/// One fact as a whole sentence.
pub(in crate::preview) fn say(term: &Term) -> String {
    match term {
        Term::Between { parties: [one, other], from, until, purposes } => {
            let term = span(*from, *until);
            let quoted: Vec<_> = purposes.iter().map(|purpose| format!("「{purpose}」")).collect();
            let purpose = if quoted.is_empty() {
                String::new()
            } else {
                format!("（目的：{}）", quoted.concat())
            };
            format!("{one}と{other}は、{term}、契約を結びます{purpose}。")
        }
        Term::Offers { owner, taker, filters } if filters.is_empty() => {
            format!("{owner}は{taker}に何も提供しません。")
        }
        Term::Offers { owner, taker, filters } => {
            format!("{owner}は、{}のうち許可したものを{taker}に提供します。", joined(filters))
        }
        Term::Takes { owner, taker, filters } if filters.is_empty() => {
            format!("{taker}は{owner}から何も受け取りません。")
        }
        Term::Takes { owner, taker, filters } => {
            format!("{taker}は{owner}から{}を受け取ります。", joined(filters))
        }
        Term::Onward { taker, onward: true } => {
            format!("{taker}は、これを提携先の組織に渡すことができます。")
        }
        Term::Onward { taker, onward: false } => {
            format!("{taker}は、これを他の組織に渡すことはできません。")
        }
        Term::PassesOn { via, taker, owner, root, filters } => {
            let topics = if filters.is_empty() {
                "だけを渡し、そのトピックは渡しません".to_owned()
            } else {
                format!("と{}を渡します", joined(filters))
            };
            format!(
                "{via}は{taker}に、{owner}のステートメント{topics}。{taker}は以後、\
                 {owner}をルート{root}によって認識します。"
            )
        }
        Term::CarriesHome { carrier, home, filters } => {
            format!(
                "{carrier}は、{home}の発行者が{}に発行するものを{home}まで運びます。",
                joined(filters)
            )
        }
        Term::Limit { of, by, most } => match most {
            Most::BytesPerSecond(most) => {
                format!("{of}が{by}に送信できるのは毎秒{most}バイトまでです。")
            }
            Most::EnvelopesPerSecond(most) => {
                format!("{of}が{by}に送信できるのは毎秒{most}通までです。")
            }
            Most::Interests(most) => {
                format!("{of}が{by}に同時に求められるフィルターは{most}個までです。")
            }
            Most::HistoryBytesPerSecond(most) => {
                format!("{by}が{of}に渡す過去の記録は毎秒{most}バイトまでです。")
            }
        },
    }
}

fn joined(filters: &[sekisho_proto::Filter]) -> String {
    texts(filters).join("、")
}
