//! One child and what becomes of it.

use crate::runner::Test;
use crate::{CALL, PATIENCE, hosted, name, setup, spec};
use quarterdeck_contract::{Call, ErrorKind, Expected, Extra, SecretBytes, SecretsBackend, Value};
use quarterdeck_host::{HostSpec, HostState, HostStatus, Hosted};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("child::it_says_what_it_is", it_says_what_it_is),
    ("child::nothing_is_started_before_it_is_needed", nothing_is_started_before_it_is_needed),
    ("child::its_environment_and_arguments_tell_nothing", its_environment_and_arguments_tell_nothing),
    ("child::it_is_hardened", it_is_hardened),
    ("child::a_panic_is_an_answer_and_the_child_lives_on", a_panic_is_an_answer_and_the_child_lives_on),
    ("child::a_death_is_told_in_words_and_the_next_child_works", a_death_is_told_in_words_and_the_next_child_works),
    ("child::a_death_in_a_write_leaves_the_outcome_unknown", a_death_in_a_write_leaves_the_outcome_unknown),
    ("child::a_hang_is_killed_after_its_deadline", a_hang_is_killed_after_its_deadline),
    ("child::create_may_do_anything_bad", create_may_do_anything_bad),
    ("child::a_flood_is_bounded_and_harmless", a_flood_is_bounded_and_harmless),
    ("child::a_renewed_setups_secrets_are_starred_too", a_renewed_setups_secrets_are_starred_too),
    ("child::a_huge_answer_is_too_large_and_a_huge_request_too", a_huge_answer_is_too_large_and_a_huge_request_too),
    ("child::sixteen_mebibytes_pass_both_ways", sixteen_mebibytes_pass_both_ways),
    ("child::a_wait_before_a_restart_turns_calls_away", a_wait_before_a_restart_turns_calls_away),
    ("child::a_kill_from_outside_is_told_without_a_call", a_kill_from_outside_is_told_without_a_call),
    ("child::a_running_child_restarts_on_demand", a_running_child_restarts_on_demand),
    ("child::stopped_is_for_good_and_leaves_nothing", stopped_is_for_good_and_leaves_nothing),
    ("child::many_calls_at_once_meet_their_own_answers", many_calls_at_once_meet_their_own_answers),
    ("child::a_program_that_is_not_there_is_an_error", a_program_that_is_not_there_is_an_error),
];

/// Hears of each state; the tests wait for them instead of sleeping.
fn watched(spec: HostSpec) -> (Hosted, Receiver<HostStatus>) {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let on_change = move |status: &HostStatus| drop(sender.lock().unwrap().send(status.clone()));
    (Hosted::new(HostSpec { on_change: Some(Arc::new(on_change)), ..spec }), heard)
}

fn wait_for(heard: &Receiver<HostStatus>, wanted: impl Fn(&HostStatus) -> bool) -> HostStatus {
    loop {
        let status = heard.recv_timeout(PATIENCE).expect("the state that is waited for");
        if wanted(&status) {
            return status;
        }
    }
}

fn is_down(status: &HostStatus) -> bool {
    matches!(status.state, HostState::Down { .. })
}

fn read(backend: &Hosted, what: &str) -> Result<String, quarterdeck_contract::BackendError> {
    let reading = backend.read(&name(what), None, CALL)?;
    Ok(String::from_utf8(reading.value.bytes.expose().to_vec()).unwrap())
}

/// Calls until the wait before the restart is over.
fn works_again(backend: &Hosted) {
    backend.restart_now();
    assert_eq!(read(backend, "a/one").unwrap(), "canary-one-1");
}

