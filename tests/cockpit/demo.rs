//! `quarterdeck demo`: it opens, every part of it is real, and nothing of it is left, however it ends.

use crate::house::House;
use crate::house::processes::{Process, under};
use crate::house::screen::Screen;
use rustix::process::Signal;
use std::path::{Path, PathBuf};

/// A demo that shows all it has.
fn open(house: &House) -> Screen {
    let mut screen = house.open(&["demo"], 160, 48);
    for shown in
        ["~~ DEMO ~~", "engines 2/2", "backends 3/3", "ibkr.client_id", "LOGIN_SUCCESS", "2 sources, all fresh"]
    {
        screen.shows(shown);
    }
    screen
}

/// The demo's folder, while there is one.
fn folder(house: &House) -> Option<PathBuf> {
    let mut folders =
        std::fs::read_dir(house.path("tmp")).expect("a folder").map(|entry| entry.expect("an entry").path());
    folders.next()
}

#[test]
fn it_opens_with_the_band_the_secrets_the_audit_and_the_lines_to_try() {
    let house = House::new();
    let mut screen = open(&house);
    assert!(screen.row(0).starts_with("~~ DEMO ~~"), "{}", screen.row(0));
    assert!(screen.row(1).contains("TRADING normal"), "{}", screen.row(1));
    assert!(screen.row(1).contains("journal ok #"), "{}", screen.row(1));
    assert!(screen.row(47).contains("^X STOP TRADING") && screen.row(47).contains("? help"), "{}", screen.row(47));
    for part in ["SECRETS 12", "TRY 0 of 6 done", "BACKENDS 3", "AUDIT following", "OVERDUE", "DUE SOON", "PLAIN TEXT"]
    {
        assert!(screen.shown().contains(part), "{part}:\n{}", screen.shown());
    }
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn each_line_to_try_is_ticked_by_the_thing_itself() {
    let house = House::new();
    let mut screen = open(&house);
    screen.press("v", "hidden again in");
    screen.press("1", "TRY 1 of 6 done");
    screen.press("?", "HELP");
    screen.esc("HELP");
    screen.shows("TRY 2 of 6 done");
    stop(&mut screen);
    screen.shows("TRY 3 of 6 done");
    screen.press("H", "HOLD LEVEL 3");
    screen.keys("we look at it\r");
    screen.shows("HELD LEVEL 3");
    screen.press("L", "TRADE AGAIN");
    screen.keys("it was a try\r");
    screen.shows("TRADING normal");
    screen.press("2/tls", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("R", "S starts it");
    screen.press("S", "reason");
    screen.keys("\r");
    screen.shows("IN GRACE");
    screen.press("1", "BACKENDS");
    screen.press("2/\x15", "SECRETS 12");
    screen.keys("\r");
    screen.press("1", "TRY 4 of 6 done");
    screen.press("/ibkr", "find > ibkr");
    screen.keys("\r");
    screen.press("1", "TRY 5 of 6 done");
    screen.press("q", "Leave Quarterdeck?");
    screen.keys("\r");
    assert_eq!(screen.ends(), 0);
}

/// Stops trading as a person does: the code that is shown, key by key, and ^X.
#[track_caller]
fn stop(screen: &mut Screen) {
    screen.keys("\x18");
    screen.until("a code", |shown| code(shown, "D3").is_some());
    let code = code(&screen.shown(), "D3").expect("it was there a moment ago");
    // What comes in the first moment doesn't count.
    screen.shows("disarms in 1");
    screen.press(&code, "^X sends STOP");
    screen.press("\x18", "2 of 2 blocked");
    screen.esc("reason >");
    screen.shows("STOPPED LEVEL 3");
}

/// How a demo ends, and with which status.
type End = (&'static str, fn(&mut Screen), i32);

const ENDS: [End; 6] = [
    (
        "q",
        |screen| {
            screen.press("q", "Leave Quarterdeck?");
            screen.keys("\r");
        },
        0,
    ),
    ("^C", |screen| screen.keys("\x03"), 0),
    ("SIGTERM", |screen| screen.signal(Signal::TERM), 143),
    ("SIGHUP", |screen| screen.signal(Signal::HUP), 129),
    ("SIGKILL", |screen| screen.signal(Signal::KILL), 137),
    ("hang-up", Screen::hang_up, 129),
];

#[test]
fn nothing_of_it_is_left_however_it_ends() {
    for (name, end, status) in ENDS {
        let house = House::new();
        let mut screen = open(&house);
        let work = folder(&house).expect("the demo's folder");
        let others = under(screen.pid());
        assert!(others.len() >= 5, "{name}: two plugins, the companion and two engines, not {}", others.len());
        end(&mut screen);
        assert_eq!(screen.ends(), status, "{name}");
        for process in &others {
            let line = String::from_utf8_lossy(&process.command_line()).into_owned();
            assert!(process.ends(), "{name}: process {} is left: {line}", process.pid);
        }
        assert!(!work.exists(), "{name}: {} is left", work.display());
    }
}

#[test]
fn the_companion_writes_real_lines_and_outlives_nobody() {
    let house = House::new();
    let mut screen = open(&house);
    let work = folder(&house).expect("the demo's folder");
    let orders = std::fs::read_to_string(work.join("orders.jsonl")).expect("the other program's file");
    assert!(orders.lines().count() >= 4 && orders.contains("LOGIN_FAILED"), "{orders}");
    let companion = under(screen.pid()).into_iter().find(is_companion).expect("the companion");
    // The cockpit shows what is really in the file, not what it expects.
    let line = "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"actor\":\"service-role:stranger\",\"resource\":\"written-by-the-test\",\
                \"action\":\"READ\",\"result\":\"SUCCESS\"}\n";
    append(&work.join("orders.jsonl"), line);
    screen.press("3", "written-by-the-test");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    assert!(companion.ends());
}

#[test]
fn a_stop_is_obeyed_by_both_engines_and_holds_in_its_folder_alone() {
    let house = House::qa();
    let mut screen = open(&house);
    stop(&mut screen);
    screen.shows("engines 2/2");
    let work = folder(&house).expect("the demo's folder");
    let latch = std::fs::read_to_string(work.join("state/quarterdeck/demo/latch/latch")).expect("a latch");
    assert!(latch.contains("\"order\":\"stop\""), "{latch}");
    assert_eq!(house.run(&["kill", "status", "--env", "qa", "--json"]).json()["kill_switch"]["state"], "normal");
    screen.keys("\x1b\x03");
    assert_eq!(screen.ends(), 0);
    assert!(!work.exists(), "{} is left", work.display());
}

/// The code of a level, as the dialog shows it.
fn code(shown: &str, head: &str) -> Option<String> {
    let (_, rest) = shown.split_once(head)?;
    let rest: String = rest.trim_start().chars().take(4).collect();
    let whole = rest.len() == 4 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    whole.then(|| format!("{head}{rest}"))
}

#[test]
fn who_kills_the_companion_leaves_nothing_behind_either() {
    let house = House::new();
    let mut screen = open(&house);
    let work = folder(&house).expect("the demo's folder");
    let companion = under(screen.pid()).into_iter().find(is_companion).expect("the companion");
    let pid = rustix::process::Pid::from_raw(companion.pid).expect("a process");
    rustix::process::kill_process(pid, Signal::KILL).expect("it runs");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    assert!(!work.exists(), "{} is left", work.display());
}

fn is_companion(process: &Process) -> bool {
    process.command_line().windows(14).any(|part| part == b"demo-companion")
}

fn append(file: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(file).expect("the file");
    file.write_all(text.as_bytes()).expect("written");
}

#[test]
fn it_can_be_kept() {
    let house = House::new();
    let mut screen = house.open(&["demo", "--keep"], 100, 30);
    screen.shows("backends 3/3");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    screen.shows("kept: ");
    let work = folder(&house).expect("it was kept");
    assert!(work.join("orders.jsonl").exists());
    house
        .run(&["audit", "verify", work.join("state/quarterdeck/demo").to_str().expect("a plain path")])
        .expect_status(0);
}

#[test]
fn it_reads_nothing_of_the_users() {
    let mut house = House::qa();
    house.set_var("DP_MINE__SECRET", "mine-in-the-environment");
    house.set_var("VAULT_ADDR", "https://vault.example.invalid");
    house.set_var("DP_ENVIRONMENT", "production");
    house.write("work/secrets.yaml", "mine: in-yaml\n");
    house.configure("[screen]\ntheme = \"there is none\"\n");
    let mut screen = open(&house);
    screen.press("2", "SECRETS 12");
    assert!(!screen.shown().contains("mine"), "{}", screen.shown());
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    assert!(house.journal("qa").iter().all(|line| line["context"]["environment"] != "demo"));
}

#[test]
fn roles_and_environments_that_have_no_demo_are_told_so() {
    let house = House::new();
    for words in [&["demo", "--as", "service"][..], &["demo", "--as", "nobody"], &["--env", "production", "demo"]] {
        let said = house.run(words).expect_status(2);
        assert!(said.stderr.contains("next:"), "{words:?}: {}", said.stderr);
    }
    assert_eq!(folder(&house), None);
}
