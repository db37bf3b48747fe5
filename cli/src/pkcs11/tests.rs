#[path = "../../../e2e/src/skipped.rs"]
#[expect(unreachable_pub, reason = "it is shared")]
mod skipped;

use std::fs;
use std::process::{Command, Stdio};

use sekisho_policy::Policy;
use sekisho_proto::{StatementBody, StatementVerifier as _};
use sekisho_seal::StrictVerifier;
use tempfile::TempDir;

use super::*;
use crate::organisation::{self, Plan};

const MODULES: [&str; 2] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];

/// The DER text of the curve's name, as PKCS #11 wants it.
const EDWARDS25519: [u8; 14] = *b"\x13\x0cedwards25519";

#[test]
fn a_uri_names_token_object_module_and_where_the_pin_is() {
    let uri = Uri::parse(
        "pkcs11:token=City%20Hall;object=root-1?module-path=/lib/a.so&pin-source=file:/etc/sekisho/pin",
    )
    .unwrap();
    assert_eq!((uri.token.as_str(), uri.object.as_str()), ("City Hall", "root-1"));
    assert_eq!(uri.module.as_deref(), Some(Path::new("/lib/a.so")));
    assert_eq!(uri.pin_source.as_deref(), Some(Path::new("/etc/sekisho/pin")));
    for (text, words) in [
        ("pkcs11:token=a", "token=LABEL;object=LABEL"),
        ("pkcs11:object=a", "token=LABEL;object=LABEL"),
        ("pkcs11:token=a;object=b?pin-value=1234", "not pin-value"),
        ("pkcs11:token=a;object=b;serial=1", "token, object, module-path and pin-source alone"),
        ("pkcs11:token=a;object=%zz", "percent-escapes of text"),
        ("pkcs11:token", "name=value"),
    ] {
        let error = Uri::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// A token in software, in a folder of its own. There is one per process: the module reads where
/// it is from the environment, once.
struct Token {
    uri: String,
}

fn softhsm(arguments: &[&str], configuration: &Path) -> bool {
    let mut command = Command::new("softhsm2-util");
    command.args(arguments).env("SOFTHSM2_CONF", configuration).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs this test again in a process whose environment names the token's folder: a test may not
/// change its own environment.
fn in_a_process_with_a_token(test: &str) -> Option<Token> {
    let Some(module) = MODULES.into_iter().find(|module| Path::new(module).exists()) else {
        skipped::skipped("wanted Debian's softhsm2, found none");
        return None;
    };
    if let Some(configuration) = std::env::var_os("SOFTHSM2_CONF") {
        let pin = Path::new(&configuration).with_file_name("pin");
        let shown = pin.display();
        let place = format!("module-path={module}&pin-source={shown}");
        return Some(Token { uri: format!("pkcs11:token=fujisawa;object=root-1?{place}") });
    }
    run_again(test);
    None
}

/// Makes a token, and runs the test where it is.
fn run_again(test: &str) {
    let folder = TempDir::new().unwrap();
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    fs::write(folder.path().join("pin"), "1234\n").unwrap();
    let made =
        ["--init-token", "--free", "--label", "fujisawa", "--pin", "1234", "--so-pin", "56789"];
    assert!(softhsm(&made, &configuration), "wanted a token");
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([test, "--exact", "--nocapture"]).env("SOFTHSM2_CONF", &configuration);
    let ran = again.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn make_key(uri: &Uri) -> PublicKey {
    let pkcs11 = Pkcs11::new(uri.module.as_ref().unwrap()).unwrap();
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let session = pkcs11.open_rw_session(slot_of(&pkcs11, uri).unwrap()).unwrap();
    session.login(UserType::User, Some(&AuthPin::new("1234".into()))).unwrap();
    let label = || Attribute::Label(uri.object.clone().into_bytes());
    let (public, _private) = session
        .generate_key_pair(
            &Mechanism::EccEdwardsKeyPairGen,
            &[Attribute::Token(true), Attribute::EcParams(EDWARDS25519.to_vec()), label()],
            &[
                Attribute::Token(true),
                Attribute::Sign(true),
                Attribute::Extractable(false),
                label(),
            ],
        )
        .unwrap();
    let key = point(&session, public).unwrap();
    drop(session);
    pkcs11.finalize().unwrap();
    key
}

#[test]
fn a_token_signs_what_the_strict_verifier_takes_and_needs_its_pin() {
    let name = "pkcs11::tests::a_token_signs_what_the_strict_verifier_takes_and_needs_its_pin";
    let Some(token) = in_a_process_with_a_token(name) else { return };
    let uri = Uri::parse(&token.uri).unwrap();
    let made = make_key(&uri);
    {
        let key = TokenKey::open(Path::new(&token.uri)).unwrap();
        assert_eq!(key.public_key(), made);
        let signature = key.sign(b"a statement").unwrap();
        assert!(StrictVerifier.verify(&made, b"a statement", &signature));
        assert!(!StrictVerifier.verify(&made, b"another one", &signature));
    }
    let other = token.uri.replace("root-1", "root-2");
    let error = format!("{:#}", TokenKey::open(Path::new(&other)).unwrap_err());
    assert!(error.contains("wanted one private key labelled root-2, found 0"), "{error}");
    let other = token.uri.replace("token=fujisawa", "token=santander");
    let error = format!("{:#}", TokenKey::open(Path::new(&other)).unwrap_err());
    assert!(error.contains("token: wanted santander, found fujisawa"), "{error}");
    fs::write(uri.pin_source.unwrap(), "4321\n").unwrap();
    let error = format!("{:#}", TokenKey::open(Path::new(&token.uri)).unwrap_err());
    assert!(error.contains("wanted the token to take the PIN"), "{error}");
    assert!(!error.contains("4321"), "{error}");
}

#[test]
fn an_organisation_is_founded_with_root_keys_that_never_leave_their_token() {
    let name =
        "pkcs11::tests::an_organisation_is_founded_with_root_keys_that_never_leave_their_token";
    let Some(token) = in_a_process_with_a_token(name) else { return };
    let uris = ["root-1", "root-2"].map(|label| token.uri.replace("root-1", label));
    let mut keys = uris.each_ref().map(|uri| make_key(&Uri::parse(uri).unwrap()));
    keys.sort_unstable();
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("city");
    let made = organisation::make(&Plan {
        organisation: "fujisawa".parse().unwrap(),
        dir: dir.clone(),
        listen: "127.0.0.1:7443".to_owned(),
        address: "127.0.0.1:7443".to_owned(),
        http: "127.0.0.1:7480".to_owned(),
        root_keys: 2,
        root_tokens: uris.iter().map(PathBuf::from).collect(),
        root_threshold: 2,
    })
    .unwrap();
    assert_eq!(made.root_files, Vec::<PathBuf>::new());
    let genesis = sekisho_broker::genesis::read(&dir.join("genesis.statements")).unwrap();
    let StatementBody::OrgRoot(root) = genesis[0].body() else { panic!("{:?}", genesis[0]) };
    assert_eq!((root.keys.as_slice(), root.threshold), (&keys[..], 2));
    let mut policy = Policy::new("fujisawa".parse().unwrap(), made.root);
    for statement in &genesis {
        policy.apply(statement, statement.body().issued(), &StrictVerifier).unwrap();
    }
    // One key twice is one key.
    let twice = Plan {
        organisation: "fujisawa".parse().unwrap(),
        dir: folder.path().join("again"),
        listen: "127.0.0.1:7443".to_owned(),
        address: "127.0.0.1:7443".to_owned(),
        http: "127.0.0.1:7480".to_owned(),
        root_keys: 2,
        root_tokens: vec![PathBuf::from(&uris[0]), PathBuf::from(&uris[0])],
        root_threshold: 2,
    };
    let error = organisation::make(&twice).unwrap_err().to_string();
    assert!(error.contains("wanted each once, found one twice"), "{error}");
}
