//! The binary itself: what it says, how it stops, what it refuses.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

fn server() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sixlane-server"));
    for name in ["SIXLANE_PORT", "SIXLANE_DATABASE", "SIXLANE_SITE", "SIXLANE_MOUNT"] {
        command.env_remove(name);
    }
    command
}

#[cfg(unix)]
#[test]
fn one_line_says_where_and_a_signal_stops_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let mut child = server().env("SIXLANE_PORT", "0").stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port =
            line.strip_prefix("sixlane demo: http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/\n"));
        assert_ne!(port.unwrap().parse::<u16>().unwrap(), 0);
        assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn what_it_cannot_do_it_says() {
    for (flags, reason) in [
        (["--port", "x"], "--port"),
        (["--site", "no/such/folder"], "no/such/folder is not a folder"),
        (["--mount", "/api=."], "belongs to the server's own routes"),
        (["--database", "mysql://x"], "cannot use the database mysql://x"),
    ] {
        let output = server().args(flags).output().unwrap();
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(reason), "{said}");
    }
}
