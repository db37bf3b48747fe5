//! Expressions of `$filter` and `$orderby`: the grammar of OData 4 as far as 18-088 §9.3.3.5 uses
//! it.

use std::collections::BTreeSet;

use sekisho_proto::Timestamp;

use crate::entity::Kind;
use crate::fault::Fault;
use crate::function::Function;
use crate::geometry::Geometry;
use crate::limits::NODES_MAX;
use crate::scan::Scanner;
use crate::value::{Value, parse_clock, parse_duration, parse_time};

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    /// From the entity over others to a property and into it.
    Path(Vec<String>),
    Call(Function, Vec<Self>),
    Not(Box<Self>),
    Negate(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Calculate(Arithmetic, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("gt", Comparison::Greater),
    ("ge", Comparison::GreaterOrEqual),
    ("lt", Comparison::Less),
    ("le", Comparison::LessOrEqual),
];
const SUMS: [(&str, Arithmetic); 2] = [("add", Arithmetic::Add), ("sub", Arithmetic::Subtract)];
const PRODUCTS: [(&str, Arithmetic); 3] =
    [("mul", Arithmetic::Multiply), ("div", Arithmetic::Divide), ("mod", Arithmetic::Remainder)];

/// Reads one expression; what comes after it is left.
pub(crate) struct Reader<'s, 'a> {
    scanner: &'s mut Scanner<'a>,
    nodes: usize,
}

impl Expression {
    /// Reads an expression about entities of a kind.
    pub(crate) fn read(scanner: &mut Scanner<'_>, kind: Kind) -> Result<Self, Fault> {
        let expression = Reader { scanner, nodes: 0 }.either()?;
        let mut paths = Vec::new();
        expression.paths(&mut paths);
        for path in paths {
            check_path(path, kind)?;
        }
        Ok(expression)
    }

    /// Every path in it.
    pub(crate) fn paths<'a>(&'a self, found: &mut Vec<&'a [String]>) {
        match self {
            Self::Literal(_) => {}
            Self::Path(path) => found.push(path),
            Self::Call(_, arguments) => {
                for argument in arguments {
                    argument.paths(found);
                }
            }
            Self::Not(inner) | Self::Negate(inner) => inner.paths(found),
            Self::Both(left, right)
            | Self::Either(left, right)
            | Self::Compare(_, left, right)
            | Self::Calculate(_, left, right) => {
                left.paths(found);
                right.paths(found);
            }
        }
    }

    /// The earliest time that a property may have where the expression holds; `None` where it says
    /// nothing about that.
    pub(crate) fn earliest(&self, property: &str) -> Option<Timestamp> {
        match self {
            Self::Both(left, right) => left.earliest(property).max(right.earliest(property)),
            Self::Compare(comparison, left, right) => {
                use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
                let is_it = |side: &Self| matches!(side, Self::Path(path) if *path == [property]);
                let (time, comparisons) = match (&**left, &**right) {
                    (path, Self::Literal(Value::Time(time))) if is_it(path) => {
                        (*time, [Equal, Greater, GreaterOrEqual])
                    }
                    (Self::Literal(Value::Time(time)), path) if is_it(path) => {
                        (*time, [Equal, Less, LessOrEqual])
                    }
                    _ => return None,
                };
                comparisons.contains(comparison).then_some(time)
            }
            Self::Literal(_)
            | Self::Path(_)
            | Self::Call(..)
            | Self::Not(_)
            | Self::Negate(_)
            | Self::Either(..)
            | Self::Calculate(..) => None,
        }
    }

    /// The identifiers one of which an entity must have where the expression holds, itself or what
    /// `through` leads to; `None` where the expression says nothing about that.
    pub(crate) fn demanded(&self, through: &[&str]) -> Option<BTreeSet<&str>> {
        match self {
            Self::Both(left, right) => match (left.demanded(through), right.demanded(through)) {
                (Some(left), Some(right)) => Some(left.intersection(&right).copied().collect()),
                (one, other) => one.or(other),
            },
            Self::Either(left, right) => {
                let (left, right) = (left.demanded(through)?, right.demanded(through)?);
                Some(left.union(&right).copied().collect())
            }
            Self::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
                (Self::Path(path), Self::Literal(Value::Text(id)))
                | (Self::Literal(Value::Text(id)), Self::Path(path)) => {
                    let (last, before) = path.split_last()?;
                    let is_id = matches!(last.as_str(), "id" | "@iot.id") && before == through;
                    is_id.then(|| BTreeSet::from([id.as_str()]))
                }
                _ => None,
            },
            Self::Literal(_)
            | Self::Path(_)
            | Self::Call(..)
            | Self::Not(_)
            | Self::Negate(_)
            | Self::Compare(..)
            | Self::Calculate(..) => None,
        }
    }
}

