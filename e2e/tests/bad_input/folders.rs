//! Folders with something wrong in them: node, steward and client say what, and do not start.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use sekisho_e2e::{City, Process};

use crate::scene::Scene;

/// The exit code where a file or setting of this machine is at fault.
const LOCAL: Option<i32> = Some(4);

/// A file of a city, put back as it was when this goes.
struct Spoilt {
    path: PathBuf,
    bytes: Vec<u8>,
    mode: u32,
}

impl Spoilt {
    /// Keeps the file as it is, to spoil it.
    fn keep(path: PathBuf) -> Self {
        let bytes = fs::read(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        Self { path, bytes, mode }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    fn mend(&self) {
        drop(fs::remove_file(&self.path));
        drop(fs::remove_dir(&self.path));
        fs::write(&self.path, &self.bytes).unwrap();
        fs::set_permissions(&self.path, Permissions::from_mode(self.mode)).unwrap();
    }

    /// Does something to the file, starts a process that must refuse it with all these words, and
    /// puts the file back.
    async fn refused(&self, city: &City, command: &str, spoil: impl FnOnce(&Path), words: &[&str]) {
        spoil(&self.path);
        let mut process = city.launch(command);
        let status = process.wait().await;
        self.mend();
        let log = process.log();
        let said = log.rsplit("sekisho: ").next().unwrap_or_default();
        assert_eq!(status.code(), LOCAL, "{said}");
        for word in words {
            assert!(said.contains(word), "wanted {word:?}, found {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

fn replaced(text: impl AsRef<[u8]>) -> impl FnOnce(&Path) {
    move |path| fs::write(path, text).unwrap()
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
}

/// The lines of a key file with one of them changed.
fn line_changed(text: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    text.lines()
        .map(|line| if line.starts_with(name) { change(line) } else { line.to_owned() } + "\n")
        .collect()
}

#[tokio::test]
async fn a_node_with_a_broken_configuration_names_every_fault_at_once() {
    let mut city = City::plan("fujisawa").await;
    let config = Spoilt::keep(city.dir().join("sekisho.toml"));
    let faults = "organisation = \"No City\"\nkey = \"\"\nlisten_quic = 1\n\
         [listen]\nquic = \"nowhere\"\nhttp = \"0.0.0.0:80\"\n\
         [storage]\nretention_days = -1\nfree_mebibytes_min = \"much\"\n\
         [limits]\nenvelope_bytes = 1\nrequests_per_second = 0\n";
    let named = [
        "sekisho.toml: 9 keys wrong",
        "organisation: ",
        "key: wanted a path, found nothing",
        "listen_quic: no such key; known here: organisation",
        "listen.quic: wanted ADDRESS:PORT, found \"nowhere\"",
        "listen.http: wanted a loopback address",
        "storage.retention_days: wanted 0 to 36500, found -1",
        "storage.free_mebibytes_min: wanted a whole number, found string",
        "limits.envelope_bytes: wanted 1024 to 1048576, found 1",
        "limits.requests_per_second: wanted 1 to 10000000, found 0",
    ];
    config.refused(&city, "serve", replaced(faults), &named).await;
    let syntax = ["sekisho.toml: not TOML", "line 2"];
    config.refused(&city, "serve", replaced("organisation = \"x\"\n[listen\n"), &syntax).await;
    let required = ["organisation: required, found nothing"];
    config.refused(&city, "serve", replaced(""), &required).await;
    let steward = city.dir().join("steward/steward.toml");
    fs::write(&steward, "").unwrap();
    let steward = Spoilt::keep(steward);
    let faults = "trees = [\"santander/#\"]\nepoch_hours = 0\ngrace_days = 1\nsuite = \"rot13\"\n";
    let named = ["steward.toml", "trees[0]: ", "epoch_hours: ", "grace_days: ", "suite: "];
    steward.refused(&city, "steward", replaced(faults), &named).await;
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    config.refused(&city, "serve", gone, &["found no sekisho.toml in it"]).await;
    city.start().await;
    assert_eq!(city.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_key_file_that_is_open_short_or_of_another_kind_is_refused() {
    let mut city = City::plan("fujisawa").await;
    let key = Spoilt::keep(city.dir().join("keys/node.key"));
    let administrator = city.dir().join("administrator/identity.key");
    let other = fs::read_to_string(&administrator).unwrap();
    let text = key.text();
    let cut = |digits: usize| {
        line_changed(&text, "signing-seed: ", |line| line[..line.len() - digits].to_owned())
    };
    let long = line_changed(&text, "signing-seed: ", |line| format!("{line}00"));
    let swapped = line_changed(&text, "public-key: ", |_| {
        other.lines().find(|line| line.starts_with("public-key: ")).unwrap().to_owned()
    });
    let renamed = line_changed(&text, "name: ", |_| "name: other".to_owned());
    let link = |path: &Path| {
        fs::remove_file(path).unwrap();
        symlink(&administrator, path).unwrap();
    };
    let folder = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    let seed = "line 6: wanted 64 hexadecimal digits";
    key.refused(&city, "serve", open_to_all, &["node.key: wanted mode 0600, found 0644"]).await;
    key.refused(&city, "serve", replaced(cut(2)), &["node.key", seed]).await;
    key.refused(&city, "serve", replaced(long), &["node.key", seed]).await;
    key.refused(&city, "serve", replaced(&key.bytes[..31]), &["node.key", "line 2"]).await;
    key.refused(&city, "serve", replaced(""), &["node.key", "line 1"]).await;
    key.refused(&city, "serve", replaced(swapped), &["wanted the seed of the public key"]).await;
    key.refused(&city, "serve", replaced(renamed), &["wanted the checksum"]).await;
    key.refused(&city, "serve", replaced(vec![0xff; 9_000]), &["wanted at most"]).await;
    key.refused(&city, "serve", replaced(other.clone()), &["wanted a node's key"]).await;
    key.refused(&city, "serve", link, &["node.key", "a symbolic link"]).await;
    key.refused(&city, "serve", folder, &["node.key", "a directory"]).await;
    key.refused(&city, "serve", gone, &["node.key"]).await;
    // The steward and everybody else are as strict.
    let steward = Spoilt::keep(city.dir().join("steward/identity.key"));
    let mode = ["identity.key: wanted mode 0600, found 0644"];
    steward.refused(&city, "steward", open_to_all, &mode).await;
    steward.refused(&city, "steward", replaced(other), &["identity.key"]).await;
    let person = Spoilt::keep(administrator);
    open_to_all(&person.path);
    let said = city.run(&["who", "fujisawa/x"]).await;
    person.mend();
    assert_eq!(said.code, LOCAL, "{said:?}");
    assert!(said.error.contains(mode[0]), "{said:?}");
    for said in [text.as_str(), &key.text()] {
        let secret = said.lines().find_map(|line| line.strip_prefix("signing-seed: ")).unwrap();
        assert!(!city.log().contains(secret), "the log holds a secret");
    }
    city.start().await;
    assert_eq!(city.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn first_statements_that_are_broken_or_another_city_s_are_refused() {
    let mut city = City::plan("fujisawa").await;
    let santander = City::plan("santander").await;
    let genesis = Spoilt::keep(city.dir().join("genesis.statements"));
    let whole = genesis.bytes.clone();
    let theirs = fs::read(santander.dir().join("genesis.statements")).unwrap();
    let mut flipped = whole.clone();
    // In the last statement's signature.
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let mut huge = whole.clone();
    huge[0] = 0xff;
    let root_length = usize::try_from(u32::from_be_bytes(whole[..4].try_into().unwrap())).unwrap();
    let rootless = whole[4 + root_length..].to_vec();
    let cut = whole[..whole.len() - 1].to_vec();
    let root = "genesis: wanted the root statement of fujisawa first";
    let length = "genesis.statements: wanted statement";
    genesis.refused(&city, "serve", replaced(""), &[root, "found"]).await;
    genesis.refused(&city, "serve", replaced(rootless), &[root, "found"]).await;
    genesis.refused(&city, "serve", replaced(theirs), &[root, "found"]).await;
    genesis.refused(&city, "serve", replaced(cut), &[length, "whole"]).await;
    genesis.refused(&city, "serve", replaced(huge), &[length, "whole"]).await;
    let text = replaced("\0\0\0\x04text");
    genesis.refused(&city, "serve", text, &["genesis.statements, statement 0"]).await;
    let signature = ["control log of fujisawa, statement", "signature"];
    genesis.refused(&city, "serve", replaced(flipped), &signature).await;
    fs::remove_dir_all(city.dir().join("data")).unwrap();
    city.start().await;
    assert_eq!(city.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_data_directory_is_one_running_node_s_and_its_owner_s_alone() {
    let mut scene = Scene::open().await;
    let city = &scene.city;
    let rival = City::plan("fujisawa").await;
    // The same city's keys and first statements, ports of its own, and the other's data.
    for name in ["keys/node.key", "genesis.statements"] {
        fs::copy(city.dir().join(name), rival.dir().join(name)).unwrap();
    }
    let config = Spoilt::keep(rival.dir().join("sekisho.toml"));
    let data = city.dir().join("data");
    let borrowed = config.text().replace("[storage]\n", &format!("[storage]\ndata = {data:?}\n"));
    let words = format!("found it in use by process {}", city.node().id());
    let in_use = [data.to_str().unwrap(), &words];
    config.refused(&rival, "serve", replaced(borrowed), &in_use).await;
    let mut second: Process = city.launch("serve");
    assert_eq!(second.wait().await.code(), LOCAL);
    assert!(second.log().contains(&words), "{}", second.log());
    scene.goes_on().await;
    scene.city.stop_node().await;
    for (path, mode) in [(data.clone(), 0o755), (data.join("lock"), 0o644)] {
        let kept = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut exposed = scene.city.launch("serve");
        assert_eq!(exposed.wait().await.code(), LOCAL);
        fs::set_permissions(&path, kept).unwrap();
        let wanted = format!("{}: wanted permissions for its owner only", path.display());
        assert!(exposed.log().contains(&wanted), "{}", exposed.log());
    }
    scene.city.start_node().await;
    scene.ends_well().await;
}
