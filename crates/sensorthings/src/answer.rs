//! From a request to its answer, or to what has still to be read for it.

use std::mem;

use sekisho_proto::{Timestamp, Topic};
use serde_json::{Map, Value as Json, json};

use crate::entity::{Kind, Nav};
use crate::evaluate;
use crate::expression::Expression;
use crate::fault::{Fault, FaultKind};
use crate::foremost::{Candidate, Foremost};
use crate::format;
use crate::limits::{LAST_RECORDS_MAX, READS_MAX, STREAMS_MAX, VISITED_RECORDS_MAX};
use crate::model::{Entity, Related, World};
use crate::observing::Role;
use crate::options::{Expansion, Options, ResultFormat, Token};
use crate::path::{End, Path, encoded};
use crate::request::Request;
use crate::stream::{Catalogue, Records, Visit, Want};
use crate::value::Value;

/// What asking came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// These are to be read first; then it is to be asked again.
    Wants(Vec<Want>),
    /// Some of these are to be visited, as many as are at hand; then it is to be asked again. It says
    /// the same until it has come by all of them.
    Visits(Visit),
    /// The answer, or why there is none.
    Done(Result<Answer, Fault>),
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// As JSON.
    Json(Json),
    /// As GeoJSON.
    GeoJson(Json),
    /// A property's value alone, as text.
    Text(String),
    /// A property that the entity may have and has not.
    Nothing,
}

/// A page of entities that are not told yet.
pub(crate) struct PageOf {
    pub(crate) entities: Vec<Entity>,
    pub(crate) count: Option<usize>,
    /// The options of the next page, where there is one.
    pub(crate) next: Option<Vec<(String, String)>>,
}

/// Entities that a path leads to.
enum Target {
    One(Entity),
    Many(Related),
}

/// Answers a request from streams and what was read of them so far. `base` is where the service is,
/// as in `https://city.example/v1.1`.
#[must_use]
pub fn answer(
    request: &Request,
    catalogue: &Catalogue<'_>,
    records: &mut Records,
    (base, now): (&str, Timestamp),
) -> Outcome {
    if catalogue.streams().len() > STREAMS_MAX {
        let instead = "begin with Things('ID')";
        let fault = Fault::too_much("streams that you may discover", STREAMS_MAX, instead);
        return Outcome::Done(Err(fault));
    }
    let visiting = mem::take(&mut records.visiting);
    let world = World::new(catalogue, (records, visiting), (base, now));
    let done = give(request, &world);
    let wants = world.wants();
    records.visiting = world.visiting.into_inner();
    // What is wrong with an answer that lacks something may come of that.
    let is_final = matches!(&done, Err(fault) if fault.kind == FaultKind::TooMuch);
    if wants.is_empty() || is_final {
        return match records.visiting.next() {
            Some(visit) if !is_final => Outcome::Visits(visit),
            Some(_) | None => Outcome::Done(done),
        };
    }
    let (last, pages): (Vec<_>, Vec<_>) =
        wants.iter().partition::<Vec<&Want>, _>(|want| matches!(want, Want::Last(_)));
    if last.len() > LAST_RECORDS_MAX {
        let instead = "describe the streams, or ask for less with $top and without $filter";
        return Outcome::Done(Err(Fault::too_much("last records", LAST_RECORDS_MAX, instead)));
    }
    if records.pages().saturating_add(pages.len()) > READS_MAX {
        let instead = "ask for less at once";
        return Outcome::Done(Err(Fault::too_much("pages of the log", READS_MAX, instead)));
    }
    Outcome::Wants(wants)
}

