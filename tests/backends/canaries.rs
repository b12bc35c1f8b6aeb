//! Every value and every token of this suite is searched for in all that is written, said, shown and passed on.

use crate::search;
use crate::world::{World, processes};
use quarterdeck_servers::Fault;
use std::path::Path;

/// What a test puts into a file on purpose; the Fernet file holds its values sealed.
fn is_source(file: &Path) -> bool {
    file.ends_with("home/secret-id") || file.ends_with("home/password")
}

impl World {
    #[track_caller]
    fn none_in(&self, place: &str, bytes: impl AsRef<[u8]>) {
        search::none_in(&self.birds, place, bytes.as_ref());
    }

    #[track_caller]
    fn is_silent(&self, words: &[&str]) {
        for words in [words.to_vec(), [words, &["--json"]].concat()] {
            let said = self.house.run(&words);
            assert_ne!(format!("{}{}", said.stdout, said.stderr), "", "{words:?}");
            self.none_in(&format!("the standard output of {words:?}"), &said.stdout);
            self.none_in(&format!("the standard error of {words:?}"), &said.stderr);
        }
    }
}

const VERBS: [&[&str]; 12] = [
    &["status"],
    &["secrets", "list"],
    &["secrets", "search", "qa"],
    &["secrets", "history", "qa/plain"],
    &["secrets", "history", "qa/text"],
    &["secrets", "validate"],
    &["config", "show"],
    &["doctor"],
    &["plugins", "list"],
    &["plugins", "verify"],
    &["whoami"],
    &["audit", "tail"],
];

#[test]
fn no_verb_but_get_says_a_value_or_a_token() {
    let world = World::qa();
    VERBS.iter().for_each(|words| world.is_silent(words));
    // And when nothing works.
    for fault in [Fault::Refuse, Fault::Truncate(60), Fault::status(500)] {
        world.vault.set(fault.clone());
        world.aws.set(fault);
        for words in [&["status"][..], &["doctor"], &["secrets", "list"], &["secrets", "get", "qa/bytes"]] {
            world.is_silent(words);
        }
    }
    world.vault.set(Fault::throttle_vault());
    world.aws.set(Fault::throttle_aws());
    world.is_silent(&["status"]);
    search::none_in_files(&world.birds, world.house.root(), is_source);
}

#[test]
fn an_answer_of_another_shape_is_not_said_again() {
    let mut world = World::qa();
    let bird = world.bird("in an answer of another shape", "canary-shape-e0914c");
    for body in [
        format!(r#"{{"data":"{bird}"}}"#),
        format!(r#"{{"data":{{"data":["{bird}"],"metadata":"{bird}"}}}}"#),
        format!(r#"{{"errors":["{bird}"#),
        format!(r#"{{"SecretString":{{"{bird}":1}}}}"#),
        format!("<html>{bird}</html>"),
    ] {
        for status in [200, 400] {
            let fault =
                Fault::Answer { status, headers: vec![("Content-Type", "application/json")], body: body.clone() };
            world.vault.set_for("/data/", fault.clone());
            world.aws.set_for("GetSecretValue", fault);
            for name in ["qa/plain", "qa/broker#password", "qa/text", "qa/map#password"] {
                for json in [&[][..], &["--json"]] {
                    let said = world.house.run(&[&["secrets", "get", name], json].concat());
                    if said.status != 0 {
                        world.none_in(&format!("what is said of {name} and {body}"), said.stdout + &said.stderr);
                    }
                }
            }
        }
    }
    search::none_in_files(&world.birds, world.house.root(), is_source);
}

#[test]
fn nothing_is_shown_or_passed_on() {
    let world = World::qa();
    let mut screen = world.open();
    screen.lists("qa/plain");
    for (key, wanted) in [("2", "DETAIL"), ("6", "BACKENDS"), ("3", "AUDIT"), ("?", "HELP")] {
        screen.press(key, wanted);
    }
    screen.esc("HELP");
    // Each secret and each backend in detail.
    for (pane, rows) in [("2", 8), ("6", 4)] {
        screen.keys(pane);
        screen.keys("g");
        for _ in 0..rows {
            screen.settles();
            screen.keys("j");
        }
    }
    let processes = processes(&screen);
    assert_eq!(processes.len(), 5, "the cockpit and a plugin for each backend");
    for process in &processes {
        let line = process.command_line();
        assert_ne!(line, b"", "process {} has a command line", process.pid);
        world.none_in(&format!("the command line of {}", process.pid), &line);
    }
    for plugin in &processes[1..] {
        // Undumpable: only root may look, and finds nothing.
        if let Ok(environment) = std::fs::read(format!("/proc/{}/environ", plugin.pid)) {
            assert_eq!(environment.escape_ascii().to_string(), "", "the environment of {}", plugin.pid);
        }
    }
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    world.none_in("what the terminal was sent", screen.sent());
    search::none_in_files(&world.birds, world.house.root(), is_source);
}

#[test]
fn the_servers_own_records_show_that_the_token_was_used_and_no_other() {
    let world = World::over(quarterdeck_servers::OpenBao::raft());
    world.house.run(&["secrets", "get", "qa/plain"]).expect_status(0);
    let log = world.bao.audit_log();
    assert!(log.contains("secret/data/qa/plain"));
    // OpenBao keeps sums of them; ours would be in clear.
    world.none_in("OpenBao's audit file", log);
}

#[test]
fn a_log_in_by_a_secret_id_or_a_password_leaves_neither_anywhere() {
    let mut world = World::qa();
    let (role, secret) = world.bao.approle("cockpit", &["cockpit"], "700h");
    let secret = world.bird("a secret id", &secret);
    let password = world.bird("a password", "canary-userpass-2f90b7");
    world.bao.userpass("ada", &password, &["cockpit"]);
    world.house.write("home/secret-id", &secret);
    world.house.write("home/password", &password);
    let address = world.vault.address();
    let layer = |name: &str, more: &str, file: &str| {
        format!(
            "[backend.{name}]\nplugin = \"vault\"\nsettings = {{ address = \"{address}\", {more} }}\n\
             secret_files = {{ {file} }}\n"
        )
    };
    let role = format!("auth = \"approle\", role_id = \"{role}\"");
    let more = layer("by-role", &role, "secret_id = \"../home/secret-id\"")
        + &layer("by-user", "auth = \"userpass\", username = \"ada\"", "password = \"../home/password\"");
    world.configure(&address, &world.aws.address(), &more);
    for layer in ["by-role", "by-user"] {
        let said = world.house.run(&["secrets", "get", "qa/plain", "--layer", layer]).expect_status(0);
        assert_eq!(said.stdout, "canary-vault-plain-2a07c4\n", "{layer}");
        assert_eq!(world.status(layer)["error"], serde_json::Value::Null, "{layer}");
    }
    VERBS.iter().for_each(|words| world.is_silent(words));
    // A log-in that fails says neither.
    world.house.write("home/secret-id", "canary-of-another-role-77");
    world.house.write("home/password", "canary-of-another-user-78");
    world.bird("a wrong secret id", "canary-of-another-role-77");
    world.bird("a wrong password", "canary-of-another-user-78");
    world.is_silent(&["status"]);
    world.is_silent(&["doctor"]);
    assert_ne!(world.status("by-role")["error"], serde_json::Value::Null);
    search::none_in_files(&world.birds, world.house.root(), is_source);
}
