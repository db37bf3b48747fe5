//! `[mqtt]`: where in the organisation's tree the names of MQTT's clients are, and what they may ask
//! for.

use std::time::Duration;

use sekisho_mqtt::mapping::Prefix;
use sekisho_proto::OrgName;

use super::table::Table;

/// The longest session expiry by default: a week, so that a device may be off over a holiday.
const SESSION_EXPIRY_S: u64 = 7 * 86_400;
/// The longest keep alive by default.
const KEEP_ALIVE_S: u64 = 60;

/// What an operator may set of MQTT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttConfig {
    /// What names of MQTT stand below.
    pub prefix: Prefix,
    /// The longest keep alive of a client of MQTT 5, seconds; 0 = as the client likes.
    pub keep_alive_s_max: u16,
    /// For how long a session may outlive its connection, seconds.
    pub session_expiry_s_max: u32,
    /// How often administrators are told under `$SYS` how the node is; `None` = nobody is.
    pub system_interval: Option<Duration>,
}

pub(super) fn read(mut table: Table<'_>, organisation: Option<&OrgName>) -> Option<MqttConfig> {
    let prefix = table.parsed("prefix", |text| parse(text, organisation));
    let default = organisation.map(|own| format!("{own}/mqtt"));
    let keep_alive = table.number("keep_alive_seconds_max", 0..=65_535, KEEP_ALIVE_S);
    let expiry_max = u64::from(u32::MAX - 1);
    let expiry = table.number("session_expiry_seconds_max", 0..=expiry_max, SESSION_EXPIRY_S);
    let system = table.number("sys_interval_seconds", 0..=3_600, 0);
    table.finish(&[
        "prefix",
        "keep_alive_seconds_max",
        "session_expiry_seconds_max",
        "sys_interval_seconds",
    ]);
    Some(MqttConfig {
        prefix: prefix.or_else(|| Prefix::parse(&default?).ok())?,
        keep_alive_s_max: u16::try_from(keep_alive).ok()?,
        session_expiry_s_max: u32::try_from(expiry).ok()?,
        system_interval: (system > 0).then_some(Duration::from_secs(system)),
    })
}

fn parse(text: &str, organisation: Option<&OrgName>) -> Result<Prefix, String> {
    let prefix = Prefix::parse(text).map_err(|error| error.to_string())?;
    let owner = text.split('/').next().unwrap_or_default();
    match organisation {
        Some(own) if own.as_str() != owner => {
            Err(format!("wanted a prefix in the tree of {own}, found {text:?}"))
        }
        _ => Ok(prefix),
    }
}