fn give(request: &Request, world: &World<'_>) -> Result<Answer, Fault> {
    let Some(path) = &request.path else { return Ok(Answer::Json(sets(world.base))) };
    let options = &request.options;
    let here = format!("{}{}", world.base, encoded(&path.written));
    match (target(path, options, world)?, &path.end) {
        (Target::One(entity), End::Whole) => {
            let told = tell(world, &entity, options)?;
            Ok(match options.format {
                ResultFormat::GeoJson => Answer::GeoJson(format::feature(&told)),
                ResultFormat::Json | ResultFormat::DataArray => Answer::Json(told),
            })
        }
        (Target::One(entity), End::References) => {
            Ok(Answer::Json(json!({ "@iot.selfLink": world.link(&entity) })))
        }
        (Target::One(entity), End::Property(names, is_value)) => {
            property(world, &entity, names, *is_value)
        }
        (Target::Many(_), End::Property(..)) => {
            Err(Fault::nowhere("an entity before a property", &path.written))
        }
        (Target::Many(related), end) => {
            let page = page(world, related, options, Role::Main)?;
            let only_links = *end == End::References;
            if options.format == ResultFormat::DataArray && !only_links {
                return format::data_array(world, &page, options, &here).map(Answer::Json);
            }
            let mut told = Vec::with_capacity(page.entities.len());
            for entity in &page.entities {
                told.push(if only_links {
                    json!({ "@iot.selfLink": world.link(entity) })
                } else {
                    tell(world, entity, options)?
                });
            }
            let here = if only_links { format!("{here}/$ref") } else { here };
            Ok(collection(told, &page, options, &here))
        }
    }
}

fn collection(told: Vec<Json>, page: &PageOf, options: &Options, here: &str) -> Answer {
    let next = page.next.as_ref().map(|next| link(here, next));
    if options.format == ResultFormat::GeoJson {
        return Answer::GeoJson(format::features(&told, page.count, next));
    }
    let mut answer = Map::new();
    if let Some(count) = page.count {
        answer.insert("@iot.count".to_owned(), count.into());
    }
    if let Some(next) = next {
        answer.insert("@iot.nextLink".to_owned(), next.into());
    }
    answer.insert("value".to_owned(), told.into());
    Answer::Json(answer.into())
}

/// A link with options.
pub(crate) fn link(here: &str, options: &[(String, String)]) -> String {
    let options: Vec<_> =
        options.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if options.is_empty() { here.to_owned() } else { format!("{here}?{}", options.join("&")) }
}

/// What there is (18-088 §9.2.1), and which of its requirements are met.
fn sets(base: &str) -> Json {
    const CONFORMANCE: [&str; 15] = [
        "datamodel",
        "resource-path/resource-path-to-entities",
        "request-data/order",
        "request-data/expand",
        "request-data/select",
        "request-data/status-code",
        "request-data/query-status-code",
        "request-data/orderby",
        "request-data/top",
        "request-data/skip",
        "request-data/count",
        "request-data/filter",
        "request-data/built-in-filter-operations",
        "request-data/built-in-query-functions",
        "request-data/pagination",
    ];
    let sets = Kind::ALL
        .map(|kind| json!({ "name": kind.set(), "url": format!("{base}/{}", kind.set()) }));
    let name = |class| format!("http://www.opengis.net/spec/iot_sensing/1.1/req/{class}");
    let limitation = format!(
        "of Observations and HistoricalLocations only where at most {VISITED_RECORDS_MAX} records \
         are asked about; otherwise 422"
    );
    let mut settings = Map::new();
    settings.insert("conformance".to_owned(), json!(CONFORMANCE.map(name)));
    for class in ["request-data/orderby", "request-data/count"] {
        settings.insert(name(class), json!({ "limitation": limitation }));
    }
    json!({ "value": sets, "serverSettings": settings })
}

fn target(path: &Path, options: &Options, world: &World<'_>) -> Result<Target, Fault> {
    let mut at: Option<Entity> = None;
    for step in &path.steps {
        let missing = || Fault::not_found(&path.written);
        if let Some(id) = &step.id {
            let found = world.find(step.nav.kind, id).ok_or_else(missing)?;
            if at.as_ref().is_some_and(|from| !world.leads(from, step.nav, &found)) {
                return Err(missing());
            }
            at = Some(found);
            continue;
        }
        let related = match &at {
            None => world.root(step.nav.kind, options.filter.as_ref()),
            Some(from) => world.follow(from, step.nav),
        };
        match related {
            Related::One(one) => at = Some(one.ok_or_else(missing)?),
            many @ (Related::Many(_) | Related::Logs(_)) => return Ok(Target::Many(many)),
        }
    }
    at.map(Target::One).ok_or_else(|| Fault::not_found(&path.written))
}

