//! Whether what is written can be run.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use sekisho::{ConfigFault, Filter, Start, Topic};
use zeroize::Zeroizing;

use super::file::{Actuation, Devices, File, Mqtt, Node};
use super::{
    ActuationConfig, Config, MqttConfig, MqttVersion, NodeConfig, Security, TlsConfig, TlsTrust,
};
use crate::device::Rules;

/// Filters of one bridge: each is a subscription.
const FILTERS_MAX: usize = 64;
/// Bytes of an MQTT topic here, so that names fit behind it.
const TOPIC_BYTES_MAX: usize = 256;
/// A file with a password, bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;
/// Client identifiers that every broker takes [3.1.1: 3.1.3.1] are shorter; all known ones take this.
const CLIENT_ID_BYTES_MAX: usize = 64;
/// What a cursor's name may have here, so that the filter's hash fits behind it.
const CURSOR_BYTES_MAX: usize = 32;

#[derive(Debug, Default)]
struct Faults(Vec<ConfigFault>);

impl Faults {
    fn add(&mut self, key: &str, wanted: impl Into<String>, found: impl Into<String>) {
        self.0.push(ConfigFault { key: key.into(), wanted: wanted.into(), found: found.into() });
    }

    fn number(&mut self, key: &str, found: u64, (least, most): (u64, u64)) -> u64 {
        if !(least..=most).contains(&found) {
            self.add(key, format!("{least} to {most}"), found.to_string());
        }
        found
    }
}

/// Checks the whole file.
pub(super) fn config(file: File, base: &Path) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Faults::default();
    let node = node(file.node, base, &mut faults);
    let devices = devices(&file.devices, &mut faults);
    let mqtt = mqtt(file.mqtt, base, &mut faults);
    let actuation = file.actuation.map(|found| actuation(found, &mut faults));
    if let (Some(mqtt), Some(actuation)) = (&mqtt, &actuation) {
        separate(mqtt, actuation, &mut faults);
    }
    match (node, mqtt) {
        (Some(node), Some(mqtt)) if faults.0.is_empty() => {
            Ok(Config { node, devices, mqtt, actuation })
        }
        _ => Err(faults.0),
    }
}

fn node(found: Node, base: &Path, faults: &mut Faults) -> Option<NodeConfig> {
    if found.filters.is_empty() || found.filters.len() > FILTERS_MAX {
        let wanted = format!("1 to {FILTERS_MAX} filters");
        faults.add("node.filters", wanted, found.filters.len().to_string());
    }
    let mut filters: Vec<Filter> = Vec::new();
    for (index, text) in found.filters.iter().enumerate() {
        let key = format!("node.filters[{index}]");
        match Filter::parse(text) {
            Ok(filter) => match filters.iter().find(|other| other.overlaps(&filter)) {
                Some(other) => {
                    let wanted = format!("one that shares no topic with {other}");
                    faults.add(&key, wanted, format!("{text:?}"));
                }
                None => filters.push(filter),
            },
            Err(fault) => faults.add(&key, "a filter such as fujisawa/truck/#", fault.to_string()),
        }
    }
    let start = match found.start.as_str() {
        "latest" => Start::Latest,
        "last-value" => Start::LastValue,
        "earliest" => Start::Earliest,
        other => {
            faults.add("node.start", "latest, last-value or earliest", format!("{other:?}"));
            Start::LastValue
        }
    };
    let cursor = found.cursor.parse().ok().filter(|_| found.cursor.len() <= CURSOR_BYTES_MAX);
    if cursor.is_none() {
        let wanted = format!("a name of at most {CURSOR_BYTES_MAX} bytes");
        faults.add("node.cursor", wanted, format!("{:?}", found.cursor));
    }
    let identity = base.join(found.identity);
    if !identity.join(sekisho::PROFILE_FILE).is_file() {
        let wanted = "the folder that `sekisho join` made";
        faults.add("node.identity", wanted, format!("{:?}", identity.display().to_string()));
    }
    Some(NodeConfig { identity, filters, cursor: cursor?, start, state: base.join(found.state) })
}

fn devices(found: &Devices, faults: &mut Faults) -> Rules {
    let levels = faults.number("devices.levels", found.levels, (1, 64));
    let late_after_s = faults.number("devices.late_after_s", found.late_after_s, (1, 604_800));
    let max = faults.number("devices.max", found.max, (1, 100_000));
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Rules {
        levels: size(levels),
        late_after: Duration::from_secs(late_after_s),
        devices_max: size(max),
    }
}

fn mqtt(found: Mqtt, base: &Path, faults: &mut Faults) -> Option<MqttConfig> {
    let host = found.address.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    let host = host.map(|(host, _)| host).filter(|host| !host.is_empty());
    if host.is_none() {
        faults.add("mqtt.address", "host:port", format!("{:?}", found.address));
    }
    let version = match found.version.as_str() {
        "3.1.1" => MqttVersion::V311,
        "5" | "5.0" => MqttVersion::V5,
        other => {
            faults.add("mqtt.version", "3.1.1 or 5", format!("{other:?}"));
            MqttVersion::V311
        }
    };
    if found.client_id.is_empty() || found.client_id.len() > CLIENT_ID_BYTES_MAX {
        let wanted = format!("1 to {CLIENT_ID_BYTES_MAX} bytes");
        faults.add("mqtt.client_id", wanted, format!("{:?}", found.client_id));
    }
    topic("mqtt.topic", &found.topic, faults);
    let keep_alive_s = faults.number("mqtt.keep_alive_s", found.keep_alive_s, (5, 3_600));
    let security = security(&found, host.unwrap_or_default(), base, faults);
    let login = login(&found, base, faults);
    Some(MqttConfig {
        address: found.address,
        version,
        client_id: found.client_id,
        security: security?,
        login,
        topic: found.topic,
        keep_alive: Duration::from_secs(keep_alive_s),
    })
}

