//! What a statement would do, in plain words, before anybody signs it: English, Spanish, Japanese.
//!
//! `plan` says which facts there are to tell, in which order; each language says every fact in its
//! own way. There are some forty sentences in three languages, and most of the work is grammar that
//! no file of messages knows (agreement, `y` before `i`, counters), so they are code and no
//! translation framework.

mod calendar;
mod contract;
mod danger;
mod effect;
mod english;
mod japanese;
mod language;
mod phrase;
mod plan;
mod spanish;

pub(crate) use danger::dangers;
pub(crate) use effect::{Changed, Effect};
pub(crate) use language::Lang;
pub(crate) use phrase::Background;

use phrase::Phrase;

use sekisho_proto::StatementBody;

/// A statement in one language: what it does, and what there is to be careful about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preview {
    /// What it does.
    pub(crate) text: String,
    /// One line for each danger; nobody signs these without having said yes.
    pub(crate) warnings: Vec<String>,
}

impl Preview {
    /// Puts a statement into words.
    pub(crate) fn of(body: &StatementBody, background: &Background, lang: Lang) -> Self {
        let language = lang.language();
        let say = |phrases: Vec<Phrase>| -> Vec<String> {
            phrases.iter().map(|phrase| language.say(phrase)).collect()
        };
        let mut phrases = plan::phrases(body, background);
        let effect = background.effect.iter();
        phrases.extend(effect.flat_map(|effect| plan::effects(body, background, effect)));
        Self {
            text: language.paragraph(&say(phrases)),
            warnings: say(dangers(body).into_iter().map(Phrase::Danger).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
