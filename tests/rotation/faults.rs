//! Hooks that refuse, writes that are denied, a sealed Vault, a throttling AWS, a full disk: a rotation goes back or waits,
//! says so, and is never half.

use crate::desk::{Background, Desk, FIRST};
use crate::house::processes::under;
use crate::place::Kind;
use quarterdeck_servers::Fault;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

const ALL: [Kind; 3] = [Kind::Vault, Kind::Aws, Kind::Fernet];

#[test]
fn a_set_that_refuses_leads_back() {
    refused("add");
}

#[test]
fn a_test_that_refuses_leads_back() {
    refused("login");
}

fn refused(verb: &str) {
    for kind in ALL {
        let desk = Desk::of(kind);
        let reader = desk.reader();
        desk.broker.refuse(verb, usize::MAX);
        let said = desk.start();
        assert_eq!(said.status, 1, "{kind:?}: {said:?}");
        assert!(said.stdout.contains("rolled back") && said.stdout.contains("the desk is closed"), "{said:?}");
        assert_eq!(desk.ended(), "rolled back");
        assert_eq!(desk.is_settled(verb), FIRST);
        // Two tries of two values.
        assert_eq!(desk.broker.calls("add"), if verb == "add" { 4 } else { 2 }, "{kind:?}");
        reader.was_never_cut_off();
    }
}

#[test]
fn a_revoke_that_refuses_for_a_while_needs_nobody() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let reader = desk.reader();
        desk.broker.refuse("remove", 2);
        let said = desk.start().expect_status(0);
        assert!(said.stdout.contains("the desk is closed"), "{said:?}");
        assert_ne!(desk.is_settled("in the end"), FIRST);
        reader.was_never_cut_off();
    }
}

#[test]
fn a_revoke_that_goes_on_refusing_is_stuck_and_both_values_stay() {
    let desk = Desk::of(Kind::Vault);
    let reader = desk.reader();
    desk.broker.refuse("remove", usize::MAX);
    let running = desk.begin();
    desk.status_until("STUCK", |told| {
        desk.pass(20);
        !told["stuck"].is_null()
    });
    let said = running.ended();
    assert!(said.status == 1 && said.stdout.contains("STUCK"), "{said:?}");
    assert!(said.stdout.contains("rotate resume"), "what to do next: {said:?}");
    let current = desk.place.current().expect("it answers");
    assert_ne!(current, FIRST);
    assert!(desk.broker.accepts(&current) && desk.broker.accepts(FIRST), "both stay");
    desk.broker.refuse("remove", 0);
    desk.rotate("resume").expect_status(0);
    assert_eq!(desk.ended(), "done");
    desk.is_settled("mended");
    reader.was_never_cut_off();
}

/// Where a hook is held, so that what comes after it meets the trouble.
const SPOTS: [(&str, usize, &str); 4] =
    [("login", 1, "stage"), ("add", 1, "test"), ("login", 2, "promote"), ("remove", 1, "verify")];

