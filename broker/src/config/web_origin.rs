//! The origin of a web page (RFC 6454): what a browser says of the page that makes it ask.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Port of HTTPS where none is written.
const HTTPS_PORT: u16 = 443;
/// Port of HTTP where none is written.
const HTTP_PORT: u16 = 80;

/// Scheme, host and port in one spelling, so that two can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl WebOrigin {
    /// What a page is that this node itself served, by the host that was asked for.
    ///
    /// # Errors
    /// It is no host, with a port or without.
    pub fn of_host(host: &str) -> Result<Self, String> {
        Self::parse(Scheme::Https, host)
    }

    /// The same of a node that is asked without TLS, on its own machine: by another name than that of
    /// the machine itself, a page of elsewhere would pass for the node's own.
    ///
    /// # Errors
    /// It is no host of this machine, with a port or without.
    pub fn of_local_host(host: &str) -> Result<Self, String> {
        let origin = Self::parse(Scheme::Http, host)?;
        let address = origin.host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = address.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if is_loopback || origin.host == "localhost" {
            return Ok(origin);
        }
        Err(format!("wanted localhost or a loopback address, found {host:?}"))
    }

    /// One that an operator trusts, to sign people in or with their rights: over TLS, or without it
    /// on the machine of whoever looks at it.
    ///
    /// # Errors
    /// It is no origin, or one that anybody on the way could answer for.
    pub fn trusted(text: &str) -> Result<Self, String> {
        let Some(authority) = text.strip_prefix("http://") else { return text.parse() };
        Self::of_local_host(authority).map_err(|_elsewhere| {
            format!(
                "wanted https://HOST or https://HOST:PORT, http:// for localhost and loopback \
                 addresses only, found {text:?}"
            )
        })
    }

    fn parse(scheme: Scheme, authority: &str) -> Result<Self, String> {
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are within brackets.
            Some((host, port)) if !port.ends_with(']') => {
                let port =
                    port.parse().map_err(|_no_port| format!("wanted a port, found {port:?}"))?;
                (host, port)
            }
            Some(_) | None => (authority, scheme.port()),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(format!("wanted https://HOST or https://HOST:PORT, found host {host:?}"));
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl FromStr for WebOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let schemes = [("https://", Scheme::Https), ("http://", Scheme::Http)];
        let found =
            schemes.iter().find_map(|(prefix, scheme)| Some((scheme, text.strip_prefix(prefix)?)));
        let Some((scheme, authority)) = found else {
            return Err(format!("wanted https://HOST or https://HOST:PORT, found {text:?}"));
        };
        Self::parse(*scheme, authority)
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{name}://{}", self.host)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => HTTP_PORT,
            Self::Https => HTTPS_PORT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, spelt) in [
            ("https://Dash.Example", "https://dash.example"),
            ("https://dash.example:443", "https://dash.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://[::1]", "https://[::1]"),
        ] {
            let origin: WebOrigin = text.parse().unwrap();
            assert_eq!(origin.to_string(), spelt);
        }
        let own = WebOrigin::of_host("node.example:443").unwrap();
        assert_eq!(own, "https://node.example".parse().unwrap());
        assert_ne!(own, "http://node.example:443".parse().unwrap());
    }

    #[test]
    fn what_is_trusted_comes_over_tls_or_from_this_machine() {
        for text in ["https://login.example", "https://login.example:8443", "http://127.0.0.1:9"] {
            assert_eq!(WebOrigin::trusted(text).unwrap().to_string(), text);
        }
        for text in [
            "http://login.example",
            "login.example",
            "https://*",
            "https://a.example; script-src *",
            "https://a.example/realms/city",
            "https://a.example 'unsafe-eval'",
        ] {
            assert!(WebOrigin::trusted(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_tls_a_node_is_known_by_the_names_of_its_machine_only() {
        for host in ["localhost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"] {
            let own = WebOrigin::of_local_host(host).unwrap();
            assert_eq!(own, format!("http://{host}").parse().unwrap());
        }
        for host in [
            "evil.example:8080",
            "localhost.evil.example",
            "192.0.2.1:8080",
            "0.0.0.0",
            "[::2]",
            "",
        ] {
            assert!(WebOrigin::of_local_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_was_wanted() {
        for text in
            ["null", "", "https://", "dash.example", "https://a/b", "https://a:b", "https://*"]
        {
            let fault = text.parse::<WebOrigin>().unwrap_err();
            assert!(fault.contains("wanted"), "{text}: {fault}");
        }
    }
}
