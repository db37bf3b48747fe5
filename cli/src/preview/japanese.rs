//! Previews in Japanese.

use sekisho_proto::{PrincipalKind, PrincipalName, StreamClass, Timestamp};

use super::calendar::Moment;
use super::contract;
use super::danger::Danger;
use super::language::Language;
use super::phrase::{Back, Change, Deed, PassOn, Phrase, Who};

/// Japanese.
#[derive(Debug)]
pub(crate) struct Japanese;

const DAY_S: u64 = 86_400;

/// What a deny of keys takes.
const WHOLE_TREE: &str = "\
    トピックはツリーごとに一つの鍵で封がされます。これが及ぶツリーの鍵は一切渡されなくなり、\
    取り消されるまで、そのツリーの他のトピックも開封できません。";

impl Language for Japanese {
    fn say(&self, phrase: &Phrase) -> String {
        match phrase {
            Phrase::May { who: one, deeds, filter, from, until, purpose } => {
                let (what, term) = (of_topics(filter.as_str(), deeds), span(*from, *until));
                let for_it = if purpose.is_empty() {
                    String::new()
                } else {
                    format!("（目的：「{purpose}」）")
                };
                format!("{}は、{term}、{what}ができます{for_it}。", who(one))
            }
            Phrase::MayNot { who: one, deeds, filter } => {
                let (who, what) = (who(one), of_topics(filter.as_str(), deeds));
                format!("{who}は、これが取り消されるまで、許可があっても{what}ができません。")
            }
            Phrase::HasRole { who: one, role, from, until } => {
                let (name, owner) = (role.name(), role.organisation());
                let term = span(*from, *until);
                format!("{}は、{term}、{owner}の役割「{name}」を持ちます。", who(one))
            }
            Phrase::LooksBack(back) => looks_back(*back),
            Phrase::PassesOn(pass_on) => passes_on(*pass_on).to_owned(),
            Phrase::Rate(rate) => format!("送信できるのは毎秒{rate}通までです。"),
            Phrase::EndsStatement(id) => format!(
                "ステートメント{}は直ちに終了し、それに基づいて与えられた権限もすべて終了します。",
                id.short()
            ),
            Phrase::Said(said) => format!("その内容：{}", self.say(said)),
            Phrase::EndsKey { id, holder } => format!(
                "{}鍵{}は直ちに失効し、元には戻りません。この鍵を持つ者は切断され、新しいトークンなしには戻れません。",
                holder.as_ref().map(|name| format!("{}の", named(name, ""))).unwrap_or_default(),
                id.short()
            ),
            Phrase::WholeTree => WHOLE_TREE.to_owned(),
            Phrase::Reason(reason) => format!("理由：「{reason}」。"),
            Phrase::Stream { topic, class } => format!("{topic}は{}", protection(*class)),
            Phrase::Device { device_type, title, mobile } => device(device_type, title, *mobile),
            Phrase::Carries(all) => {
                let all: Vec<_> = all.iter().map(|(name, unit)| measured(name, unit)).collect();
                format!("測定項目は{}です。", all.join("、"))
            }
            Phrase::Kept(seconds) => format!("記録は{}保存されます。", term(*seconds)),
            Phrase::Opens(change) => {
                changes(change, "さらに、", "これまで", "できなかった", "開かれます")
            }
            Phrase::Closes(change) => changes(change, "", "現在", "できる", "閉じられます"),
            Phrase::ChangesNothing => {
                "現在知られているトピックについては何も変わりません。".to_owned()
            }
            Phrase::Attested { name, kind } => {
                let (who, home) = (named(name, kind_of(*kind)), name.organisation());
                format!(
                    "{who}は鍵を持たず、ユーザー名とパスワードで接続し、{home}のノードが代わりに署名します。\
                     発行するデータには封がされません。中継するすべてのノードが読むことができ、\
                     {home}のノードを支配する者は偽造できます。"
                )
            }
            Phrase::Term(term) => contract::japanese::say(term),
            Phrase::Plain(kind) => format!("これは種類「{kind}」のステートメントです。"),
            Phrase::Danger(danger) => format!("注意：{}", warning(danger)),
        }
    }

    fn paragraph(&self, sentences: &[String]) -> String {
        sentences.concat()
    }

    fn question(&self) -> &'static str {
        "これに署名しますか？ [y/N] "
    }

    fn is_yes(&self, answer: &str) -> bool {
        matches!(answer, "y" | "yes" | "はい")
    }
}

fn measured(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name}（{unit}）") }
}

fn who(one: &Who) -> String {
    match one {
        Who::One(name, kind) => named(name, kind.map_or("", kind_of)),
        Who::Everybody(organisation) => format!("{organisation}に属する全員"),
        Who::Role(role) => format!("{}の役割「{}」を持つ者", role.organisation(), role.name()),
    }
}

fn named(name: &PrincipalName, kind: &str) -> String {
    format!("{}の{kind}「{}」", name.organisation(), name.name())
}

fn kind_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Device => "デバイス",
        PrincipalKind::Person => "利用者",
        PrincipalKind::App => "アプリ",
        PrincipalKind::Bridge => "ブリッジ",
        PrincipalKind::Steward => "鍵管理者",
        PrincipalKind::Node => "ノード",
    }
}

