//! Query options (18-088 §9.3), of a request and of each `$expand` in it.

use sekisho_proto::{Offset, Topic};

use crate::entity::{Kind, Nav};
use crate::expression::Expression;
use crate::fault::Fault;
use crate::id::{Id, Place};
use crate::limits::{EXPANSIONS_MAX, KEYS_MAX, PAGE_DEFAULT, PAGE_MAX};
use crate::path::decoded_query;
use crate::scan::{Scanner, is_of_name};

/// The option by which entities are given with those that lead to them.
const EXPAND: &str = "$expand";

/// What is asked of a collection or an entity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) filter: Option<Expression>,
    pub(crate) expand: Vec<Expansion>,
    pub(crate) select: Vec<String>,
    pub(crate) order: Vec<OrderKey>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) count: bool,
    pub(crate) format: ResultFormat,
    pub(crate) token: Option<Token>,
    /// The options as they were written, for links to the next page.
    pub(crate) written: Vec<(String, String)>,
}

/// Entities that are given with those that lead to them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expansion {
    pub(crate) nav: Nav,
    pub(crate) options: Options,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderKey {
    pub(crate) by: Expression,
    pub(crate) descends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultFormat {
    Json,
    GeoJson,
    DataArray,
}

/// Where a walk goes on; made by a link to the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Only what was there in this topic's log, the only one with anything in it, when the first page
    /// was made.
    Until(Topic, Offset),
    /// In this topic's log, after a place where there is one, in the direction of the walk; and how
    /// many there were where the first page counted them.
    After(Topic, Option<Place>, Option<usize>),
}

