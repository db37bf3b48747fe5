//! The compose file: the part of its format that we use, and that every service is locked down.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::Finding;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Compose {
    name: String,
    #[serde(rename = "x-service", default)]
    service: serde_json::Value,
    #[serde(rename = "x-healthcheck", default)]
    healthcheck: serde_json::Value,
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<Empty>>,
    networks: BTreeMap<String, Option<Empty>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Service {
    image: String,
    build: Build,
    command: Vec<String>,
    restart: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, Dependency>,
    healthcheck: Option<Healthcheck>,
    stop_grace_period: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    condition: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields that are not read are the schema")]
struct Healthcheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    start_period: String,
    retries: u32,
}

/// Everything wrong with the compose file `text`.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let compose: Compose = match serde_saphyr::from_str(text) {
        Ok(compose) => compose,
        Err(error) => return vec![Finding::new(path, error.to_string())],
    };
    let mut findings = Vec::new();
    for (name, service) in &compose.services {
        let faults = faults(&compose, service);
        let told = faults.into_iter().map(|what| format!("service {name}: {what}"));
        findings.extend(told.map(|message| Finding::new(path, message)));
    }
    findings
}

fn faults(compose: &Compose, service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    if !service.read_only
        || service.cap_drop != ["ALL"]
        || !service.security_opt.iter().any(|option| option == "no-new-privileges:true")
    {
        faults.push("wanted read_only, cap_drop ALL and no-new-privileges".to_owned());
    }
    if service.healthcheck.is_none() && !service.ports.is_empty() {
        faults.push("a service that others connect to needs a healthcheck".to_owned());
    }
    for volume in &service.volumes {
        let source = volume.split(':').next().unwrap_or(volume);
        if !source.starts_with('.') && !compose.volumes.contains_key(source) {
            faults.push(format!("volume {source} is not declared"));
        }
    }
    for network in service.networks.iter().filter(|name| !compose.networks.contains_key(*name)) {
        faults.push(format!("network {network} is not declared"));
    }
    for (other, dependency) in &service.depends_on {
        let found = compose.services.get(other);
        let waits = dependency.condition == "service_healthy";
        if found.is_none_or(|found| waits && found.healthcheck.is_none()) {
            faults.push(format!("waits for {other}, which is missing or has no healthcheck"));
        }
    }
    faults
}

#[cfg(test)]
mod tests;
