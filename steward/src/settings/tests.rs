use super::*;

fn organisation() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(text, &organisation(), Path::new("steward.toml"))
}

fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Err(SettingsError::Faults { faults, .. }) => {
            faults.iter().map(ToString::to_string).collect()
        }
        other => panic!("wanted faults, found {other:?}"),
    }
}

#[test]
fn nothing_said_is_everything_sealed_for_a_day_at_a_time() {
    let settings = parse("").unwrap();
    assert_eq!(settings, Settings::defaults(&organisation()));
    assert_eq!(settings.trees, ["fujisawa/#".parse().unwrap()]);
    assert_eq!(settings.suite, Suite::XWingAes256Gcm);
    assert_eq!(settings.epoch, Duration::from_secs(86_400));
}

#[test]
fn a_folder_without_the_file_has_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::load(folder.path(), &organisation()).unwrap();
    assert_eq!(settings, Settings::defaults(&organisation()));
}

#[test]
fn every_key_can_be_set() {
    let settings = parse(
        "trees = [\"fujisawa/truck/#\", \"fujisawa/park/+/noise\"]\nepoch_hours = 1\n\
         overlap_minutes = 5\ngrace_hours = 2\nkeep_days = 0\nsuite = \"x25519-aes256gcm\"\n",
    );
    let wanted = Settings {
        trees: ["fujisawa/park/+/noise", "fujisawa/truck/#"]
            .map(|text| text.parse().unwrap())
            .into(),
        suite: Suite::X25519Aes256Gcm,
        epoch: Duration::from_secs(3_600),
        overlap: Duration::from_secs(300),
        grace: Duration::from_secs(7_200),
        keep: None,
    };
    assert_eq!(settings.unwrap(), wanted);
}

#[test]
fn all_faults_are_told_at_once() {
    let found = faults(
        "trees = [\"santander/#\", 7, \"fujisawa/#\", \"fujisawa/#\"]\nepoch_hours = 745\n\
         grace_hours = -1\nkeep_days = \"all\"\nsuite = \"open\"\nepoch = 3\n",
    );
    let keys: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
    let wanted = [
        "trees[0]",
        "trees[1]",
        "trees[3]",
        "suite",
        "epoch_hours",
        "grace_hours",
        "keep_days",
        "epoch",
    ];
    assert_eq!(keys, wanted);
}

#[test]
fn an_overlap_is_shorter_than_an_epoch() {
    assert_eq!(faults("epoch_hours = 1\noverlap_minutes = 60\n").len(), 1);
    assert_eq!(faults("trees = []").len(), 1);
    assert!(matches!(parse("trees = ["), Err(SettingsError::Syntax { .. })));
}
