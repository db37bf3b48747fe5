//! Where the pages find pictures of a map: an operator's own server. Without it they draw coasts, and
//! ask nobody.

use std::fmt;
use std::str::FromStr;

use super::table::Table;

/// A template is no longer than that, bytes.
const TEMPLATE_BYTES_MAX: usize = 512;
/// Nor are the words below the map.
const ATTRIBUTION_BYTES_MAX: usize = 512;
/// What stands for the number and the place of a tile.
const PLACES: [&str; 3] = ["{z}", "{x}", "{y}"];

/// What the pages' map shows below the readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapConfig {
    /// Where tiles are; `None` = nowhere.
    pub tiles: Option<MapTiles>,
    /// Whose they are, as it is to stand below the map.
    pub attribution: String,
}

/// An `https://` address with `{z}`, `{x}` and `{y}` for a tile's number and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapTiles {
    template: String,
    source_bytes: usize,
}

impl MapTiles {
    /// Scheme, host and port, as a page's rules name where pictures may come from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.template.get(..self.source_bytes).unwrap_or_default()
    }
}

impl FromStr for MapTiles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = || format!("wanted https://HOST/…{{z}}…{{x}}…{{y}}…, found {text:?}");
        let rest = text.strip_prefix("https://").ok_or_else(wanted)?;
        let (host, path) = rest.split_once('/').ok_or_else(wanted)?;
        // It becomes part of a header whose parts spaces, commas and semicolons separate.
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        let is_path = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\;,".contains(&byte);
        let fits = !host.is_empty()
            && text.len() <= TEMPLATE_BYTES_MAX
            && host.bytes().all(is_host)
            && path.bytes().all(is_path)
            && PLACES.iter().all(|place| path.contains(place));
        let source_bytes = text.len() - path.len() - 1;
        fits.then(|| Self { template: text.to_owned(), source_bytes }).ok_or_else(wanted)
    }
}

impl fmt::Display for MapTiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)
    }
}

/// The keys of `[web]` that are about the map.
pub(super) fn read(table: &mut Table<'_>) -> MapConfig {
    let tiles = table.parsed("map_tiles", str::parse::<MapTiles>);
    let attribution = table.parsed("map_attribution", |text| {
        let fits = text.len() <= ATTRIBUTION_BYTES_MAX && !text.chars().any(char::is_control);
        let wanted = || format!("wanted a line of at most {ATTRIBUTION_BYTES_MAX} bytes");
        fits.then(|| text.to_owned()).ok_or_else(wanted)
    });
    MapConfig { tiles, attribution: attribution.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_a_source_and_places() {
        let tiles: MapTiles = "https://tiles.city.example:8443/a/{z}/{x}/{y}.png".parse().unwrap();
        assert_eq!(tiles.source(), "https://tiles.city.example:8443");
        assert_eq!(tiles.to_string(), "https://tiles.city.example:8443/a/{z}/{x}/{y}.png");
    }

    #[test]
    fn what_could_change_the_rules_of_a_page_is_refused() {
        for text in [
            "",
            "http://tiles.city.example/{z}/{x}/{y}.png",
            "https:///{z}/{x}/{y}.png",
            "https://tiles.city.example/{z}/{x}.png",
            "https://*/{z}/{x}/{y}.png",
            "https://a.example;script-src/{z}/{x}/{y}.png",
            "https://a.example 'unsafe-inline'/{z}/{x}/{y}.png",
            "https://a.example/{z}/{x}/{y}.png; script-src *",
            "https://user@a.example/{z}/{x}/{y}.png",
            "https://a.example/{z}/{x}/{y}\n",
        ] {
            let fault = text.parse::<MapTiles>().unwrap_err();
            assert!(fault.contains("wanted https://"), "{text}: {fault}");
        }
    }
}