fn property(
    world: &World<'_>,
    entity: &Entity,
    names: &[String],
    is_value: bool,
) -> Result<Answer, Fault> {
    let facts = Json::Object(world.properties(entity));
    world.spend(facts.to_string().len())?;
    let mut found = &facts;
    for name in names {
        let name = if name == "id" && found.get("id").is_none() { "@iot.id" } else { name };
        match found.get(name) {
            Some(inner) => found = inner,
            // The path was read for what an entity of this kind may have.
            None if names.len() == 1 => return Ok(Answer::Nothing),
            None => return Err(Fault::not_found(name)),
        }
    }
    if found.is_null() {
        return Ok(Answer::Nothing);
    }
    if is_value {
        let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        return Ok(Answer::Text(text));
    }
    let name = names.last().map_or("value", String::as_str);
    Ok(Answer::Json(json!({ name: found })))
}

fn page(
    world: &World<'_>,
    related: Related,
    options: &Options,
    role: Role,
) -> Result<PageOf, Fault> {
    match related {
        Related::One(one) => settle(world, one, options, None),
        Related::Many(many) => settle(world, many, options, None),
        Related::Logs(logs) => world.page_of(&logs, options, role),
    }
}

/// Filters, orders, counts and cuts what is there as a whole. `token` goes into the link to the next
/// page.
pub(crate) fn settle(
    world: &World<'_>,
    all: impl IntoIterator<Item = Entity>,
    options: &Options,
    token: Option<Token>,
) -> Result<PageOf, Fault> {
    let end = options.skip.saturating_add(options.page());
    let mut foremost = Foremost::default();
    let mut wanted = Vec::new();
    let mut count = 0;
    for entity in all {
        if !is_wanted(world, &entity, options)? {
            continue;
        }
        count += 1;
        // Where nothing is sorted, only what is on the page is kept.
        if !options.order.is_empty() {
            let keys = keys(world, &entity, options)?;
            foremost.add(Candidate { keys, origin: (count, 0, 0), entity }, options)?;
        } else if (options.skip..end).contains(&(count - 1)) {
            wanted.push(entity);
        } else if count > end && !options.is_counting() {
            break;
        }
    }
    wanted.extend(foremost.page(options).into_iter().map(|candidate| candidate.entity));
    let has_more = count > end && options.page() > 0;
    let next = has_more.then(|| options.next(end, token));
    let count = options.count.then(|| options.counted().unwrap_or(count));
    Ok(PageOf { entities: wanted, count, next })
}

/// What an entity is sorted by.
pub(crate) fn keys(
    world: &World<'_>,
    entity: &Entity,
    options: &Options,
) -> Result<Vec<Value>, Fault> {
    let by: Vec<_> = options.order.iter().map(|key| &key.by).collect();
    let facts = facts(world, entity, &by)?;
    by.into_iter().map(|by| evaluate::first(by, &facts, world.now)).collect()
}

/// Whether the filter lets an entity through.
pub(crate) fn is_wanted(
    world: &World<'_>,
    entity: &Entity,
    options: &Options,
) -> Result<bool, Fault> {
    let Some(filter) = &options.filter else { return Ok(true) };
    evaluate::holds(filter, &facts(world, entity, &[filter])?, world.now)
}

/// An entity as expressions see it: its properties, and those of the entities that they name.
fn facts(world: &World<'_>, entity: &Entity, expressions: &[&Expression]) -> Result<Json, Fault> {
    let mut paths = Vec::new();
    for expression in expressions {
        expression.paths(&mut paths);
    }
    seen_through(world, entity, &paths, &mut 0)
}

