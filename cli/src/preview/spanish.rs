//! Previews in Spanish. Subjects are chosen so that the verb stays in the singular.

use sekisho_proto::{PrincipalKind, PrincipalName, StreamClass, Timestamp};

use super::calendar::Moment;
use super::contract;
use super::danger::Danger;
use super::language::Language;
use super::phrase::{Back, Change, Deed, PassOn, Phrase, Who};

/// Spanish.
#[derive(Debug)]
pub(crate) struct Spanish;

const MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const DAY_S: u64 = 86_400;

/// What a deny of keys takes.
const WHOLE_TREE: &str = "\
    Los temas se sellan por árboles, con una clave para cada uno. No recibirá más claves de \
    ningún árbol al que esto toque: también lo demás que hay en él le queda cerrado, hasta \
    que esto se revoque.";

impl Language for Spanish {
    fn say(&self, phrase: &Phrase) -> String {
        match phrase {
            Phrase::May { who: one, deeds, filter, from, until, purpose } => {
                let what = list(&deeds.iter().map(|deed| verb(*deed)).collect::<Vec<_>>());
                let (from, until) = (since(*from), ending(*until));
                let for_it = if purpose.is_empty() {
                    String::new()
                } else {
                    format!(", para «{purpose}»")
                };
                format!("{} puede {what} {filter} {from}{for_it}, {until}.", who(one))
            }
            Phrase::MayNot { who: one, deeds, filter } => {
                let what = neither(&deeds.iter().map(|deed| verb(*deed)).collect::<Vec<_>>());
                let who = who(one);
                format!(
                    "{who} no puede {what} {filter}, aunque se le conceda, hasta que esto se \
                     revoque."
                )
            }
            Phrase::HasRole { who: one, role, from, until } => {
                let (name, owner) = (role.name(), role.organisation());
                let (from, until) = (since(*from), ending(*until));
                format!("{} tiene el rol «{name}» de {owner} {from}, {until}.", who(one))
            }
            Phrase::LooksBack(back) => looks_back(*back),
            Phrase::PassesOn(pass_on) => passes_on(*pass_on).to_owned(),
            Phrase::Rate(1) => "Puede enviar como máximo 1 sobre por segundo.".to_owned(),
            Phrase::Rate(rate) => format!("Puede enviar como máximo {rate} sobres por segundo."),
            Phrase::EndsStatement(id) => format!(
                "La declaración {} termina ahora, y con ella todo lo que se concedió a partir de \
                 ella.",
                id.short()
            ),
            Phrase::Said(said) => format!("Decía: {}", self.say(said)),
            Phrase::EndsKey { id, holder } => format!(
                "La clave {}{} termina ahora y para siempre. Quien la tenga queda desconectado y \
                 solo vuelve con un token nuevo.",
                id.short(),
                holder.as_ref().map(|name| format!(" de {}", named(name))).unwrap_or_default()
            ),
            Phrase::WholeTree => WHOLE_TREE.to_owned(),
            Phrase::Reason(reason) => format!("Motivo: «{reason}»."),
            Phrase::Stream { topic, class } => format!("{topic} es {}", protection(*class)),
            Phrase::Device { device_type, title, mobile } => device(device_type, title, *mobile),
            Phrase::Carries(all) => {
                let all: Vec<_> = all.iter().map(|(name, unit)| measured(name, unit)).collect();
                format!("Lleva {}.", list(&all))
            }
            Phrase::Kept(seconds) => format!("Sus registros se conservan {}.", term(*seconds)),
            Phrase::Opens(change) => opens(change),
            Phrase::Closes(change) => closes(change),
            Phrase::ChangesNothing => "En los temas que hoy se conocen no cambia nada.".to_owned(),
            Phrase::Attested { name, kind } => {
                let (who, home) =
                    (format!("{} {}", kind_of(*kind), named(name)), name.organisation());
                format!(
                    "{who} no guarda ninguna clave: entra con un nombre de usuario y una \
                     contraseña, y el nodo de {home} firma en su lugar. Lo que publica no va \
                     sellado: lo puede leer cada nodo que lo lleva, y quien controle el nodo de \
                     {home} puede inventarlo."
                )
            }
            Phrase::Term(term) => contract::spanish::say(term),
            Phrase::Plain(kind) => format!("Es una declaración de la clase «{kind}»."),
            Phrase::Danger(danger) => format!("Atención: {}", warning(danger)),
        }
    }

