//! With somebody in front of a terminal: what is drawn there, asked there, and not shown there.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use rqrr::{Grid, SimpleGrid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::city::City;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What begins a line of a code.
const BLACK_ON_WHITE: &str = "\x1b[30;107m";

/// A terminal with a command in it.
struct Screen {
    child: Child,
    keyboard: File,
    shown: Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    fn start(
        folder: &Path,
        columns: u16,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(master.as_fd(), size).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
            .args(arguments)
            .current_dir(folder)
            .env_remove("SEKISHO_DIR")
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .env("SEKISHO_LOG", "error")
            .envs(environment.iter().copied())
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let mut glass = keyboard.try_clone().unwrap();
        let (sender, shown) = sync_channel(1_024);
        thread::spawn(move || {
            let mut chunk = [0; 4_096];
            // The last one to let go of the terminal ends the reading with an error.
            while let Ok(length @ 1..) = glass.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, shown, seen: String::new() }
    }

    /// Reads until this is on the screen.
    fn shows(&mut self, words: &str) {
        while !self.seen.contains(words) {
            assert!(self.reads_on(), "wanted {words:?}, found {:?}", self.seen);
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Its exit code, and all that was on the screen.
    fn ends(mut self) -> (i32, String) {
        while self.reads_on() {}
        (self.child.wait().unwrap().code().unwrap_or(-1), self.seen)
    }

    fn reads_on(&mut self) -> bool {
        match self.shown.recv_timeout(PATIENCE) {
            Ok(chunk) => {
                self.seen.push_str(&String::from_utf8_lossy(&chunk));
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("wanted more, found {:?}", self.seen),
        }
    }
}

/// The code on a screen, as a camera reads it.
fn photographed(screen: &str) -> Option<String> {
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in screen.lines().filter_map(|line| line.strip_prefix(BLACK_ON_WHITE)) {
        let line = line.split('\x1b').next()?;
        rows.push(line.chars().map(|half| matches!(half, '▀' | '█')).collect());
        rows.push(line.chars().map(|half| matches!(half, '▄' | '█')).collect());
    }
    let first = rows.iter().position(|row| row.contains(&true))?;
    let left = rows[first].iter().position(|black| *black)?;
    let size = rows[first].iter().rposition(|black| *black)? + 1 - left;
    let grid = SimpleGrid::from_func(size, |column, row| rows[row + first][column + left]);
    Some(Grid::new(grid).decode().unwrap().1)
}

#[test]
fn a_token_is_drawn_where_the_screen_is_wide_enough_and_knows_colours() {
    let city = City::found();
    let folder = city.folder.path();
    let enrol = ["enrol", "truck-17", "--dir", "fujisawa"];
    let (code, screen) = Screen::start(folder, 100, &[], &enrol).ends();
    assert_eq!(code, 0, "{screen}");
    let text = screen.lines().find(|line| line.starts_with("sekisho-join-v1.")).unwrap().trim();
    assert_eq!(photographed(&screen).unwrap(), text.to_uppercase());
    assert!(screen.contains("good for 1 hour, until "), "{screen}");
    for (columns, environment) in
        [(40, &[][..]), (100, &[("NO_COLOR", "1")]), (100, &[("TERM", "dumb")])]
    {
        let (code, screen) = Screen::start(folder, columns, environment, &enrol).ends();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("sekisho-join-v1."), "{screen}");
        assert!(!screen.contains('\x1b') && !screen.contains('█'), "{screen}");
    }
    let piped = city.run(&enrol);
    assert!(!piped.done().contains('\x1b'), "{}", piped.out);
}

#[test]
fn who_waits_is_admitted_when_somebody_says_that_the_fingerprints_are_alike() {
    let city = City::found();
    let _open = city.open();
    let folder = city.folder.path();
    city.run(&["enrol", "truck-17", "--out", "token", "--dir", "fujisawa"]).done();
    let joining = city.start(&["join", "--token-file", "token", "--dir", "truck-17"]);
    let waits = || {
        let listed = city.run(&["enrol", "--list", "--json", "--dir", "fujisawa"]);
        let listed: serde_json::Value = serde_json::from_str(listed.done()).unwrap();
        listed[0]["key"].as_str().map(str::to_owned)
    };
    let key = (0..600).find_map(|_attempt| waits()).unwrap();
    let shown = format!("{}-{}-{}-{}", &key[..4], &key[4..8], &key[8..12], &key[12..16]);
    let approve = ["enrol", "--approve", "truck-17", "--dir", "fujisawa"];
    for (answer, wanted, words) in
        [("\n", 1, "not admitted"), ("n\n", 1, "not admitted"), ("y\n", 0, "is admitted with")]
    {
        let mut screen = Screen::start(folder, 100, &[], &approve);
        screen.shows("screen show the same? [y/N]");
        assert!(screen.seen.contains(&shown), "{}", screen.seen);
        screen.types(answer);
        let (code, screen) = screen.ends();
        assert_eq!(code, wanted, "{screen}");
        assert!(screen.contains(words), "{screen}");
    }
    let joined = joining.ended();
    assert!(joined.done().contains("joined as truck-17@fujisawa"));
    assert!(joined.err.contains(&shown), "{}", joined.err);
}

#[test]
fn a_token_that_is_typed_is_not_shown() {
    let city = City::found();
    let _open = city.open();
    let enrol = ["enrol", "truck-17", "--approve-matching", "--json", "--dir", "fujisawa"];
    let made: serde_json::Value = serde_json::from_str(city.run(&enrol).done()).unwrap();
    let token = made["token"].as_str().unwrap();
    let mut screen = Screen::start(city.folder.path(), 100, &[], &["join", "--dir", "truck-17"]);
    screen.shows("token: ");
    screen.types(&format!("{token}\n"));
    let (code, screen) = screen.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("joined as truck-17@fujisawa"), "{screen}");
    assert!(!screen.contains(token), "the token was shown");
    assert!(!screen.contains("other users of this machine"), "{screen}");
}

#[test]
fn a_statement_is_signed_when_somebody_says_yes_in_their_language() {
    let city = City::found();
    let _open = city.open();
    city.admit("wall", &["--kind", "app"]);
    let grant = ["grant", "wall@fujisawa", "history", "fujisawa/truck/#", "--dir", "fujisawa"];
    let japanese = [("LC_ALL", "ja_JP.UTF-8")];
    let spanish = [("LC_ALL", "es_ES.UTF-8")];
    let english = [("LC_ALL", "en_GB.UTF-8")];
    for (environment, question, answer, wanted, words) in [
        (&english, "Sign this? [y/N]", "\n", 1, "not signed"),
        (&english, "Careful: this includes everything kept", "no\n", 1, "not signed"),
        (&spanish, "¿Firmar esto? [s/N]", "yes\n", 1, "not signed"),
        (&japanese, "これに署名しますか？ [y/N]", "はい\n", 0, "in the control log"),
        (&spanish, "¿Firmar esto? [s/N]", "Sí\n", 0, "in the control log"),
        (&english, "Sign this? [y/N]", "y\n", 0, "in the control log"),
    ] {
        let mut screen = Screen::start(city.folder.path(), 100, environment, &grant);
        screen.shows(question);
        screen.types(answer);
        let (code, screen) = screen.ends();
        assert_eq!(code, wanted, "{screen}");
        assert!(screen.contains(words), "{screen}");
    }
    let what = city.run(&["what", "wall@fujisawa", "--json", "--dir", "fujisawa"]);
    let what: serde_json::Value = serde_json::from_str(what.done()).unwrap();
    assert_eq!(what["grants"].as_array().unwrap().len(), 3, "{what}");
}

#[test]
fn the_help_is_read_on_a_narrow_screen_and_its_examples_are_copied() {
    let folder = tempfile::TempDir::new().unwrap();
    let help = |columns, arguments: &[&str]| {
        let (code, screen) = Screen::start(folder.path(), columns, &[], arguments).ends();
        assert_eq!(code, 0, "{screen}");
        screen.replace("\r\n", "\n")
    };
    // Of these the longest names of options leave no room for words beside them.
    for arguments in [&["peer", "invite", "-h"][..], &["enrol", "-h"], &["grant", "--help"]] {
        let screen = help(40, arguments);
        let lines = screen.lines().filter(|line| !line.contains('\x1b'));
        let widest = lines.clone().map(|line| line.chars().count()).max();
        assert!(widest <= Some(40), "{screen}");
        let of_one_word = lines.filter(|line| line.split_whitespace().count() == 1).count();
        assert!(of_one_word < screen.lines().count() / 4, "{screen}");
    }
    let narrow = help(44, &["grant", "--help"]);
    let example = "  sekisho grant dashboard@santander \\\n      subscribe,decrypt 'fujisawa/truck/#' \\\n      \
                   --dir fujisawa\n";
    assert!(narrow.contains(example), "{narrow}");
    let wide = help(200, &["grant", "--help"]);
    assert!(wide.contains("\n  sekisho grant dashboard@santander subscribe,decrypt "), "{wide}");
    assert!(!wide.contains('\\'), "{wide}");
}

#[test]
fn a_long_list_keeps_its_columns_on_a_narrow_screen() {
    let city = City::found();
    let _open = city.open();
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    let list = ["access", "list", "--dir", "fujisawa"];
    let (code, screen) = Screen::start(city.folder.path(), 80, &[], &list).ends();
    assert_eq!(code, 0, "{screen}");
    let mut lines = screen.lines().filter(|line| !line.contains('\x1b'));
    let head = lines.next().unwrap();
    assert!(head.starts_with("INDEX  WHEN ") && head.ends_with(" WHAT"), "{screen}");
    assert!(lines.next().unwrap().starts_with("       FOR "), "{screen}");
    assert!(lines.all(|line| line.chars().count() <= 80), "{screen}");
}

#[test]
fn what_roles_may_do_is_told_whole_on_a_narrow_screen() {
    let city = City::found();
    let _open = city.open();
    city.admit("hanako", &["--kind", "person"]);
    let apply = ["role", "apply", "home-monitoring", "--tree", "fujisawa/home/12", "--yes"];
    city.run(&[&apply[..], &["--dir", "fujisawa"]].concat()).done();
    let assign = ["role", "assign", "family", "hanako@fujisawa", "--dir", "fujisawa"];
    city.run(&assign).done();
    let fall = "fujisawa/home/12/alarm/fall";
    for (arguments, words) in [
        (&["role", "matrix"][..], &["family", "shdf", "technical-support"][..]),
        (&["role", "list"], &["family", "hanako@fujisawa"]),
        (&["what", "hanako@fujisawa"], &["role/family@fujisawa", "subscribe,history", "discover"]),
        (&["who", fall], &["hanako@fujisawa", "role/family@fujisawa"]),
        (&["why", "hanako@fujisawa", "decrypt", fall], &["5. hanako@fujisawa has", "6. role/fam"]),
    ] {
        let all = [arguments, &["--dir", "fujisawa"]].concat();
        let (code, screen) = Screen::start(city.folder.path(), 44, &[], &all).ends();
        assert_eq!(code, 0, "{screen}");
        for word in words {
            assert!(screen.contains(word), "wanted {word:?} in {screen}");
        }
        assert!(!screen.contains('…'), "{screen}");
        let lines = screen.split(['\r', '\n']).filter(|line| !line.contains('\x1b'));
        let widest = lines.map(|line| line.chars().count()).max();
        assert!(widest <= Some(44), "{screen}");
    }
}
