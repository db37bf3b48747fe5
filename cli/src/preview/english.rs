//! Previews in English.

use sekisho_proto::{PrincipalKind, PrincipalName, StreamClass, Timestamp};

use super::calendar::Moment;
use super::contract;
use super::danger::Danger;
use super::language::Language;
use super::phrase::{Back, Change, Deed, PassOn, Phrase, Who};

/// English.
#[derive(Debug)]
pub(crate) struct English;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_S: u64 = 86_400;

/// What a deny of keys takes.
const WHOLE_TREE: &str = "\
    Topics are sealed in trees, with one key for each tree. They get no key any more of any \
    tree that this touches: what else is in it is closed to them as well, until this is \
    revoked.";

impl Language for English {
    fn say(&self, phrase: &Phrase) -> String {
        match phrase {
            Phrase::May { who: one, deeds, filter, from, until, purpose } => {
                let what = list(&deeds.iter().map(|deed| verb(*deed)).collect::<Vec<_>>(), "and");
                let (from, until) = (since(*from), ending(*until));
                let for_it = if purpose.is_empty() {
                    String::new()
                } else {
                    format!(", for “{purpose}”")
                };
                format!("{} can {what} {filter} {from}{for_it}, {until}.", who(one))
            }
            Phrase::MayNot { who: one, deeds, filter } => {
                let what = list(&deeds.iter().map(|deed| verb(*deed)).collect::<Vec<_>>(), "or");
                let who = who(one);
                format!("{who} cannot {what} {filter}, whatever is granted, until this is revoked.")
            }
            Phrase::HasRole { who: one, role, from, until } => {
                let (name, owner) = (role.name(), role.organisation());
                let (from, until) = (since(*from), ending(*until));
                format!("{} has the role “{name}” of {owner} {from}, {until}.", who(one))
            }
            Phrase::LooksBack(back) => looks_back(*back),
            Phrase::PassesOn(pass_on) => passes_on(*pass_on).to_owned(),
            Phrase::Rate(1) => "They can send at most 1 envelope per second.".to_owned(),
            Phrase::Rate(rate) => format!("They can send at most {rate} envelopes per second."),
            Phrase::EndsStatement(id) => format!(
                "Statement {} ends now, and with it all that was granted from it.",
                id.short()
            ),
            Phrase::Said(said) => format!("It said: {}", self.say(said)),
            Phrase::EndsKey { id, holder } => format!(
                "The key {}{} ends now, for good. Whoever holds it is cut off, and comes back only \
                 with a new token.",
                id.short(),
                holder.as_ref().map(|name| format!(" of {}", named(name))).unwrap_or_default()
            ),
            Phrase::WholeTree => WHOLE_TREE.to_owned(),
            Phrase::Reason(reason) => format!("Reason: “{reason}”."),
            Phrase::Stream { topic, class } => format!("{topic} is {}", protection(*class)),
            Phrase::Device { device_type, title, mobile } => device(device_type, title, *mobile),
            Phrase::Carries(all) => {
                let all: Vec<_> = all.iter().map(|(name, unit)| measured(name, unit)).collect();
                format!("It carries {}.", list(&all, "and"))
            }
            Phrase::Kept(seconds) => format!("Its records are kept for {}.", term(*seconds)),
            Phrase::Opens(change) => opens(change),
            Phrase::Closes(change) => closes(change),
            Phrase::ChangesNothing => "On the topics known today it changes nothing.".to_owned(),
            Phrase::Attested { name, kind } => {
                let (who, home) =
                    (format!("{} {}", kind_of(*kind), named(name)), name.organisation());
                format!(
                    "{who} keeps no key: it comes with a user name and a password, and the node of \
                     {home} signs in its place. What it publishes is not sealed: every node that \
                     carries it can read it, and whoever controls the node of {home} can make it up."
                )
            }
            Phrase::Term(term) => contract::english::say(term),
            Phrase::Plain(kind) => format!("This is a statement of the kind “{kind}”."),
            Phrase::Danger(danger) => format!("Careful: {}", warning(danger)),
        }
    }

    fn paragraph(&self, sentences: &[String]) -> String {
        sentences.join(" ")
    }

    fn question(&self) -> &'static str {
        "Sign this? [y/N] "
    }

    fn is_yes(&self, answer: &str) -> bool {
        matches!(answer, "y" | "yes")
    }
}

fn measured(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} in {unit}") }
}

fn who(one: &Who) -> String {
    match one {
        Who::One(name, None) => named(name),
        Who::One(name, Some(kind)) => format!("{} {}", kind_of(*kind), named(name)),
        Who::Everybody(organisation) => format!("Everybody of {organisation}"),
        Who::Role(role) => {
            format!("Whoever has the role “{}” of {}", role.name(), role.organisation())
        }
    }
}

fn named(name: &PrincipalName) -> String {
    format!("“{}” of {}", name.name(), name.organisation())
}

fn kind_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Device => "Device",
        PrincipalKind::Person => "Person",
        PrincipalKind::App => "App",
        PrincipalKind::Bridge => "Bridge",
        PrincipalKind::Steward => "Steward",
        PrincipalKind::Node => "Node",
    }
}