/// A wish to read the log in one direction; anything else needs all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Options {
    pub(crate) const fn none() -> Self {
        Self {
            filter: None,
            expand: Vec::new(),
            select: Vec::new(),
            order: Vec::new(),
            top: None,
            skip: 0,
            count: false,
            format: ResultFormat::Json,
            token: None,
            written: Vec::new(),
        }
    }

    /// Reads the query of a request: options separated by `&`, percent-encoded.
    pub(crate) fn parse_query(query: &str, kind: Kind) -> Result<Self, Fault> {
        let mut options = Self::none();
        let mut expansions = 0;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (decoded_query(name)?, decoded_query(value)?),
                // Some clients encode an option as a whole, its `=` too.
                None => {
                    let option = decoded_query(option)?;
                    let (name, value) = option.split_once('=').unwrap_or((&option, ""));
                    (name.to_owned(), value.to_owned())
                }
            };
            // 18-088 leaves names without `$` to services and proxies.
            if !name.starts_with('$') {
                continue;
            }
            let mut scanner = Scanner::new(&value);
            options.read(&name, &mut scanner, kind, &mut expansions)?;
            scanner.spaces();
            if !scanner.is_done() {
                return Err(scanner.expected(&format!("the end of {name}")));
            }
            options.write(&name, value.clone())?;
        }
        Ok(options)
    }

    /// Reads the options of an `$expand`: in parentheses, separated by `;`.
    fn parse_nested(
        scanner: &mut Scanner<'_>,
        kind: Kind,
        expansions: &mut usize,
    ) -> Result<Self, Fault> {
        let mut options = Self::none();
        scanner.enter()?;
        while !scanner.take(')') {
            scanner.spaces();
            let name = format!("${}", {
                scanner.want('$')?;
                scanner.run(|next| next.is_ascii_alphabetic())
            });
            scanner.want('=')?;
            let before = scanner.rest();
            options.read(&name, scanner, kind, expansions)?;
            scanner.spaces();
            let length = before.len().saturating_sub(scanner.rest().len());
            let written = before.get(..length).unwrap_or_default().trim();
            options.write(&name, written.to_owned())?;
            if !scanner.take(';') {
                scanner.want(')')?;
                break;
            }
        }
        scanner.leave();
        Ok(options)
    }

    fn write(&mut self, name: &str, value: String) -> Result<(), Fault> {
        if self.written.iter().any(|(written, _)| written == name) {
            return Err(Fault::malformed("query", format!("{name} once"), "it twice"));
        }
        self.written.push((name.to_owned(), value));
        Ok(())
    }

    fn read(
        &mut self,
        name: &str,
        scanner: &mut Scanner<'_>,
        kind: Kind,
        expansions: &mut usize,
    ) -> Result<(), Fault> {
        match name {
            "$filter" => self.filter = Some(Expression::read(scanner, kind)?),
            EXPAND => self.read_expand(scanner, kind, expansions)?,
            "$select" => self.read_select(scanner, kind)?,
            "$orderby" => self.read_order(scanner, kind)?,
            "$top" => self.top = Some(number(scanner, "$top")?),
            "$skip" => self.skip = number(scanner, "$skip")?,
            "$count" => {
                self.count = match (scanner.word("true"), scanner.word("false")) {
                    (true, _) => true,
                    (_, true) => false,
                    _ => return Err(scanner.expected("$count=true or $count=false")),
                }
            }
            "$resultFormat" => {
                let before = scanner.rest();
                self.format = match scanner.name() {
                    Some("GeoJSON") => ResultFormat::GeoJson,
                    Some("dataArray") if kind == Kind::Observation => ResultFormat::DataArray,
                    Some("dataArray") => {
                        let why = "wanted Observations, found another kind of entity";
                        return Err(Fault::unsupported("$resultFormat=dataArray", why));
                    }
                    _ => {
                        let found = if before.is_empty() { "the end" } else { before };
                        let wanted = "GeoJSON or dataArray";
                        return Err(Fault::malformed("$resultFormat", wanted, found));
                    }
                }
            }
            "$skiptoken" => self.token = Some(Token::read(scanner)?),
            // 18-088 wants 501 for options that a service does not know, whatever they are.
            other => {
                let why = "wanted $filter, $expand, $select, $orderby, $top, $skip, $count or \
                           $resultFormat, found another option";
                return Err(Fault::unsupported(&format!("query option {other}"), why));
            }
        }
        Ok(())
    }

    fn read_expand(
        &mut self,
        scanner: &mut Scanner<'_>,
        kind: Kind,
        expansions: &mut usize,
    ) -> Result<(), Fault> {
        loop {
            let expansion = Expansion::read(scanner, kind, expansions)?;
            self.add(expansion)?;
            if !scanner.take(',') {
                return Ok(());
            }
        }
    }

    /// `A/B,A/C` is `A($expand=B,C)`.
    fn add(&mut self, expansion: Expansion) -> Result<(), Fault> {
        match self.expand.iter_mut().find(|known| known.nav == expansion.nav) {
            Some(known) => known.options.merge(expansion.options),
            None => {
                self.expand.push(expansion);
                Ok(())
            }
        }
    }

    /// Takes up what was asked of the same entities at another place.
    fn merge(&mut self, other: Self) -> Result<(), Fault> {
        let Self { filter, expand, select, order, top, skip, count, format, token, written } =
            other;
        for expansion in expand {
            self.add(expansion)?;
        }
        let expand = std::mem::take(&mut self.expand);
        for (name, value) in written.iter().filter(|(name, _)| name != EXPAND) {
            if !self.written.contains(&(name.clone(), value.clone())) {
                self.write(name, value.clone())?;
            }
        }
        *self = Self {
            filter: filter.or(self.filter.take()),
            expand,
            select: if select.is_empty() { std::mem::take(&mut self.select) } else { select },
            order: if order.is_empty() { std::mem::take(&mut self.order) } else { order },
            top: top.or(self.top),
            skip: skip.max(self.skip),
            count: count || self.count,
            format: if format == ResultFormat::Json { self.format } else { format },
            token: token.or(self.token.take()),
            written: std::mem::take(&mut self.written),
        };
        Ok(())
    }

    fn read_select(&mut self, scanner: &mut Scanner<'_>, kind: Kind) -> Result<(), Fault> {
        loop {
            if scanner.take('*') {
                self.select.extend(kind.properties().iter().map(|name| (*name).to_owned()));
                self.select.push("@iot.id".to_owned());
            } else {
                let Some(name) = scanner.name() else { return Err(scanner.expected("a name")) };
                match (kind.property(name), kind.nav(name)) {
                    (Some(property), _) => self.select.push(property.to_owned()),
                    (None, Some(nav)) => self.select.push(nav.name().to_owned()),
                    (None, None) => return Err(kind.unknown(name)),
                }
            }
            if self.select.len() > KEYS_MAX {
                return Err(Fault::too_much("$select", KEYS_MAX, "name fewer"));
            }
            if !scanner.take(',') {
                return Ok(());
            }
        }
    }

    fn read_order(&mut self, scanner: &mut Scanner<'_>, kind: Kind) -> Result<(), Fault> {
        loop {
            let by = Expression::read(scanner, kind)?;
            let descends = scanner.word("desc");
            if !descends {
                scanner.word("asc");
            }
            self.order.push(OrderKey { by, descends });
            if self.order.len() > KEYS_MAX {
                return Err(Fault::too_much("$orderby", KEYS_MAX, "name fewer"));
            }
            if !scanner.take(',') {
                return Ok(());
            }
        }
    }

    /// How many entities a page has.
    pub(crate) fn page(&self) -> usize {
        self.top.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
    }

    /// How many entities there are, where a page before has counted them.
    pub(crate) const fn counted(&self) -> Option<usize> {
        match self.token {
            Some(Token::After(_, _, counted)) if self.count => counted,
            Some(Token::After(..) | Token::Until(..)) | None => None,
        }
    }

    /// Whether a link led to the middle of a walk.
    pub(crate) const fn is_walking(&self) -> bool {
        matches!(self.token, Some(Token::After(..)))
    }

    /// Whether everything has to be counted.
    pub(crate) const fn is_counting(&self) -> bool {
        self.count && self.counted().is_none()
    }

    /// In which direction a log is read, where its order is that which is asked for.
    pub(crate) fn direction(&self) -> Option<Direction> {
        let [first, ..] = self.order.as_slice() else { return Some(Direction::Forward) };
        let Expression::Path(path) = &first.by else { return None };
        let [name] = path.as_slice() else { return None };
        let is_of_time = matches!(name.as_str(), "phenomenonTime" | "resultTime" | "time");
        let direction = if first.descends { Direction::Backward } else { Direction::Forward };
        is_of_time.then_some(direction)
    }

    /// Whether the newest entry of a log is all that is asked for.
    pub(crate) fn wants_newest(&self) -> bool {
        self.direction() == Some(Direction::Backward)
            && self.top == Some(1)
            && self.skip == 0
            && self.filter.is_none()
            && !self.count
            && self.token.is_none()
    }

    /// The options as they may be written anew.
    fn spelt(&self) -> Vec<(String, String)> {
        let plain = self.written.iter().filter(|(name, _)| name != EXPAND).cloned();
        let expand: Vec<_> = self.expand.iter().map(Expansion::to_string).collect();
        // `A/B` writes an option of what A leads to without its name, and parts of one may be written
        // at several places.
        let expand = (!expand.is_empty()).then(|| (EXPAND.to_owned(), expand.join(",")));
        plain.chain(expand).collect()
    }

    /// The options of the next page.
    pub(crate) fn next(&self, skip: usize, token: Option<Token>) -> Vec<(String, String)> {
        let mut next = self.spelt();
        next.retain(|(name, _)| name != "$skip" && name != "$skiptoken");
        if let (Some(top), Some((_, written))) =
            (self.top, next.iter_mut().find(|(name, _)| name == "$top"))
        {
            *written = top.to_string();
        }
        if skip > 0 {
            next.push(("$skip".to_owned(), skip.to_string()));
        }
        next.extend(token.map(|token| ("$skiptoken".to_owned(), token.to_string())));
        next
    }
}