fn it_says_what_it_is() {
    let backend = hosted("");
    assert_eq!(backend.ready(PATIENCE).unwrap().target, "memory");
    let status = backend.status();
    assert_eq!(status.state, HostState::Up);
    assert_eq!(status.isolation, format!("child {}", status.pid.unwrap()));
    assert_eq!((status.plugin.as_deref(), status.abi), (Some("misbehave"), Some((1, 0))));
    assert_eq!(status.sha256.unwrap().len(), 64);
    assert_eq!(status.stderr_tail, ["info: making a shelf"]);
    assert_eq!(backend.health(CALL).unwrap().summary, "3 names");
    let extra = Extra { operation: "echo".into(), arguments: [("a".to_owned(), "b".to_owned())].into() };
    let reply = backend.extra(&extra, Some(SecretBytes::from("canary")), CALL).unwrap();
    assert_eq!((reply.results, reply.secret), (extra.arguments, Some(SecretBytes::from("canary"))));
}

fn nothing_is_started_before_it_is_needed() {
    let backend = hosted("");
    assert_eq!((backend.status().state, backend.status().pid), (HostState::Idle, None));
    assert_eq!(backend.describe().backend, "shelf");
    assert_eq!(backend.status().state, HostState::Idle);
}

fn its_environment_and_arguments_tell_nothing() {
    let backend = hosted("");
    backend.ready(PATIENCE).unwrap();
    let process = |file: &str| fs::read(format!("/proc/{}/{file}", backend.status().pid.unwrap()));
    assert_eq!(String::from_utf8_lossy(&process("cmdline").unwrap()), "quarterdeck\0plugin-host\0shelf\0");
    // An undumpable process shows its environment to root alone; whoever may look must find nothing.
    assert!(process("environ").unwrap_or_default().is_empty());
    assert_eq!(String::from_utf8_lossy(&process("comm").unwrap()), "qd-misbehave\n");
}

fn it_is_hardened() {
    let backend = hosted("");
    backend.ready(PATIENCE).unwrap();
    let file = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", backend.status().pid.unwrap())).unwrap();
    assert!(file("status").lines().any(|line| line == "NoNewPrivs:\t1"));
    let limits = file("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    // A ^C at the terminal is not for it.
    let pid = rustix::process::Pid::from_raw(backend.status().pid.unwrap() as i32).unwrap();
    assert_eq!(rustix::process::getpgid(Some(pid)).unwrap(), pid);
    // Undumpable: its files in /proc belong to root whoever runs it, and its memory can't be opened by the user.
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(format!("/proc/{}/environ", backend.status().pid.unwrap())).unwrap().uid(), 0);
}

fn a_panic_is_an_answer_and_the_child_lives_on() {
    let backend = hosted("");
    for mode in ["misbehave/panic", "misbehave/panic-value"] {
        let error = read(&backend, mode).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked, "{error}");
    }
    assert_eq!(read(&backend, "a/one").unwrap(), "canary-one-1");
    let status = backend.status();
    assert_eq!(status.restarts, 0);
    let tail = status.stderr_tail.join("\n");
    assert!(tail.contains("misbehaving on purpose") && tail.contains("misdeed.rs"), "{tail}");
    assert!(!tail.contains("canary"), "a formatted message may hold a value: {tail}");
}

fn a_death_is_told_in_words_and_the_next_child_works() {
    let cases = [
        ("abort", "aborted (signal 6)"),
        ("overflow", "overran its stack (signal 6)"),
        ("exit", "exited 0 by itself"),
        ("garble", "broke the joint and was killed"),
        ("close", "exited 0 by itself"),
    ];
    let (backend, heard) = watched(spec(""));
    for (mode, words) in cases {
        let error = read(&backend, &format!("misbehave/{mode}")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Gone, "{mode}: {error}");
        assert!(error.what.contains(words), "{mode}: {error}");
        let status = wait_for(&heard, is_down);
        assert!(status.last_error.unwrap().contains(words), "{mode}");
        works_again(&backend);
    }
    assert_eq!(backend.status().restarts, cases.len() as u64);
}

fn a_death_in_a_write_leaves_the_outcome_unknown() {
    let backend = hosted("");
    let error = backend.write(&name("misbehave/abort"), Value::text("v"), &Expected::Anything, CALL).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    works_again(&backend);
    let short = Call { within: Duration::from_millis(50) };
    let error = backend.delete(&name("misbehave/hang"), &Expected::Anything, short).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
}