/// With the object behind it.
fn verb(deed: Deed) -> &'static str {
    match deed {
        Deed::Publish => "publish to",
        Deed::Read => "read",
        Deed::Receive => "receive but not open",
        Deed::Open => "open",
        Deed::LookBack => "look back at",
        Deed::LookBackSealed => "look back at but not open",
        Deed::Discover => "find",
        Deed::Grant => "grant others rights to",
        Deed::Bridge => "bridge",
        Deed::Administer => "administer",
    }
}

fn looks_back(back: Back) -> String {
    match back {
        Back::Not => "They cannot look back at what came before.".to_owned(),
        Back::All => "They can look back at everything that is still kept.".to_owned(),
        Back::Since(time) => {
            format!("They can look back at what was received since {}.", date(time))
        }
    }
}

fn passes_on(pass_on: PassOn) -> &'static str {
    match pass_on {
        PassOn::No => "They cannot pass it on.",
        PassOn::Onward => "Their organisation can pass it on to its own peers.",
        PassOn::Grant => "They can grant it to others, never more than they hold.",
        PassOn::Both => {
            "They can grant it to others, never more than they hold, and their organisation can \
             pass it on to its own peers."
        }
    }
}

fn protection(class: StreamClass) -> &'static str {
    match class {
        StreamClass::Open => {
            "open: signed but not sealed. Every node that carries it can read it, and everybody \
             who may receive it."
        }
        StreamClass::Restricted => {
            "restricted: it is sealed, and only those who were granted that can open it."
        }
        StreamClass::Personal => {
            "personal: it is about people, it is sealed, and only those who were granted that can \
             open it."
        }
    }
}

fn device(device_type: &str, title: &str, mobile: bool) -> String {
    let mut text = "It comes from a device".to_owned();
    if !device_type.is_empty() {
        text.push_str(&format!(" of the type “{device_type}”"));
    }
    if !title.is_empty() {
        text.push_str(&format!(" called “{title}”"));
    }
    text.push_str(if mobile { " that moves." } else { "." });
    text
}

fn opens(change: &Change) -> String {
    let (verb, topics, named) = (verb(change.deed), topics(change), names(change));
    let Some(people) = change.people else {
        return format!("This also opens {topics} they could not {verb} before: {named}.");
    };
    let (people, them) = (principals(people), them(change));
    format!("This also opens {topics} to {people} who could not {verb} {them} before: {named}.")
}

fn closes(change: &Change) -> String {
    let (verb, topics, named) = (verb(change.deed), topics(change), names(change));
    let Some(people) = change.people else {
        return format!("This closes {topics} they can {verb} today: {named}.");
    };
    let (people, them) = (principals(people), them(change));
    format!("This closes {topics} to {people} who can {verb} {them} today: {named}.")
}

fn topics(change: &Change) -> String {
    match change.topics.len() {
        1 => "1 topic".to_owned(),
        many => format!("{many} topics"),
    }
}

fn them(change: &Change) -> &'static str {
    if change.topics.len() == 1 { "it" } else { "them" }
}

fn principals(people: usize) -> String {
    if people == 1 { "1 principal".to_owned() } else { format!("{people} principals") }
}

fn names(change: &Change) -> String {
    let (named, others) = change.shown();
    let mut names = named.to_vec();
    match others {
        0 => {}
        1 => names.push("1 other".to_owned()),
        many => names.push(format!("{many} others")),
    }
    list(&names, "and")
}

fn warning(danger: &Danger) -> String {
    match danger {
        Danger::EveryTopic(organisation) => {
            format!("this is about every topic of {organisation}, also of those to come.")
        }
        Danger::Everybody(organisation) => {
            format!("this is for everybody of {organisation}, whoever joins there.")
        }
        Danger::GrantRight => "they can grant others what they may do here.".to_owned(),
        Danger::AdministerRight => "they can make statements about these topics.".to_owned(),
        Danger::Onward => "their organisation can pass it on.".to_owned(),
        Danger::AllHistory => "this includes everything kept so far.".to_owned(),
        Danger::TravelsOn { owner, via } => {
            format!("topics of {owner} may travel on to organisations that {via} chooses.")
        }
        Danger::ThirdRoot { owner, via, taker } => format!(
            "{taker} takes {via}'s word for who {owner} is. Compare the root with what {owner} \
             itself says."
        ),
    }
}

pub(super) fn since(from: Option<Timestamp>) -> String {
    from.map_or_else(|| "from now on".to_owned(), |from| format!("from {}", date(from)))
}

pub(super) fn ending(until: Option<Timestamp>) -> String {
    let revoked = || "until it is revoked".to_owned();
    until.map_or_else(revoked, |until| format!("until {}", date(until)))
}

fn date(time: Timestamp) -> String {
    let moment = Moment::of(time);
    let Moment { year, day, .. } = moment;
    let day = format!("{day} {} {year}", moment.month_of(&MONTHS));
    match moment.clock {
        None => day,
        Some((hour, minute)) => format!("{day} at {hour:02}:{minute:02} UTC"),
    }
}

fn term(seconds: u64) -> String {
    let (number, unit) =
        if seconds.is_multiple_of(DAY_S) { (seconds / DAY_S, "day") } else { (seconds, "second") };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(all: &[impl AsRef<str>], and: &str) -> String {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    match all.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} {and} {last}", before.join(", ")),
    }
}
