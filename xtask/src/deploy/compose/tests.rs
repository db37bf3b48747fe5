use super::*;

const SOUND: &str = r#"
name: cities
services:
  node:
    image: sekisho
    build: { context: .., dockerfile: deploy/Dockerfile }
    command: [serve, --dir, /var/lib/sekisho]
    restart: unless-stopped
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    volumes: ["data:/var/lib/sekisho"]
    networks: [cities]
    ports: ["7443:7443/udp"]
    stop_grace_period: 30s
    healthcheck:
      { test: [CMD, sekisho, doctor], interval: 10s, timeout: 5s, start_period: 5s, retries: 3 }
volumes:
  data:
networks:
  cities:
"#;

fn told(text: &str) -> Vec<String> {
    check("a.yaml", text).iter().map(ToString::to_string).collect()
}

fn only(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    let found = told(&SOUND.replace(from, to));
    let [finding] = &found[..] else { panic!("wanted one finding, found {found:?}") };
    finding.clone()
}

#[test]
fn a_service_that_is_locked_down_passes() {
    assert_eq!(told(SOUND), [""; 0]);
}

#[test]
fn a_service_that_is_not_locked_down_is_found() {
    for (from, to) in [
        ("read_only: true", "read_only: false"),
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]"),
        ("no-new-privileges:true", "no-new-privileges:false"),
    ] {
        assert!(only(from, to).contains("service node: wanted read_only"), "{to}");
    }
}

#[test]
fn a_listening_service_without_a_healthcheck_is_found() {
    let (before, _) = SOUND.split_once("    healthcheck:").unwrap();
    let found = told(&format!("{before}volumes:\n  data:\nnetworks:\n  cities:\n"));
    assert!(matches!(&found[..], [told] if told.contains("needs a healthcheck")), "{found:?}");
}

#[test]
fn what_is_named_but_not_declared_is_found() {
    assert!(only("\"data:/", "\"date:/").contains("volume date is not declared"));
    assert!(only("networks: [cities]", "networks: [towns]").contains("network towns"));
    let waiting =
        "restart: unless-stopped\n    depends_on: { gone: { condition: service_healthy } }";
    assert!(only("restart: unless-stopped", waiting).contains("waits for gone"));
}

#[test]
fn a_key_we_do_not_use_is_found() {
    assert!(only("read_only: true", "privileged: true").contains("privileged"));
}
