//! What people type wrong, and what they ask for first.

use std::path::Path;

use crate::city::run;

const COMMANDS: [&str; 26] = [
    "init", "serve", "steward", "enrol", "join", "grant", "deny", "revoke", "describe", "who",
    "why", "what", "peer", "pub", "sub", "history", "discover", "doctor", "root", "issuer", "sign",
    "state", "node", "role", "diff", "bench",
];

fn here(arguments: &[&str]) -> crate::city::Said {
    run(Path::new("."), arguments)
}

#[test]
fn without_arguments_it_explains_itself() {
    here(&[]).failed(2, &["Usage: sekisho", "Exit codes:", "sekisho init fujisawa"]);
}

#[test]
fn help_tells_every_exit_code() {
    let said = here(&["--help"]);
    for code in
        ["0  done", "1  the answer is no", "2  the command", "3  the node", "4  a file", "5  what"]
    {
        assert!(said.done().contains(code), "{code}: {}", said.out);
    }
}

#[test]
fn every_command_has_examples() {
    for command in COMMANDS {
        let said = here(&[command, "--help"]);
        let example = format!("sekisho {command} ");
        assert!(said.done().contains(&example), "{command}: {}", said.out);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (arguments, words) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["sub", "fujisawa/#/air"], "# as the whole last level"),
        (&["sub", "fujisawa/a+/air"], "+ as a whole level"),
        (&["who", "fujisawa/truck/+/air"], "no + or # in a level"),
        (&["who", "fujisawa/truck", "--action", "fly"], "publish, subscribe"),
        (&["who", "fujisawa/truck", "--at", "noon"], "RFC 3339"),
        (&["sub", "fujisawa/#", "--from", "yesterday"], "earliest"),
        (&["pub", "fujisawa/truck/17/air", "12.5"], "NAME=VALUE"),
        (&["grant", "dashboard", "publish", "fujisawa/#"], "name@organisation"),
        (
            &["grant", "a@fujisawa", "publish", "fujisawa/#", "--until", "2020-01-01"],
            "--until: wanted a time after",
        ),
        (
            &[
                "diff",
                "grant",
                "a@b",
                "publish",
                "b/#",
                "--from",
                "2200-01-01",
                "--until",
                "2199-01-01",
            ],
            "wanted a time after 2200-01-01T00:00:00.000000Z, found 2199-01-01T00:00:00.000000Z",
        ),
        (&["revoke", "dashboard"], "name@organisation"),
        (&["describe", "fujisawa/tide", "--transducer", "level"], "NAME=UNIT"),
        (&["init", "Fujisawa"], "[a-z0-9-]"),
        (&["init", "fujisawa", "--listen", "7443"], "an IP address and a port"),
        (&["init", "fujisawa", "--http", "0.0.0.0:80"], "loopback"),
        (&["init", "fujisawa", "--listen", "0.0.0.0:7443"], "--address"),
        (&["init", "fujisawa", "--root-keys", "17"], "1..=16"),
        (&["init", "fujisawa", "--root-keys", "2", "--root-threshold", "3"], "at most the 2"),
        (&["issuer", "add", "mayor"], "--root"),
        (&["sign", "mayor.statement"], "--root"),
        (&["enrol", "truck-17", "--approve-matching", "5189"], "16 to 64 hexadecimal digits"),
        (&["join", "--dir", "nowhere"], "--token-file"),
        (&["enrol", "truck-17", "--kind", "robot"], "robot"),
        (&["enrol", "truck-17", "--minutes", "0"], "1..=1440"),
        (&["join", "sekisho-join-v1.abc", "--dir", "nowhere"], "join token"),
    ] {
        here(arguments).failed(2, &[words]);
    }
}