    fn paragraph(&self, sentences: &[String]) -> String {
        sentences.join(" ")
    }

    fn question(&self) -> &'static str {
        "¿Firmar esto? [s/N] "
    }

    fn is_yes(&self, answer: &str) -> bool {
        matches!(answer, "s" | "sí" | "si" | "y")
    }
}

fn measured(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} en {unit}") }
}

fn who(one: &Who) -> String {
    match one {
        Who::One(name, None) => named(name),
        Who::One(name, Some(kind)) => format!("{} {}", kind_of(*kind), named(name)),
        Who::Everybody(organisation) => format!("Cualquiera de {organisation}"),
        Who::Role(role) => {
            format!("Quien tenga el rol «{}» de {}", role.name(), role.organisation())
        }
    }
}

fn named(name: &PrincipalName) -> String {
    format!("«{}» de {}", name.name(), name.organisation())
}

fn kind_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Device => "El dispositivo",
        PrincipalKind::Person => "La persona",
        PrincipalKind::App => "La aplicación",
        PrincipalKind::Bridge => "El puente",
        PrincipalKind::Steward => "El custodio de claves",
        PrincipalKind::Node => "El nodo",
    }
}

/// With the object behind it.
fn verb(deed: Deed) -> &'static str {
    match deed {
        Deed::Publish => "publicar en",
        Deed::Read => "leer",
        Deed::Receive => "recibir sin abrir",
        Deed::Open => "abrir",
        Deed::LookBack => "consultar el historial de",
        Deed::LookBackSealed => "recibir sin abrir el historial de",
        Deed::Discover => "encontrar",
        Deed::Grant => "conceder a otros derechos sobre",
        Deed::Bridge => "hacer de puente para",
        Deed::Administer => "administrar",
    }
}

/// What joins a topic, or several, to what is done with it; and the verb without an object.
fn relative(deed: Deed, many: bool) -> (&'static str, &'static str) {
    let number = |one, more| if many { more } else { one };
    match deed {
        Deed::Publish => (number("en el que", "en los que"), "publicar"),
        Deed::Read => ("que", "leer"),
        Deed::Receive => ("que", "recibir"),
        Deed::Open => ("que", "abrir"),
        Deed::LookBack => ("cuyo historial", "consultar"),
        Deed::LookBackSealed => ("cuyo historial", "recibir"),
        Deed::Discover => ("que", "encontrar"),
        Deed::Grant => (number("sobre el que", "sobre los que"), "conceder derechos"),
        Deed::Bridge => (number("para el que", "para los que"), "hacer de puente"),
        Deed::Administer => ("que", "administrar"),
    }
}

fn looks_back(back: Back) -> String {
    match back {
        Back::Not => "No puede consultar lo anterior.".to_owned(),
        Back::All => "Puede consultar todo lo que aún se conserva.".to_owned(),
        Back::Since(time) => format!("Puede consultar lo recibido desde el {}.", date(time)),
    }
}

fn passes_on(pass_on: PassOn) -> &'static str {
    match pass_on {
        PassOn::No => "No puede cederlo a otros.",
        PassOn::Onward => "Su organización puede cederlo a las que estén asociadas con ella.",
        PassOn::Grant => "Puede concederlo a otros, nunca más de lo que tiene.",
        PassOn::Both => {
            "Puede concederlo a otros, nunca más de lo que tiene, y su organización puede cederlo \
             a las que estén asociadas con ella."
        }
    }
}

fn protection(class: StreamClass) -> &'static str {
    match class {
        StreamClass::Open => {
            "abierto: va firmado pero no sellado. Lo puede leer cada nodo que lo lleva y todo el \
             que pueda recibirlo."
        }
        StreamClass::Restricted => {
            "restringido: va sellado y solo lo puede abrir quien tenga permiso para ello."
        }
        StreamClass::Personal => {
            "personal: trata de personas, va sellado y solo lo puede abrir quien tenga permiso \
             para ello."
        }
    }
}

fn device(device_type: &str, title: &str, mobile: bool) -> String {
    let mut text = "Procede de un dispositivo".to_owned();
    if !device_type.is_empty() {
        text.push_str(&format!(" de tipo «{device_type}»"));
    }
    if !title.is_empty() {
        text.push_str(&format!(" llamado «{title}»"));
    }
    text.push_str(if mobile { " que se mueve." } else { "." });
    text
}