fn security(found: &Mqtt, host: &str, base: &Path, faults: &mut Faults) -> Option<Security> {
    let client = match (&found.client_certificate, &found.client_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (base.join(certificate), base.join(key));
            private("mqtt.client_key", &key, faults);
            Some((certificate, key))
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            faults.add("mqtt.client_key", "both client_certificate and client_key", "one of them");
            None
        }
    };
    if found.plaintext {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = bare == "localhost"
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !is_here {
            faults.add("mqtt.plaintext", "false, but for an address of this machine", "true");
        }
        if found.ca.is_some() || found.certificate.is_some() || client.is_some() {
            faults.add("mqtt.plaintext", "false where certificates are named", "true");
        }
        return Some(Security::Loopback);
    }
    let trust = match (&found.ca, &found.certificate) {
        (Some(ca), None) => TlsTrust::Authorities(base.join(ca)),
        (None, Some(certificate)) => TlsTrust::Certificate(base.join(certificate)),
        (None, None) | (Some(_), Some(_)) => {
            let wanted = "one of ca (authorities) and certificate (the broker's own), or plaintext";
            let found = if found.ca.is_some() { "both" } else { "none" };
            faults.add("mqtt", wanted, found);
            return None;
        }
    };
    Some(Security::Tls(TlsConfig { trust, client }))
}

fn login(found: &Mqtt, base: &Path, faults: &mut Faults) -> Option<(String, Zeroizing<String>)> {
    let (user, file) = match (&found.user, &found.password_file) {
        (Some(user), Some(file)) => (user, base.join(file)),
        (None, None) => return None,
        (Some(_), None) | (None, Some(_)) => {
            faults.add("mqtt.password_file", "both user and password_file", "one of them");
            return None;
        }
    };
    if !private("mqtt.password_file", &file, faults) {
        return None;
    }
    match std::fs::read_to_string(&file).map(Zeroizing::new) {
        Ok(text) => {
            Some((user.clone(), Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
        }
        Err(fault) => {
            faults.add("mqtt.password_file", "a text that can be read", fault.to_string());
            None
        }
    }
}

/// Whether nobody else may read a file.
fn private(key: &str, path: &Path, faults: &mut Faults) -> bool {
    let wanted = "a short file of mode 0600";
    let found = match std::fs::metadata(path) {
        Ok(found) if found.mode() & 0o077 != 0 => format!("mode {:04o}", found.mode() & 0o7777),
        Ok(found) if key == "mqtt.password_file" && found.len() > PASSWORD_BYTES_MAX => {
            format!("{} bytes", found.len())
        }
        Ok(_) => return true,
        Err(fault) => fault.to_string(),
    };
    faults.add(key, wanted, format!("{}: {found}", path.display()));
    false
}

fn actuation(found: Actuation, faults: &mut Faults) -> ActuationConfig {
    let Actuation { topic: commands, answers, level } = found;
    topic("actuation.topic", &commands, faults);
    topic("actuation.answers", &answers, faults);
    if level.contains('/') || Topic::parse(&format!("x/{level}")).is_err() {
        faults.add("actuation.level", "one level of a topic", format!("{level:?}"));
    }
    ActuationConfig { topic: commands, answers, level }
}

/// None of the three trees is within another: what goes out one way never comes in by the other.
fn separate(mqtt: &MqttConfig, actuation: &ActuationConfig, faults: &mut Faults) {
    let trees = [
        ("mqtt.topic", &mqtt.topic),
        ("actuation.topic", &actuation.topic),
        ("actuation.answers", &actuation.answers),
    ];
    for (index, (key, tree)) in trees.iter().enumerate() {
        for (other_key, other) in trees.iter().skip(index.saturating_add(1)) {
            let within = |one: &str, two: &str| format!("{one}/").starts_with(&format!("{two}/"));
            if within(tree, other) || within(other, tree) {
                let wanted = format!("a topic that is not within {key}, nor this within it");
                faults.add(other_key, wanted, format!("{other:?} and {tree:?}"));
            }
        }
    }
}

/// Names of topics that every broker takes and no wildcard is in.
fn topic(key: &str, found: &str, faults: &mut Faults) {
    let is_level = |level: &str| {
        !level.is_empty() && !level.contains(['+', '#']) && !level.contains(char::is_control)
    };
    let is_topic =
        found.len() <= TOPIC_BYTES_MAX && !found.starts_with('$') && found.split('/').all(is_level);
    if !is_topic {
        let wanted = "an MQTT topic without wildcards, empty levels and a leading $";
        faults.add(key, wanted, format!("{found:?}"));
    }
}
