//! Mosquitto as a platform team runs it: TLS with client certificates for the bridge, and a plain
//! listener of the machine for those beside it. It keeps nothing on a disk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sekisho_e2e::{Port, eventually, skipped};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Debian puts it where not everybody looks.
const PROGRAMS: [&str; 2] = ["mosquitto", "/usr/sbin/mosquitto"];

/// A broker and its folder.
pub(crate) struct Mosquitto {
    program: &'static str,
    folder: TempDir,
    secure: Port,
    plain: Port,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one; says so where there is none to be started.
    pub(crate) async fn start() -> Option<Self> {
        let is_there = |program: &&&str| {
            let asked =
                std::process::Command::new(program).arg("-h").stdout(Stdio::null()).status();
            asked.is_ok()
        };
        let Some(program) = PROGRAMS.iter().find(is_there) else {
            skipped("wanted Debian's mosquitto, found none");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (secure, plain) = (Port::claim(), Port::claim());
        certify(folder.path());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = format!(
            "per_listener_settings true\nuser root\nlistener {} 127.0.0.1\ncafile {}\n\
             certfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n\
             listener {} 127.0.0.1\nallow_anonymous true\n",
            secure.address().port(),
            path("ca.pem"),
            path("server.pem"),
            path("server.key"),
            plain.address().port(),
        );
        std::fs::write(folder.path().join("mosquitto.conf"), settings).unwrap();
        let mut broker = Self { program, folder, secure, plain, child: None };
        broker.begin().await;
        Some(broker)
    }

    /// Starts it again.
    pub(crate) async fn begin(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.place("log")).unwrap();
        let mut command = Command::new(self.program);
        command.arg("-c").arg(self.place("mosquitto.conf")).kill_on_drop(true);
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        eventually("mosquitto", || async { TcpStream::connect(self.plain()).await.ok() }).await;
    }

    /// Ends it where it stands; everything that it retained is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    pub(crate) fn plain(&self) -> SocketAddr {
        self.plain.address()
    }

    /// A file of it: `ca.pem`, `bridge.pem`, `bridge.key`.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a bridge is told of it: TLS, an authority, and a certificate of its own.
    pub(crate) fn settings(&self) -> String {
        format!(
            "address = \"localhost:{}\"\nca = {:?}\nclient_certificate = {:?}\nclient_key = {:?}\n",
            self.secure.address().port(),
            self.place("ca.pem"),
            self.place("bridge.pem"),
            self.place("bridge.key"),
        )
    }
}

/// An authority, and what it signed for the broker and for the bridge.
fn certify(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for (name, host) in [("server", "localhost"), ("bridge", "bridge")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, host);
        let certificate = params.signed_by(&key, &authority).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        let file = folder.join(format!("{name}.key"));
        std::fs::write(&file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
