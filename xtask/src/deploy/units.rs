//! The systemd units: no root, and no writable path but the state directory.

use crate::report::Finding;

/// What every unit says, word for word.
const WANTED: [&str; 28] = [
    "DynamicUser=yes",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "PrivateTmp=yes",
    "PrivateIPC=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RemoveIPC=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "StateDirectoryMode=0700",
];

/// What no unit says: each opens what the list above closes.
const BANNED: [&str; 4] = ["User=root", "ReadWritePaths=", "PermissionsStartOnly=", "ExecStart=+"];

/// Everything wrong with the unit `text`.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let missing = WANTED.iter().filter(|wanted| !lines.contains(*wanted));
    let missing = missing.map(|wanted| Finding::new(path, format!("wanted `{wanted}`")));
    let opened = lines.iter().enumerate().filter_map(|(index, line)| {
        let banned = BANNED.iter().find(|banned| line.starts_with(**banned))?;
        let message = format!("`{banned}` opens what the other lines close: take it out");
        Some(Finding::at(path, index + 1, message))
    });
    missing.chain(opened).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_line_is_found() {
        let whole = WANTED.join("\n");
        assert_eq!(check("a.service", &whole), []);
        for wanted in WANTED {
            let rest: Vec<_> = WANTED.into_iter().filter(|line| *line != wanted).collect();
            let found = check("a.service", &rest.join("\n"));
            assert_eq!(found, [Finding::new("a.service", format!("wanted `{wanted}`"))]);
        }
    }

    #[test]
    fn a_line_that_opens_something_is_found() {
        let text = format!("{}\nUser=root\nReadWritePaths=/srv\n", WANTED.join("\n"));
        assert_eq!(check("a.service", &text).len(), 2);
    }
}