fn opens(change: &Change) -> String {
    let (that, verb) = relative(change.deed, change.topics.len() > 1);
    let (topics, named) = (topics(change), names(change));
    match change.people {
        None => format!("Además abre {topics} {that} antes no podía {verb}: {named}."),
        Some(1) => {
            format!("Además abre {topics} {that} 1 participante antes no podía {verb}: {named}.")
        }
        Some(people) => format!(
            "Además abre {topics} {that} {people} participantes antes no podían {verb}: {named}."
        ),
    }
}

fn closes(change: &Change) -> String {
    let (that, verb) = relative(change.deed, change.topics.len() > 1);
    let (topics, named) = (topics(change), names(change));
    match change.people {
        None => format!("Cierra {topics} {that} hoy puede {verb}: {named}."),
        Some(1) => format!("Cierra {topics} {that} 1 participante hoy puede {verb}: {named}."),
        Some(people) => {
            format!("Cierra {topics} {that} {people} participantes hoy pueden {verb}: {named}.")
        }
    }
}

fn topics(change: &Change) -> String {
    match change.topics.len() {
        1 => "1 tema".to_owned(),
        many => format!("{many} temas"),
    }
}

fn names(change: &Change) -> String {
    let (named, others) = change.shown();
    let mut names = named.to_vec();
    match others {
        0 => {}
        1 => names.push("1 más".to_owned()),
        many => names.push(format!("{many} más")),
    }
    list(&names)
}

fn warning(danger: &Danger) -> String {
    match danger {
        Danger::EveryTopic(organisation) => {
            format!("se trata de todos los temas de {organisation}, también de los futuros.")
        }
        Danger::Everybody(organisation) => {
            format!("vale para cualquiera de {organisation}, también para quien se una después.")
        }
        Danger::GrantRight => "podrá conceder a otros lo que aquí se le permite.".to_owned(),
        Danger::AdministerRight => "podrá hacer declaraciones sobre estos temas.".to_owned(),
        Danger::Onward => "su organización podrá cederlo.".to_owned(),
        Danger::AllHistory => "incluye todo lo conservado hasta ahora.".to_owned(),
        Danger::TravelsOn { owner, via } => {
            format!("los temas de {owner} pueden llegar a organizaciones que {via} elija.")
        }
        Danger::ThirdRoot { owner, via, taker } => format!(
            "{taker} cree a {via} quién es {owner}. Compare la raíz con lo que diga la propia \
             {owner}."
        ),
    }
}

pub(super) fn since(from: Option<Timestamp>) -> String {
    from.map_or_else(|| "desde ahora".to_owned(), |from| format!("desde el {}", date(from)))
}

pub(super) fn ending(until: Option<Timestamp>) -> String {
    let revoked = || "hasta que se revoque".to_owned();
    until.map_or_else(revoked, |until| format!("hasta el {}", date(until)))
}

fn date(time: Timestamp) -> String {
    let moment = Moment::of(time);
    let Moment { year, day, .. } = moment;
    let day = format!("{day} de {} de {year}", moment.month_of(&MONTHS));
    match moment.clock {
        None => day,
        Some((1, minute)) => format!("{day} a la 1:{minute:02} UTC"),
        Some((hour, minute)) => format!("{day} a las {hour}:{minute:02} UTC"),
    }
}

fn term(seconds: u64) -> String {
    let (number, unit) = if seconds.is_multiple_of(DAY_S) {
        (seconds / DAY_S, "día")
    } else {
        (seconds, "segundo")
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// `a`, `a y b`, `a, b y c`; before the sound of an i, `e`.
pub(super) fn list(all: &[impl AsRef<str>]) -> String {
    let last = all.last().map(AsRef::as_ref).unwrap_or_default();
    let diphthong = ["hia", "hie", "hio"].iter().any(|start| last.starts_with(start));
    let sounds_i = (last.starts_with('i') || last.starts_with("hi")) && !diphthong;
    joined(all, if sounds_i { "e" } else { "y" })
}

/// What is forbidden, one beside the other.
fn neither(all: &[impl AsRef<str>]) -> String {
    joined(all, "ni")
}

fn joined(all: &[impl AsRef<str>], and: &str) -> String {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    match all.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} {and} {last}", before.join(", ")),
    }
}