impl Expansion {
    fn read(scanner: &mut Scanner<'_>, kind: Kind, expansions: &mut usize) -> Result<Self, Fault> {
        *expansions += 1;
        if *expansions > EXPANSIONS_MAX {
            return Err(Fault::too_much("$expand", EXPANSIONS_MAX, "ask for less at once"));
        }
        let Some(name) = scanner.name() else { return Err(scanner.expected("a name to expand")) };
        let Some(nav) = kind.nav(name) else { return Err(kind.unknown(name)) };
        if scanner.take('/') {
            scanner.enter()?;
            let mut options = Options::none();
            options.expand.push(Self::read(scanner, nav.kind, expansions)?);
            scanner.leave();
            return Ok(Self { nav, options });
        }
        let options = if scanner.take('(') {
            Options::parse_nested(scanner, nav.kind, expansions)?
        } else {
            Options::none()
        };
        Ok(Self { nav, options })
    }
}

impl std::fmt::Display for Expansion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.nav.name())?;
        let options = self.options.spelt();
        match (options.as_slice(), self.options.expand.as_slice()) {
            ([], _) => Ok(()),
            // The shorter of two spellings: a link has to be short enough to be asked.
            ([_], [only]) => write!(f, "/{only}"),
            (options, _) => {
                let options: Vec<_> =
                    options.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "({})", options.join(";"))
            }
        }
    }
}

impl Token {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, Fault> {
        let wanted = "the $skiptoken of a link to the next page";
        let text = scanner.run(|next| is_of_name(next) || matches!(next, '-' | '~' | ':'));
        let (counted, place) = match text.strip_prefix('c').and_then(|rest| rest.split_once('-')) {
            Some((count, rest)) => (count.parse().ok(), rest),
            None => (None, text),
        };
        let token = match place.split_at_checked(1) {
            Some(("u", id)) => match Id::parse(id) {
                Some(Id { topic, quantity: None, place: Some(place) }) => {
                    Some(Self::Until(topic, place.offset))
                }
                _ => None,
            },
            Some(("a", id)) => match Id::parse(id) {
                Some(Id { topic, quantity: None, place }) => {
                    Some(Self::After(topic, place, counted))
                }
                _ => None,
            },
            _ => None,
        };
        // Each has one spelling.
        let token = token.filter(|token| token.to_string() == text);
        token.ok_or_else(|| Fault::malformed("$skiptoken", wanted, text))
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = |topic: &Topic, place| Id { topic: topic.clone(), quantity: None, place };
        match self {
            Self::Until(topic, offset) => {
                let place = Place { offset: *offset, number: 0 };
                write!(f, "u{}", id(topic, Some(place)))
            }
            Self::After(topic, place, counted) => {
                if let Some(count) = counted {
                    write!(f, "c{count}-")?;
                }
                write!(f, "a{}", id(topic, *place))
            }
        }
    }
}

fn number(scanner: &mut Scanner<'_>, name: &str) -> Result<usize, Fault> {
    scanner.spaces();
    let digits = scanner.run(|next| next.is_ascii_digit());
    let whole = digits.parse::<u32>().ok().and_then(|number| usize::try_from(number).ok());
    let wanted = "a whole number from 0 on";
    whole.ok_or_else(|| Fault::malformed(name, wanted, format!("{digits}{}", scanner.rest())))
}