fn a_hang_is_killed_after_its_deadline() {
    let (backend, heard) = watched(spec(""));
    backend.ready(PATIENCE).unwrap();
    let pid = backend.status().pid.unwrap();
    let error = backend.inspect(&name("misbehave/hang"), Call { within: Duration::from_millis(50) }).unwrap_err();
    assert_eq!((error.kind, error.what.as_str()), (ErrorKind::Timeout, "no answer within 50 ms"));
    let why = wait_for(&heard, is_down).last_error.unwrap();
    assert!(why.starts_with("the plugin hung in 'inspect' for") && why.contains("was killed"), "{why}");
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "reaped");
    works_again(&backend);
}

fn create_may_do_anything_bad() {
    let cases = [
        ("panic", ErrorKind::Panicked, "the plugin panicked"),
        ("abort", ErrorKind::Gone, "aborted (signal 6)"),
        ("overflow", ErrorKind::Gone, "overran its stack (signal 6)"),
        ("exit", ErrorKind::Gone, "exited 0 by itself"),
        ("garble", ErrorKind::Gone, "broke the joint"),
        ("close", ErrorKind::Gone, "exited 0 by itself"),
        ("refuse", ErrorKind::Denied { missing: "good will".into(), grant: String::new() }, "no"),
    ];
    for (mode, kind, words) in cases {
        let backend = hosted(mode);
        let error = backend.ready(PATIENCE).unwrap_err();
        assert_eq!(error.kind, kind, "{mode}: {error}");
        assert!(error.what.contains(words), "{mode}: {error}");
        assert!(is_down(&backend.status()), "{mode}");
    }
    for mode in ["hang", "chatter"] {
        let slow = HostSpec { start_within: Duration::from_millis(300), ..spec(mode) };
        let error = Hosted::new(slow).ready(PATIENCE).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Gone);
        assert_eq!(error.what, "the plugin hung in create for 300 ms and was killed", "{mode}");
    }
    let impatient = Hosted::new(spec("hang"));
    assert_eq!(impatient.ready(Duration::from_millis(50)).unwrap_err().kind, ErrorKind::Timeout);
}

fn a_flood_is_bounded_and_harmless() {
    for mode in ["flood", "print"] {
        assert_eq!(read(&hosted(mode), "a/one").unwrap(), "canary-one-1", "in create: {mode}");
        let backend = hosted("");
        assert_eq!(read(&backend, &format!("misbehave/{mode}")).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(read(&backend, "a/one").unwrap(), "canary-one-1", "in a call: {mode}");
        assert!(backend.status().stderr_tail.len() <= 20);
    }
    let backend = hosted("say");
    backend.ready(PATIENCE).unwrap();
    backend.restart_now();
    backend.ready(PATIENCE).unwrap();
    told(&backend, |tail| tail.contains(&"[31mlast words".to_owned()));
}

/// Waits until the last words are as wanted. Standard error is no frame: it is read beside everything else, on a busy
/// machine some time after the child is buried.
fn told(backend: &Hosted, is_so: impl Fn(&[String]) -> bool) {
    let (_open, never) = channel::<()>();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tail = backend.status().stderr_tail;
        if is_so(&tail) {
            return;
        }
        assert!(Instant::now() < deadline, "{tail:?}");
        let _ = never.recv_timeout(Duration::from_millis(20));
    }
}

fn a_renewed_setups_secrets_are_starred_too() {
    let starts = AtomicUsize::new(0);
    let renew = move || {
        let secret = format!("canary-renewed-{}", starts.fetch_add(1, Ordering::Relaxed));
        let mut setup = setup(&format!("say:it is {secret}, it was canary-one-1"));
        setup.secrets = [("a/one".to_owned(), SecretBytes::from(secret.as_str()))].into();
        Some(setup)
    };
    let backend = Hosted::new(HostSpec { renew: Some(Arc::new(renew)), ..spec("") });
    for _ in 0..5 {
        backend.ready(PATIENCE).unwrap();
        backend.restart_now();
    }
    told(&backend, |tail| {
        assert!(!tail.join("\n").contains("canary"), "{tail:?}");
        tail.join("\n").matches("it is ***, it was ***").count() >= 5
    });
}