/// Trouble from a moment on, which ends once the rotation says that it waits for it.
#[track_caller]
fn hindered(kind: Kind, words: &[&str], hinder: impl Fn(&Desk, &Background), heal: impl Fn(&Desk, &Background)) {
    let desk = Desk::of(kind);
    let reader = desk.reader();
    for (verb, nth, before) in SPOTS {
        desk.broker.hold(verb, nth);
        let running = desk.begin();
        desk.broker.arrived();
        hinder(&desk, &running);
        desk.broker.go_on();
        let waits = |told: &Value| told["waits"].as_str().unwrap_or_default().to_lowercase();
        let told = desk.status_until(&format!("{words:?} before {before}"), |told| {
            words.iter().any(|word| waits(told).contains(word))
        });
        heal(&desk, &running);
        let said = running.ended();
        assert_eq!(said.status, 0, "{kind:?} before {before}: {said:?}; it had told {told:#}");
        assert_eq!(desk.ended(), "done", "{kind:?} before {before}");
        desk.is_settled(before);
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

#[test]
fn a_vault_that_is_sealed_before_any_step_is_waited_for() {
    hindered(Kind::Vault, &["sealed"], |desk, _| desk.place.bao().seal(), |desk, _| desk.place.bao().unseal());
}

#[test]
fn an_aws_that_throttles_before_any_step_is_waited_for() {
    let throttles = |desk: &Desk, _: &Background| desk.place.proxy().set(Fault::throttle_aws());
    hindered(Kind::Aws, &["throttl", "too often", "often"], throttles, |desk, _| desk.place.proxy().heal());
}

#[test]
fn a_write_of_the_fernet_file_that_fails_in_its_midst_is_looked_at_and_done_again() {
    let desk = Desk::of(Kind::Fernet);
    let reader = desk.reader();
    for (verb, nth, before) in SPOTS {
        desk.broker.hold(verb, nth);
        let running = desk.begin();
        desk.broker.arrived();
        // A limit on the size of files ends the plugin's process at its next write; the one after it has none.
        limit(&running);
        desk.broker.go_on();
        let said = running.ended().expect_status(0);
        assert!(said.stdout.contains("plugin was killed by signal 25"), "before {before}: {said:?}");
        assert_eq!(desk.ended(), "done", "before {before}");
        desk.is_settled(before);
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

fn limit(running: &Background) {
    let is_plugin = |words: &[u8]| words.windows(11).any(|part| part == b"plugin-host");
    let plugins = under(running.pid()).into_iter().filter(|process| is_plugin(&process.command_line()));
    // What it may at most is its own limit already.
    let limit = |pid| Rlimit { current: Some(0), maximum: largest(pid) };
    let limited = plugins.map(|plugin| prlimit(Pid::from_raw(plugin.pid), Resource::Fsize, limit(plugin.pid)));
    let limited: Vec<_> = limited.map(|done| done.expect("it is ours")).collect();
    assert!(!limited.is_empty(), "a plugin was limited");
}

/// The hard limit of a process; none where there is none.
fn largest(pid: i32) -> Option<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size")).expect("a line");
    line.split_whitespace().nth(1).and_then(|most| most.parse().ok())
}

#[test]
fn a_pending_mark_that_stays_for_a_while_is_taken_away_later() {
    let desk = Desk::of(Kind::Vault);
    desk.broker.hold("login", 2);
    let running = desk.begin();
    desk.broker.arrived();
    desk.place.proxy().set_for("DELETE", Fault::throttle_vault());
    desk.broker.go_on();
    let told = desk.status_until("it waits at unstage", |told| told["step"] == "unstage" && !told["waits"].is_null());
    assert!(!told["promoted"].is_null(), "{told:#}");
    desk.place.proxy().heal();
    running.ended().expect_status(0);
    desk.is_settled("healed");
}

#[test]
fn a_journal_that_cant_be_written_stops_its_runner_and_the_next_goes_on() {
    let desk = Desk::of(Kind::Vault);
    let reader = desk.reader();
    for (verb, nth, _) in SPOTS {
        desk.broker.hold(verb, nth);
        let running = desk.begin();
        desk.broker.arrived();
        let full = Rlimit { current: Some(0), maximum: None };
        prlimit(Pid::from_raw(running.pid() as i32), Resource::Fsize, full).expect("it is ours");
        desk.broker.go_on();
        let said = running.ended();
        assert!(said.status != 0 && said.stderr.contains("journal"), "{verb} {nth}: {said:?}");
        desk.past_the_lease();
        desk.rotate("resume").expect_status(0);
        assert_eq!(desk.ended(), "done");
        desk.is_settled(verb);
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

const READS: &str = r#"
path "secret/data/*"     { capabilities = ["read"] }
path "secret/subkeys/*"  { capabilities = ["read"] }
path "secret/metadata/"  { capabilities = ["list"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
"#;
const ITS_SHADOW: &str = r#"
path "secret/data/desk/broker.quarterdeck-pending"     { capabilities = ["create", "update", "read"] }
path "secret/metadata/desk/broker.quarterdeck-pending" { capabilities = ["read", "delete", "create", "update"] }
"#;

#[test]
fn a_write_that_vault_denies_leads_back_and_is_told() {
    // At stage, and at promote.
    for policy in [READS.to_owned(), format!("{READS}{ITS_SHADOW}")] {
        let mut desk = Desk::of(Kind::Vault);
        let reader = desk.reader();
        desk.place.bao().policy("poor", &policy);
        let token = desk.place.bao().token(&["poor"], "1h");
        desk.house.set_var("VAULT_TOKEN", &token);
        let said = desk.start();
        assert_ne!(said.status, 0, "{said:?}");
        let told = desk.status();
        assert!(told.to_string().to_lowercase().contains("denied"), "{told:#}");
        assert_eq!(desk.ended(), "rolled back", "{told:#}");
        assert_eq!(desk.is_settled("denied"), FIRST);
        reader.was_never_cut_off();
    }
}

#[test]
fn a_write_that_aws_denies_leads_back_or_is_stuck_and_is_told() {
    let reads = ["GetSecretValue", "DescribeSecret", "ListSecretVersionIds", "ListSecrets"];
    for (more, ending) in [(&[][..], Some("rolled back")), (&["PutSecretValue"][..], None)] {
        let mut desk = Desk::of(Kind::Aws);
        let actions: Vec<String> = reads.iter().chain(more).map(|action| format!("secretsmanager:{action}")).collect();
        let statement = json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
        let policy = json!({ "Version": "2012-10-17", "Statement": statement });
        let (id, secret) = desk.place.moto().user("poor", &policy);
        desk.house.set_var("AWS_ACCESS_KEY_ID", &id);
        desk.house.set_var("AWS_SECRET_ACCESS_KEY", &secret);
        desk.place.moto().enforce();
        let said = desk.start();
        desk.place.moto().relax();
        assert_ne!(said.status, 0, "{said:?}");
        let told = desk.status();
        assert!(told.to_string().to_lowercase().contains("denied"), "{told:#}");
        assert_eq!(desk.place.current().as_deref(), Some(FIRST));
        assert_eq!(desk.broker.valid(), [FIRST], "{told:#}");
        if ending.is_none() {
            // The mark of the pending one can't be taken away either: that is a person's to mend.
            assert!(said.stdout.contains("STUCK"), "{said:?}");
            desk.rotate("resume");
        }
        assert_eq!(desk.ended(), "rolled back");
        assert_eq!(desk.is_settled("denied"), FIRST);
    }
}