/// Names are known before anything is read: a wrong one is told at once.
fn check_path(path: &[String], mut kind: Kind) -> Result<(), Fault> {
    for name in path {
        match kind.nav(name) {
            Some(nav) if nav.kind == Kind::Observation => {
                let why = "wanted a filter on what the entity is, found one on all that was \
                           ever observed: ask Datastreams(…)/Observations";
                return Err(Fault::unsupported("$filter through Observations", why));
            }
            Some(nav) if nav.kind == Kind::HistoricalLocation => {
                let why = "wanted a filter on where things are, found one on where they were: \
                           ask Things(…)/HistoricalLocations";
                return Err(Fault::unsupported("$filter through HistoricalLocations", why));
            }
            Some(nav) => kind = nav.kind,
            None if kind.property(name).is_some() => return Ok(()),
            None => return Err(kind.unknown(name)),
        }
    }
    let wanted = format!("a property of {} at the end", kind.singular());
    Err(Fault::malformed("name in an expression", wanted, path.join("/")))
}

impl Reader<'_, '_> {
    fn count(&mut self) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Fault::too_much("expression", NODES_MAX, "ask a shorter question"));
        }
        Ok(())
    }

    fn either(&mut self) -> Result<Expression, Fault> {
        self.scanner.enter()?;
        let mut left = self.both()?;
        while self.scanner.word("or") {
            self.count()?;
            left = Expression::Either(Box::new(left), Box::new(self.both()?));
        }
        self.scanner.leave();
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression, Fault> {
        let mut left = self.comparison()?;
        while self.scanner.word("and") {
            self.count()?;
            left = Expression::Both(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        let left = self.sum()?;
        if self.scanner.word("in") {
            let why = "wanted an operator of 18-088 §9.3.3.5.1, found in: write eq and or";
            return Err(Fault::unsupported("operator in", why));
        }
        let found = COMPARISONS.into_iter().find(|(word, _)| self.scanner.word(word));
        let Some((_, comparison)) = found else { return Ok(left) };
        self.count()?;
        Ok(Expression::Compare(comparison, Box::new(left), Box::new(self.sum()?)))
    }

    fn sum(&mut self) -> Result<Expression, Fault> {
        let mut left = self.product()?;
        while let Some((_, operator)) = SUMS.into_iter().find(|(word, _)| self.scanner.word(word)) {
            self.count()?;
            left = Expression::Calculate(operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, Fault> {
        let mut left = self.unary()?;
        loop {
            let found = PRODUCTS.into_iter().find(|(word, _)| self.scanner.word(word));
            let Some((_, operator)) = found else { return Ok(left) };
            self.count()?;
            left = Expression::Calculate(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        self.scanner.enter()?;
        self.count()?;
        let found = if self.scanner.word("not") {
            Expression::Not(Box::new(self.unary()?))
        } else {
            self.scanner.spaces();
            match self.scanner.peek() {
                Some('-') => {
                    self.scanner.take('-');
                    Expression::Negate(Box::new(self.unary()?))
                }
                Some('(') => {
                    self.scanner.take('(');
                    let inner = self.either()?;
                    self.scanner.want(')')?;
                    inner
                }
                Some('\'') => {
                    Expression::Literal(Value::Text(self.scanner.quoted()?.unwrap_or_default()))
                }
                Some(first) if first.is_ascii_digit() => Expression::Literal(self.number()?),
                _ => self.named()?,
            }
        };
        self.scanner.leave();
        Ok(found)
    }

    /// A number or a time.
    fn number(&mut self) -> Result<Value, Fault> {
        let rest = self.scanner.rest();
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let is_time = rest.as_bytes().split_at_checked(5).is_some_and(|(year, _)| {
            matches!(year.split_last(), Some((b'-', year)) if year.iter().all(is_digit))
        });
        if is_time {
            return self.time();
        }
        if matches!(rest.as_bytes(), [a, b, b':', ..] if is_digit(a) && is_digit(b)) {
            let text = self.scanner.run(|next| next.is_ascii_digit() || matches!(next, ':' | '.'));
            let wanted = "one such as 08:30:00";
            return parse_clock(text)
                .map(Value::Clock)
                .ok_or_else(|| Fault::malformed("time of day", wanted, text));
        }
        let digits = self.scanner.run(|character| character.is_ascii_digit() || character == '.');
        let mut text = digits.to_owned();
        if self.scanner.peek().is_some_and(|next| matches!(next, 'e' | 'E')) {
            let after = self.scanner.rest().as_bytes();
            if after.get(1).is_some_and(|next| next.is_ascii_digit() || matches!(next, b'+' | b'-'))
            {
                text.push_str(self.scanner.run(|next| matches!(next, 'e' | 'E')));
                text.push_str(self.scanner.run(|next| matches!(next, '-' | '+')));
                text.push_str(self.scanner.run(|next| next.is_ascii_digit()));
            }
        }
        if let Ok(whole) = text.parse() {
            return Ok(Value::Integer(whole));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Number(number)),
            _ => Err(Fault::malformed("number", "a finite one", text)),
        }
    }

    fn time(&mut self) -> Result<Value, Fault> {
        let of_time = |next: char| {
            next.is_ascii_digit() || matches!(next, '-' | ':' | '.' | 'T' | 'Z' | 't' | 'z')
        };
        let mut text = self.scanner.run(of_time).to_owned();
        // An offset such as +09:00. A client that did not encode its `+` wrote a space.
        let offset = self.scanner.rest().strip_prefix(['+', ' ']).unwrap_or_default().as_bytes();
        if matches!(offset, [a, b, b':', c, d, ..] if [a, b, c, d].iter().all(|c| c.is_ascii_digit()))
        {
            text.push('+');
            self.scanner.run(|next| matches!(next, '+' | ' '));
            text.push_str(self.scanner.run(of_time));
        }
        if self.scanner.rest().starts_with('/') {
            let why = "wanted a time, found an interval: write two comparisons";
            return Err(Fault::unsupported(&text, why));
        }
        // RFC 3339 §5.6 has `t` and `z` as well.
        let time = parse_time(&text.to_ascii_uppercase()).ok_or_else(|| {
            Fault::malformed("time", "RFC 3339 such as 2026-11-20T08:30:00Z", &text)
        })?;
        Ok(Value::Time(time))
    }

    /// A word: a constant, a literal with a prefix, a function or a path.
    fn named(&mut self) -> Result<Expression, Fault> {
        let wanted = "a name, a number, a time or a text in single quotes";
        let Some(name) = self.scanner.name() else { return Err(self.scanner.expected(wanted)) };
        let literal = match name {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            "null" => Some(Value::Null),
            _ => None,
        };
        if let Some(literal) = literal {
            return Ok(Expression::Literal(literal));
        }
        if self.scanner.rest().starts_with('\'') {
            return self.prefixed(name).map(Expression::Literal);
        }
        if self.scanner.rest().starts_with('(') {
            return self.call(name);
        }
        let mut path = vec![name.to_owned()];
        while self.scanner.rest().starts_with('/') {
            self.scanner.take('/');
            self.count()?;
            let Some(name) = self.scanner.name() else {
                return Err(self.scanner.expected("a name"));
            };
            if matches!(name, "any" | "all") && self.scanner.rest().starts_with('(') {
                let why = "wanted a path such as Datastreams/name, found a lambda of OData: such \
                           a path is true where it is true of one";
                return Err(Fault::unsupported(&format!("operator {name}"), why));
            }
            path.push(name.to_owned());
        }
        Ok(Expression::Path(path))
    }

    fn prefixed(&mut self, prefix: &str) -> Result<Value, Fault> {
        let text = self.scanner.quoted()?.unwrap_or_default();
        match prefix {
            "geography" | "geometry" => Geometry::parse(&text).map(Value::Geometry),
            "duration" => parse_duration(&text).map(Value::Duration).ok_or_else(|| {
                Fault::malformed("duration", "days to seconds such as P1DT2H30M", text)
            }),
            other => Err(Fault::malformed("literal", "geography'…' or duration'…'", other)),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expression, Fault> {
        let function = Function::parse(name)?;
        self.scanner.want('(')?;
        self.scanner.enter()?;
        let mut arguments = Vec::new();
        if !self.scanner.take(')') {
            loop {
                arguments.push(self.either()?);
                if !self.scanner.take(',') {
                    break;
                }
            }
            self.scanner.want(')')?;
        }
        self.scanner.leave();
        function.check(arguments.len())?;
        Ok(Expression::Call(function, arguments))
    }
}