/// What is done, as a noun, and what joins it to the topics.
fn noun(deed: Deed) -> (&'static str, &'static str) {
    match deed {
        Deed::Publish => ("への", "発行"),
        Deed::Read => ("の", "閲覧"),
        Deed::Receive => ("の", "受信（開封は不可）"),
        Deed::Open => ("の", "開封"),
        Deed::LookBack => ("の", "履歴の閲覧"),
        Deed::LookBackSealed => ("の", "履歴の受信（開封は不可）"),
        Deed::Discover => ("の", "検索"),
        Deed::Grant => ("に関する", "他者への権限の付与"),
        Deed::Bridge => ("の", "他システムとの中継"),
        Deed::Administer => ("の", "管理"),
    }
}

/// The stem before できる.
fn able(deed: Deed) -> &'static str {
    match deed {
        Deed::Publish => "発行",
        Deed::Read => "閲覧",
        Deed::Receive => "受信",
        Deed::Open => "開封",
        Deed::LookBack => "履歴を閲覧",
        Deed::LookBackSealed => "履歴を受信",
        Deed::Discover => "検索",
        Deed::Grant => "権限を付与",
        Deed::Bridge => "中継",
        Deed::Administer => "管理",
    }
}

fn of_topics(filter: &str, deeds: &[Deed]) -> String {
    if let [deed] = deeds {
        let (joint, noun) = noun(*deed);
        return format!("{filter}{joint}{noun}");
    }
    let nouns: Vec<_> = deeds.iter().map(|deed| noun(*deed).1).collect();
    format!("{filter}について、{}", nouns.join("、"))
}

fn looks_back(back: Back) -> String {
    match back {
        Back::Not => "それより前の記録は閲覧できません。".to_owned(),
        Back::All => "保存されている過去の記録もすべて閲覧できます。".to_owned(),
        Back::Since(time) => format!("{}以降に受信された記録も閲覧できます。", date(time)),
    }
}

fn passes_on(pass_on: PassOn) -> &'static str {
    match pass_on {
        PassOn::No => "他者に渡すことはできません。",
        PassOn::Onward => "その組織は、これを提携先の組織に渡すことができます。",
        PassOn::Grant => "自らの権限の範囲内で、他者にも許可できます。",
        PassOn::Both => {
            "自らの権限の範囲内で、他者にも許可できます。その組織は、これを提携先の組織に渡すことができます。"
        }
    }
}

fn protection(class: StreamClass) -> &'static str {
    match class {
        StreamClass::Open => {
            "公開データです。署名されますが封はされません。中継するすべてのノードと、受信を許可されたすべての者が読めます。"
        }
        StreamClass::Restricted => "制限付きデータです。封がされ、許可された者だけが開封できます。",
        StreamClass::Personal => {
            "個人に関するデータです。封がされ、許可された者だけが開封できます。"
        }
    }
}

fn device(device_type: &str, title: &str, mobile: bool) -> String {
    let mut about = Vec::new();
    if !device_type.is_empty() {
        about.push(format!("種類「{device_type}」"));
    }
    if !title.is_empty() {
        about.push(format!("名称「{title}」"));
    }
    let joint = if about.is_empty() { "" } else { "の" };
    let moves = if mobile { "移動する" } else { "" };
    format!("{}{joint}{moves}デバイスが送信します。", about.join("、"))
}

fn changes(change: &Change, also: &str, when: &str, able_to: &str, happens: &str) -> String {
    let (named, others) = change.shown();
    let (number, mut names) = (change.topics.len(), named.join("、"));
    if others > 0 {
        names.push_str(&format!("、ほか{others}件"));
    }
    let people = change.people.map(|people| format!("{people}者が")).unwrap_or_default();
    let able = able(change.deed);
    format!("{also}{people}{when}{able}{able_to}トピック{number}件が{happens}：{names}。")
}

fn warning(danger: &Danger) -> String {
    match danger {
        Danger::EveryTopic(organisation) => {
            format!("今後のものも含め、{organisation}のすべてのトピックが対象です。")
        }
        Danger::Everybody(organisation) => {
            format!("今後加わる者も含め、{organisation}に属する全員が対象です。")
        }
        Danger::GrantRight => "ここで許可されたことを他者にも許可できます。".to_owned(),
        Danger::AdministerRight => "これらのトピックについて宣言できます。".to_owned(),
        Danger::Onward => "その組織は、これを他の組織に渡すことができます。".to_owned(),
        Danger::AllHistory => "これまでに保存されたものすべてを含みます。".to_owned(),
        Danger::TravelsOn { owner, via } => {
            format!("{owner}のトピックは、{via}が選ぶ組織にも渡り得ます。")
        }
        Danger::ThirdRoot { owner, via, taker } => format!(
            "{taker}は{owner}が誰であるかについて{via}の言葉を信じることになります。\
             ルートを{owner}自身の言うものと照合してください。"
        ),
    }
}

pub(super) fn span(from: Option<Timestamp>, until: Option<Timestamp>) -> String {
    let from = from.map_or_else(|| "今".to_owned(), date);
    let until = until.map_or_else(|| "取り消される".to_owned(), date);
    format!("{from}から{until}まで")
}

fn date(time: Timestamp) -> String {
    let Moment { year, month, day, clock } = Moment::of(time);
    let day = format!("{year}年{month}月{day}日");
    match clock {
        None => day,
        Some((hour, minute)) => format!("{day}{hour}時{minute}分（UTC）"),
    }
}

fn term(seconds: u64) -> String {
    if seconds.is_multiple_of(DAY_S) {
        format!("{}日間", seconds / DAY_S)
    } else {
        format!("{seconds}秒間")
    }
}
