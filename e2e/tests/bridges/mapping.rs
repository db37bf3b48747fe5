//! The device factory of sensiNact, as its source says (southbound/device-factory at ab31728), as far
//! as a mapping without dates needs it, and the twin that it keeps.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

/// The milliseconds that it takes for such, beside seconds and nanoseconds.
const MILLISECONDS: std::ops::Range<i64> = 100_000_000_000..1_000_000_000_000_000;

/// A value of the twin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) value: Value,
    /// The Java class of the first value, which no later one changes.
    pub(crate) class: &'static str,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) metadata: BTreeMap<String, Value>,
}

/// What is known by `provider/service/resource`.
#[derive(Debug, Default)]
pub(crate) struct Twin {
    pub(crate) resources: BTreeMap<String, Held>,
    /// Everything that came, in its order, as resource, time and value.
    pub(crate) history: Vec<(String, i64, Value)>,
    /// Updates that sensiNact would log as errors.
    pub(crate) errors: Vec<String>,
}

/// A mapping, as it is in the configuration.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: String,
    keys: Map<String, Value>,
}

impl Mapping {
    /// The one in the pack that is given to users.
    pub(crate) fn of_the_pack() -> Self {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bridges/sensinact/pack");
        let read = |file: &str| std::fs::read_to_string(pack.join(file)).unwrap();
        let configuration: Value =
            serde_json::from_str(&read("configuration/configuration.json")).unwrap();
        let client = &configuration["sensinact.southbound.mqtt~sekisho"];
        let factory = &configuration["sensinact.mqtt.device.factory~sekisho"];
        assert_eq!(client["id"], factory["mqtt.handler.id"]);
        assert_eq!(client["topics"], serde_json::json!(["sensinact/+"]));
        let mapping: Value = serde_json::from_str(factory["mapping"].as_str().unwrap()).unwrap();
        assert_eq!(mapping, serde_json::from_str::<Value>(&read("mapping.json")).unwrap());
        assert_eq!(mapping["parser"], "json");
        Self {
            base: mapping["parser.options"]["base"].as_str().unwrap().to_owned(),
            keys: mapping["mapping"].as_object().unwrap().clone(),
        }
    }

    /// Takes a payload in.
    pub(crate) fn handle(&self, payload: &[u8], twin: &mut Twin) {
        let root: Value = match serde_json::from_slice(payload) {
            Ok(root) => root,
            Err(fault) => return twin.errors.push(format!("{fault}")),
        };
        match &root[&self.base] {
            Value::Array(records) => {
                for record in records {
                    if let Err(fault) = self.handle_record(record, twin) {
                        twin.errors.push(fault);
                    }
                }
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => twin.errors.push(format!("unsupported content {other}")),
        }
    }

    fn handle_record(&self, record: &Value, twin: &mut Twin) -> Result<(), String> {
        let field = |path: &str| path.split('/').try_fold(record, |node, part| node.get(part));
        let path = |key: &str| self.keys.get(key).and_then(Value::as_str);
        let placeholder = |key: &str| path(key).and_then(&field);
        let mut variables = BTreeMap::new();
        for (key, path) in &self.keys {
            if let Some(name) = key.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                let value = field(path.as_str().unwrap());
                variables.insert(format!("${{{name}}}"), text(value).unwrap_or_default());
            }
        }
        let provider = text(placeholder("@provider")).filter(|name| !name.trim().is_empty());
        let provider = provider.ok_or("empty provider")?;
        let time = placeholder("@timestamp").and_then(Value::as_i64).ok_or("no timestamp")?;
        if !MILLISECONDS.contains(&time) {
            return Err(format!("{time} is not taken for milliseconds"));
        }
        let put = |twin: &mut Twin, service: &str, resource: &str, value: Value| {
            twin.put(&format!("{provider}/{service}/{resource}"), value, time);
        };
        if let Some(name) = text(placeholder("@name")) {
            put(twin, "admin", "friendlyName", Value::String(name));
        }
        if let Some(location) = placeholder("@location") {
            put(twin, "admin", "location", location.clone());
        }
        let mut metadata = Vec::new();
        for (key, path) in self.keys.iter().filter(|(key, _)| key.starts_with("${")) {
            let mut filled = key.clone();
            for (name, value) in &variables {
                filled = filled.replace(name, value);
            }
            let filled = sanitized(&filled);
            let parts: Vec<&str> = filled.split('/').collect();
            let value = field(path.as_str().unwrap()).cloned().unwrap_or(Value::Null);
            match parts.as_slice() {
                [service, resource] => put(twin, service, resource, value),
                [service, resource, name] => {
                    metadata.push((
                        format!("{provider}/{service}/{resource}"),
                        (*name).to_owned(),
                        value,
                    ));
                }
                _ => return Err(format!("not a path: {filled}")),
            }
            for (resource, name, value) in std::mem::take(&mut metadata) {
                if let Some(held) = twin.resources.get_mut(&resource).filter(|one| one.time <= time)
                {
                    held.metadata.insert(name, value);
                }
            }
        }
        Ok(())
    }
}

impl Twin {
    fn put(&mut self, resource: &str, value: Value, time: i64) {
        let class = match &value {
            Value::Bool(_) => "Boolean",
            Value::String(_) => "String",
            Value::Object(_) => "GeoJsonObject",
            Value::Number(number) if number.is_f64() => "Double",
            Value::Number(number)
                if number.as_i64().is_some_and(|one| i32::try_from(one).is_ok()) =>
            {
                "Integer"
            }
            Value::Number(_) => "Long",
            Value::Null | Value::Array(_) => {
                return self.errors.push(format!("{resource}: null value without explicit type"));
            }
        };
        self.history.push((resource.to_owned(), time, value.clone()));
        let metadata = BTreeMap::new();
        let held = self.resources.entry(resource.to_owned());
        let held = held.or_insert_with(|| Held { value: value.clone(), class, time, metadata });
        if held.class != class {
            self.errors.push(format!("{resource}: a {class} for a {}", held.class));
        } else if held.time <= time {
            (held.value, held.time) = (value, time);
        }
    }
}

/// `NamingUtils.sanitizeName` of a path.
fn sanitized(path: &str) -> String {
    let is_kept = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '/';
    path.chars().map(|letter| if is_kept(letter) { letter } else { '-' }).collect()
}

/// `JsonNode.asText` of a value.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::Bool(_) | Value::Number(_) => value.map(Value::to_string),
    }
}
