//! A city with something in its logs.

use std::path::{Path, PathBuf};

use sekisho_e2e::{City, Member, Said, sekisho};

/// A city, its root's fingerprint, and an app with a right.
pub(crate) struct Town {
    pub(crate) city: City,
    pub(crate) root: String,
    pub(crate) app: Member,
}

impl Town {
    pub(crate) async fn found() -> Self {
        let city = City::found("fujisawa").await;
        let app = Member::reader(&city, "wall", "fujisawa/truck/#").await;
        let root = city.administrator().profile().root.to_string();
        Self { city, root, app }
    }

    /// Exports a log into a folder of its own.
    pub(crate) async fn export(&self, name: &str, options: &[&str]) -> PathBuf {
        let folder = self.city.place(name);
        let export = ["log", "export", text(&folder)];
        self.city.run(&[&export[..], options].concat()).await.succeeded();
        folder
    }

    /// Makes a proof of an entry.
    pub(crate) async fn prove(&self, name: &str, which: &[&str]) -> PathBuf {
        let file = self.city.place(name);
        let prove = [&["log", "prove"], which, &["--out", text(&file)]].concat();
        self.city.run(&prove).await.succeeded();
        file
    }

    /// Verifies something with nothing but the root's fingerprint.
    pub(crate) async fn verify(&self, path: &Path, options: &[&str]) -> Said {
        verify(path, &[&["--root", &self.root], options].concat()).await
    }
}

/// Verifies something in an empty folder.
pub(crate) async fn verify(path: &Path, options: &[&str]) -> Said {
    let nowhere = tempfile::tempdir().unwrap();
    let dir = ["--dir", text(nowhere.path())];
    sekisho(&[&["log", "verify", text(path)], options, &dir].concat()).await
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
