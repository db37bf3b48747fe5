//! Which languages there are, and which one somebody wants.

use clap::ValueEnum;

use super::english::English;
use super::japanese::Japanese;
use super::phrase::Phrase;
use super::spanish::Spanish;

/// A language of previews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    En,
    /// Español.
    Es,
    /// 日本語.
    Ja,
}

/// Says every fact in one language.
pub(crate) trait Language: Sync {
    /// One fact as a whole sentence.
    fn say(&self, phrase: &Phrase) -> String;
    /// Sentences as one text.
    fn paragraph(&self, sentences: &[String]) -> String;
    /// What is asked before signing; the answer follows on the same line.
    fn question(&self) -> &'static str;
    /// Whether an answer in lower case means yes. Only yes means yes.
    fn is_yes(&self, answer: &str) -> bool;
}

impl Lang {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::En, Self::Es, Self::Ja];

    pub(crate) fn language(self) -> &'static dyn Language {
        match self {
            Self::En => &English,
            Self::Es => &Spanish,
            Self::Ja => &Japanese,
        }
    }

    /// The language of the environment; English where it says nothing that is known here.
    pub(crate) fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// As POSIX orders them: the first that is set decides.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        let locale = set.into_iter().find(|locale| !locale.is_empty()).unwrap_or_default();
        match locale.split(['_', '.', '@', '-']).next() {
            Some("es") => Self::Es,
            Some("ja") => Self::Ja,
            Some(_) | None => Self::En,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Lang {
        let value = |name: &str| set.iter().find(|(known, _)| *known == name);
        Lang::of(|name| value(name).map(|(_name, value)| (*value).to_owned()))
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(of(&[("LANG", "ja_JP.UTF-8")]), Lang::Ja);
        assert_eq!(of(&[("LANG", "ja_JP.UTF-8"), ("LC_MESSAGES", "es_ES")]), Lang::Es);
        assert_eq!(of(&[("LC_ALL", "C.UTF-8"), ("LANG", "es_ES.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "es")]), Lang::Es);
        assert_eq!(of(&[("LANG", "estonian")]), Lang::En);
        assert_eq!(of(&[]), Lang::En);
    }

    #[test]
    fn only_yes_means_yes() {
        for lang in Lang::ALL {
            let language = lang.language();
            assert!(language.is_yes("y") && !language.is_yes("") && !language.is_yes("n"));
        }
        assert!(Lang::Es.language().is_yes("sí") && Lang::Ja.language().is_yes("はい"));
    }
}