/// `led_to` is how many entities the expressions have led to from the one that they are about.
fn seen_through(
    world: &World<'_>,
    entity: &Entity,
    paths: &[&[String]],
    led_to: &mut usize,
) -> Result<Json, Fault> {
    let mut facts = named(world, entity, paths);
    for nav in entity.kind().navs() {
        let through: Vec<&[String]> = paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(name, _)| *name == nav.name())
            .map(|(_, rest)| rest)
            .collect();
        if through.is_empty() {
            continue;
        }
        // A path may come back to where it was, and lead to more each time: it is counted on its way.
        let mut lead = |to: &Entity| {
            world.lead(led_to)?;
            seen_through(world, to, &through, led_to)
        };
        let found = match world.follow(entity, *nav) {
            Related::One(Some(one)) => lead(&one)?,
            Related::Many(many) => many.iter().map(lead).collect::<Result<_, _>>()?,
            Related::One(None) | Related::Logs(_) => Json::Null,
        };
        facts.insert(nav.name().to_owned(), found);
    }
    Ok(Json::Object(facts))
}

/// The properties of an entity that paths begin with: of many entities all would be much.
fn named(world: &World<'_>, entity: &Entity, paths: &[&[String]]) -> Map<String, Json> {
    let kind = entity.kind();
    let names = paths.iter().filter_map(|path| path.first());
    let names: Vec<_> = names.filter_map(|name| kind.property(name)).collect();
    if names.is_empty() {
        return Map::new();
    }
    let mut properties = world.properties(entity);
    properties.retain(|name, _| names.contains(&name.as_str()));
    properties
}

/// An entity as it is told, with what is expanded.
pub(crate) fn tell(world: &World<'_>, entity: &Entity, options: &Options) -> Result<Json, Fault> {
    let mut told = world.properties(entity);
    let is_selected = |name: &str| {
        options.select.is_empty() || options.select.iter().any(|selected| selected == name)
    };
    told.retain(|name, _| is_selected(name));
    for nav in entity.kind().navs() {
        if is_selected(nav.name()) {
            let name = format!("{}@iot.navigationLink", nav.name());
            told.insert(name, world.nav_link(entity, *nav).into());
        }
    }
    world.spend(Json::Object(told.clone()).to_string().len())?;
    for Expansion { nav, options } in &options.expand {
        let name = nav.name();
        told.remove(&format!("{name}@iot.navigationLink"));
        match world.follow(entity, *nav) {
            Related::One(one) => {
                let one = one.map(|one| tell(world, &one, options)).transpose()?;
                told.insert(name.to_owned(), one.unwrap_or(Json::Null));
            }
            many @ (Related::Many(_) | Related::Logs(_)) => {
                expand(world, (entity, *nav), many, options, &mut told)?;
            }
        }
    }
    Ok(Json::Object(told))
}

fn expand(
    world: &World<'_>,
    (entity, nav): (&Entity, Nav),
    related: Related,
    options: &Options,
    told: &mut Map<String, Json>,
) -> Result<(), Fault> {
    let name = nav.name();
    let page = page(world, related, options, Role::Aside)?;
    let each = page.entities.iter().map(|each| tell(world, each, options));
    told.insert(name.to_owned(), each.collect::<Result<Vec<_>, _>>()?.into());
    if let Some(count) = page.count {
        told.insert(format!("{name}@iot.count"), count.into());
    }
    if let Some(next) = &page.next {
        let link = link(&world.nav_link(entity, nav), next);
        told.insert(format!("{name}@iot.nextLink"), link.into());
    }
    Ok(())
}

/// The topics whose last record is wanted, and everything else.
impl Want {
    /// Of which topic records are wanted.
    #[must_use]
    pub const fn topic(&self) -> &Topic {
        match self {
            Self::Last(topic) | Self::Page(topic, _, _) => topic,
        }
    }
}
