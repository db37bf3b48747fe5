//! People who sign in at an OpenID provider, a real one: it says who they are, and nothing else
//! that it says counts.
#![cfg(test)]

use std::path::{Path, PathBuf};

use sekisho_e2e::{City, Process, Said, eventually, sekisho, within};
use tokio::process::Command;

const AIR: &str = "fujisawa/truck/17/air";

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openid");
    let installed = folder.join("node_modules");
    assert!(installed.exists(), "{}: wanted it installed by `make test`", installed.display());
    folder.join(name)
}

/// A city, and a provider that knows everybody by the name they give.
struct Scene {
    city: City,
    provider: Option<Process>,
    issuer: String,
}

impl Scene {
    async fn set() -> Self {
        let city = City::found("fujisawa").await;
        let mut command = Command::new("node");
        command.arg(script("provider.mjs"));
        let mut provider = Process::spawn("the provider", command, &city.place("provider.log"));
        let issuer = provider.line().await;
        Self { city, provider: Some(provider), issuer }
    }

    /// Invites Sato to read, if the provider knows the newcomer as this subject.
    async fn invite(&self, subject: &str) -> PathBuf {
        let token = self.city.place("token");
        let out = token.to_str().unwrap();
        let who = ["enrol", "sato", "--kind", "person", "--read", AIR, "--out", out];
        let openid = ["--openid", &self.issuer, "--openid-client", "sekisho"];
        let subject = ["--openid-subject", subject];
        self.city.run(&[&who[..], &openid, &subject].concat()).await.succeeded();
        token
    }

    fn join(&self, token: &Path) -> Process {
        let dir = self.city.place("sato");
        let (token, dir) = (token.to_str().unwrap(), dir.to_str().unwrap());
        let arguments = ["join", "--token-file", token, "--dir", dir, "--json"];
        Process::start("join", &arguments, &self.city.place("join.log"))
    }

    /// The page that whoever joins was told to open.
    async fn page(&self, joining: &Process) -> String {
        eventually("a page to sign in on", || async {
            let log = joining.log();
            let (_before, after) = log.split_once(": open ")?;
            let (page, _code) = after.split_once(" and compare the code ")?;
            assert!(log.contains(&format!("sign in at {}", self.issuer)), "{log}");
            Some(page.to_owned())
        })
        .await
    }

    /// A person opens the page and signs in under a name, or says no.
    async fn person(&self, page: &str, arguments: &[&str]) {
        let mut command = Command::new("node");
        command.arg(script("person.mjs")).arg(page).args(arguments);
        let ran = within("a person to sign in", command.output()).await.unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    async fn what(&self) -> Said {
        self.city.run(&["what", "sato@fujisawa", "--json"]).await
    }
}

#[tokio::test]
async fn who_signs_in_as_whom_was_invited_is_let_in_and_may_do_what_the_invitation_says() {
    let scene = Scene::set().await;
    let token = scene.invite("sato-42").await;
    let mut joining = scene.join(&token);
    let page = scene.page(&joining).await;
    scene.person(&page, &["sato-42"]).await;
    assert_eq!(joining.wait().await.code(), Some(0), "{}", joining.log());

    let what = scene.what().await.json();
    let grants = what["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 1, "{what}");
    assert_eq!(grants[0]["filter"], AIR);
    let actions = grants[0]["actions"].as_str().unwrap();
    assert!(!actions.contains("administer") && !actions.contains("publish"), "{actions}");
    // The provider calls everybody an administrator, which nobody asked it.
    let dir = scene.city.place("sato");
    let peers = ["peer", "list", "--dir", dir.to_str().unwrap()];
    sekisho(&peers).await.failed(1, "wanted the right to administer");
}

#[tokio::test]
async fn who_signs_in_as_somebody_else_is_not_let_in() {
    let scene = Scene::set().await;
    let token = scene.invite("sato-42").await;
    let mut joining = scene.join(&token);
    let page = scene.page(&joining).await;
    scene.person(&page, &["suzuki-7"]).await;
    assert_ne!(joining.wait().await.code(), Some(0));
    let log = joining.log();
    assert!(log.contains("sub: wanted who was invited, found somebody else"), "{log}");
    assert!(!log.contains("suzuki"), "{log}");
    assert!(scene.what().await.json()["id"].is_null());
}

#[tokio::test]
async fn who_says_no_at_the_provider_is_told_so() {
    let scene = Scene::set().await;
    let token = scene.invite("sato-42").await;
    let mut joining = scene.join(&token);
    let page = scene.page(&joining).await;
    scene.person(&page, &["sato-42", "no"]).await;
    assert_ne!(joining.wait().await.code(), Some(0));
    let log = joining.log();
    assert!(log.contains("wanted a yes, found access_denied"), "{log}");
    assert!(scene.what().await.json()["id"].is_null());
}

#[tokio::test]
async fn a_provider_that_is_away_lets_nobody_in() {
    let mut scene = Scene::set().await;
    scene.provider.take().unwrap().kill().await;
    let token = scene.invite("sato-42").await;
    let mut joining = scene.join(&token);
    assert_ne!(joining.wait().await.code(), Some(0));
    let log = joining.log();
    assert!(log.contains("wanted an answer of an OpenID provider"), "{log}");
}
