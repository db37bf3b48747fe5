use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("node"), Path::new("node/sekisho.toml"))
}

#[test]
fn only_the_organisation_is_needed() {
    let config = parse("organisation = \"fujisawa\"").unwrap();
    assert_eq!(config.listen_quic.to_string(), QUIC_DEFAULT);
    assert_eq!(config.listen_http.to_string(), HTTP_DEFAULT);
    assert_eq!(config.data, Path::new("node/data"));
    assert_eq!(config.retention_age, Some(Duration::from_secs(30 * 86_400)));
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "organisation = \"Not An Org\"\ncolour = 3\n[listen]\nquic = \"nowhere\"\n\
                http = \"0.0.0.0:80\"\n[limits]\nenvelope_bytes = 3\nconnections = \"many\"\n";
    let ConfigError::Faults { faults, .. } = parse(text).unwrap_err() else { panic!("faults") };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "organisation",
            "listen.quic",
            "listen.http",
            "limits.envelope_bytes",
            "limits.connections",
            "colour"
        ]
    );
}

#[test]
fn a_section_that_is_no_table_is_named() {
    let error = parse("organisation = \"fujisawa\"\nlisten = 7").unwrap_err().to_string();
    assert!(error.contains("listen: wanted a table, found integer"), "{error}");
}

#[test]
fn a_missing_organisation_is_named() {
    let error = parse("").unwrap_err().to_string();
    assert!(error.contains("organisation: required, found nothing"), "{error}");
}

#[test]
fn metrics_off_loopback_are_refused_with_the_reason() {
    let error = parse("organisation = \"a\"\n[listen]\nhttp = \"192.0.2.1:80\"").unwrap_err();
    assert!(error.to_string().contains("stay on this machine"), "{error}");
}

#[test]
fn what_is_taken_of_peers_is_all_unless_somebody_says_otherwise() {
    let [fujisawa, bilbao]: [OrgName; 2] = ["fujisawa", "bilbao"].map(|name| name.parse().unwrap());
    let config = parse("organisation = \"a\"").unwrap();
    assert!(!config.takes_wanted(&fujisawa));
    let text = "organisation = \"a\"\n[federation]\ntake = \"wanted\"\n\
                [federation.take_of]\nfujisawa = \"all\"\n";
    let config = parse(text).unwrap();
    assert!(!config.takes_wanted(&fujisawa));
    assert!(config.takes_wanted(&bilbao));
    let text = "organisation = \"a\"\n[federation]\ntake = \"some\"\n\
                [federation.take_of]\n\"No Name\" = \"all\"\nfujisawa = 3\n";
    let ConfigError::Faults { faults, .. } = parse(text).unwrap_err() else { panic!("faults") };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    let wanted = ["federation.take", "federation.take_of.No Name", "federation.take_of.fujisawa"];
    assert_eq!(keys, wanted);
}

#[test]
fn the_doors_for_others_are_closed_until_somebody_opens_them() {
    let config = parse("organisation = \"a\"").unwrap();
    assert_eq!((config.listen_web, config.listen_mqtt), (None, None));
    assert_eq!(config.tls.source, TlsSource::Made);
    assert_eq!(config.tls.key, Path::new("node/tls/key.pem"));
    assert!(config.web_origins.is_empty() && config.web_sign_in.is_empty());
    let text = "organisation = \"a\"\n[listen]\nweb = \"0.0.0.0:8443\"\n[tls]\n\
                certificate = \"c.pem\"\nkey = \"k.pem\"\n[web]\norigins = [\"https://b.example\"]\n\
                sign_in = [\"https://login.example\"]\n";
    let config = parse(text).unwrap();
    assert_eq!(config.web_sign_in, ["https://login.example".parse().unwrap()]);
    assert_eq!(config.listen_web, "0.0.0.0:8443".parse().ok());
    assert_eq!(config.tls.source, TlsSource::Given);
    assert_eq!(config.web_origins, ["https://b.example".parse().unwrap()]);
}

#[test]
fn a_certificate_without_its_key_and_a_page_that_is_none_are_faults() {
    let text = "organisation = \"a\"\n[tls]\ncertificate = \"c.pem\"\n\
                [web]\norigins = [\"b.example\", 3]\n";
    let ConfigError::Faults { faults, .. } = parse(text).unwrap_err() else { panic!("faults") };
    let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["tls.key", "web.origins", "web.origins"]);
}

#[test]
fn a_page_that_anybody_on_the_way_could_change_is_given_nobodys_rights() {
    let with = |key: &str, origin: &str| {
        parse(&format!("organisation = \"a\"\n[web]\n{key} = [\"{origin}\"]"))
    };
    for key in ["origins", "sign_in"] {
        for origin in ["https://b.example", "http://localhost:5173", "http://127.0.0.1:8080"] {
            assert!(with(key, origin).is_ok(), "{key} {origin}");
        }
        for origin in ["http://b.example", "http://192.0.2.1:80", "http://localhost.b.example"] {
            let fault = with(key, origin).unwrap_err().to_string();
            assert!(fault.contains(&format!("web.{key}: wanted https://HOST")), "{fault}");
            assert!(fault.contains(&format!("found \"{origin}\"")), "{fault}");
        }
    }
}

#[test]
fn names_of_mqtt_stand_in_the_organisations_own_tree() {
    let config = parse("organisation = \"a\"").unwrap();
    assert_eq!(config.mqtt.prefix.as_str(), "a/mqtt");
    let config = parse("organisation = \"a\"\n[mqtt]\nprefix = \"a\"").unwrap();
    assert_eq!(config.mqtt.prefix.as_str(), "a");
    for prefix in ["b/mqtt", "b", "a/", "a/#", ""] {
        let text = format!("organisation = \"a\"\n[mqtt]\nprefix = \"{prefix}\"");
        let ConfigError::Faults { faults, .. } = parse(&text).unwrap_err() else {
            panic!("{prefix}")
        };
        assert_eq!(faults[0].key, "mqtt.prefix", "{prefix}");
    }
}
