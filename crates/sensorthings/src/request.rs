//! A request as it is understood before anything is looked up.

use sekisho_proto::Topic;

use crate::entity::Kind;
use crate::fault::Fault;
use crate::id::Id;
use crate::limits::REQUEST_BYTES_MAX;
use crate::options::{Expansion, Options};
use crate::path::Path;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `None`: the sets that there are.
    pub(crate) path: Option<Path>,
    pub(crate) options: Options,
}

impl Request {
    /// Reads path and query below `/v1.1`, both still percent-encoded.
    ///
    /// # Errors
    ///
    /// The first place where they break the grammar of 18-088, name what there is not, or ask for
    /// more than one request is given.
    pub fn parse(path: &str, query: &str) -> Result<Self, Fault> {
        if path.len().saturating_add(query.len()) > REQUEST_BYTES_MAX {
            let max = format!("{REQUEST_BYTES_MAX} bytes");
            return Err(Fault::too_much("request", max, "ask a shorter question"));
        }
        let path = Path::parse(path)?;
        let kind = path.as_ref().and_then(Path::target).map_or(Kind::Thing, |(kind, _)| kind);
        let options = Options::parse_query(query, kind)?;
        Ok(Self { path, options })
    }

    /// The one topic that the answer is about, where that is so: then nothing else has to be looked
    /// at.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        let path = self.path.as_ref()?;
        let first = path.steps.first()?;
        let id = Id::parse(first.id.as_ref()?)?;
        let steps = path.steps.iter().map(|step| step.nav.kind);
        let is_shared = steps.into_iter().any(|kind| kind == Kind::ObservedProperty)
            || expands_shared(&self.options.expand)
            || mentions_shared(&self.options);
        (!is_shared).then_some(id.topic)
    }
}

/// Whether other topics come in: an observed property is that of many.
fn expands_shared(expand: &[Expansion]) -> bool {
    expand.iter().any(|expansion| {
        let inner = &expansion.options;
        (expansion.nav.kind == Kind::ObservedProperty && !inner.expand.is_empty())
            || expands_shared(&inner.expand)
            || mentions_shared(inner)
    })
}

fn mentions_shared(options: &Options) -> bool {
    let mut paths = Vec::new();
    let expressions = options.filter.iter().chain(options.order.iter().map(|key| &key.by));
    for expression in expressions {
        expression.paths(&mut paths);
    }
    let shared = Kind::ObservedProperty.singular();
    paths.iter().any(|path| path.iter().any(|name| name == shared))
}