fn a_huge_answer_is_too_large_and_a_huge_request_too() {
    let backend = hosted("");
    assert_eq!(read(&backend, "misbehave/huge").unwrap_err().kind, ErrorKind::TooLarge);
    let huge = Value { kind: quarterdeck_contract::Kind::Binary, bytes: SecretBytes::new(vec![1; 33 << 20]) };
    assert_eq!(backend.write(&name("x"), huge, &Expected::Anything, CALL).unwrap_err().kind, ErrorKind::TooLarge);
    assert_eq!(read(&backend, "a/one").unwrap(), "canary-one-1");
    assert_eq!(backend.status().restarts, 0);
}

fn sixteen_mebibytes_pass_both_ways() {
    let backend = hosted("");
    let bytes = || SecretBytes::new((0..16 << 20).map(|number: u32| (number % 251) as u8).collect());
    let value = Value { kind: quarterdeck_contract::Kind::Binary, bytes: bytes() };
    backend.write(&name("big"), value, &Expected::Absent, CALL).unwrap();
    assert!(backend.read(&name("big"), None, CALL).unwrap().value.bytes == bytes());
}

fn a_wait_before_a_restart_turns_calls_away() {
    let (backend, heard) = watched(HostSpec { first_wait: Duration::from_secs(3600), ..spec("") });
    assert_eq!(read(&backend, "misbehave/exit").unwrap_err().kind, ErrorKind::Gone);
    wait_for(&heard, is_down);
    for _ in 0..3 {
        let error = read(&backend, "a/one").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Gone);
        assert!(error.what.contains("exited 0 by itself") && error.hint.contains("restarts in 3"), "{error}");
    }
    assert_eq!(backend.status().restarts, 0);
    works_again(&backend);
}

fn a_kill_from_outside_is_told_without_a_call() {
    let (backend, heard) = watched(spec(""));
    backend.start();
    let up = wait_for(&heard, |status| status.state == HostState::Up);
    let pid = rustix::process::Pid::from_raw(up.pid.unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let why = wait_for(&heard, is_down).last_error.unwrap();
    assert!(why.contains("killed by signal 9"), "{why}");
    works_again(&backend);
    assert_eq!(backend.status().restarts, 1);
}

fn a_running_child_restarts_on_demand() {
    let backend = hosted("");
    backend.ready(PATIENCE).unwrap();
    let before = backend.status().pid.unwrap();
    works_again(&backend);
    assert_ne!(backend.status().pid.unwrap(), before);
    assert!(backend.status().last_error.unwrap().contains("restarted on demand"));
}

fn stopped_is_for_good_and_leaves_nothing() {
    let backend = hosted("");
    backend.ready(PATIENCE).unwrap();
    let pid = backend.status().pid.unwrap();
    backend.stop();
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    assert_eq!(read(&backend, "a/one").unwrap_err().kind, ErrorKind::Gone);
    backend.restart_now();
    assert_eq!(backend.status().state, HostState::Stopped);
}

fn many_calls_at_once_meet_their_own_answers() {
    let backend = hosted("");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let backend = &backend;
            scope.spawn(move || {
                for number in 0..200 {
                    let text = format!("{thread}-{number}");
                    let extra = Extra { operation: "echo".into(), arguments: [("a".to_owned(), text.clone())].into() };
                    let reply = backend.extra(&extra, Some(SecretBytes::from(text.as_str())), CALL).unwrap();
                    assert_eq!(
                        (reply.results, reply.secret),
                        (extra.arguments, Some(SecretBytes::from(text.as_str())))
                    );
                }
            });
        }
    });
    assert_eq!(backend.status().restarts, 0);
}

fn a_program_that_is_not_there_is_an_error() {
    let backend = Hosted::new(HostSpec { program: "/no/such/program".into(), ..spec("") });
    let error = backend.ready(PATIENCE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gone);
    assert!(error.what.contains("can't be started"), "{error}");
}
