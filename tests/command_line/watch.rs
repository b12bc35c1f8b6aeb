//! `quarterdeck watch`: what it says, when it is ready, how it ends, and what it finds. Refuses to look inside: its lines
//! and the service manager's socket are all there is.

use crate::house::processes::Process;
use crate::house::trading::word;
use crate::house::{House, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// A watcher, and its lines as they come.
struct Watcher {
    child: Child,
    process: Process,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watcher {
    fn start(house: &House, words: &[&str]) -> Self {
        let mut command = house.command(house.program());
        command.args(["watch", "--env", "qa"]).args(words).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let process = Process::of(child.id() as i32).expect("it was just started");
        let lines = lines(child.stdout.take().expect("piped"));
        Self { child, process, lines, seen: Vec::new() }
    }

    /// Waits for a line with these parts.
    #[track_caller]
    fn says(&mut self, parts: &[&str]) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("waited for {parts:?}; it said {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    /// Signals it, and gives its exit status.
    fn ends_by(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_raw(self.child.id() as i32).expect("a process"), signal).expect("it runs");
        assert!(self.process.ends(), "it runs on");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(out: ChildStdout) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

#[test]
fn it_says_each_change_once_and_ends_when_it_is_told() {
    for signal in [Signal::TERM, Signal::INT] {
        let house = House::qa();
        let _alpha = house.engine("alpha-us", &[]);
        house.engines_trade(1);
        let mut watcher = Watcher::start(&house, &[]);
        watcher.says(&["  qa  ", "TRADING normal"]);
        watcher.says(&["alpha-us ****4789 is "]);
        house.fires("stop").expect_status(0);
        watcher.says(&["TRADING STOPPED LEVEL 3", "generation 1", "level 4 at "]);
        watcher.says(&["alpha-us ****4789 is blocked"]);
        assert_eq!(watcher.ends_by(signal), Some(0), "{signal:?}");
    }
}

#[test]
fn it_tells_the_service_manager_when_it_is_ready() {
    let mut house = House::qa();
    let place = house.path("notify");
    let socket = UnixDatagram::bind(&place).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    house.set_var("NOTIFY_SOCKET", place.to_str().expect("a plain path"));
    let watcher = Watcher::start(&house, &[]);
    let mut told = Vec::new();
    let mut bytes = [0; 512];
    while !told.iter().any(|text| text == "READY=1") {
        let length = socket.recv(&mut bytes).expect("it tells");
        told.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
    }
    assert!(told.iter().any(|text| text.starts_with("STATUS=qa TRADING normal")), "{told:?}");
    assert_eq!(watcher.ends_by(Signal::TERM), Some(0));
}

#[test]
fn several_run_without_a_configuration_that_can_be_read() {
    let house = House::qa();
    house.configure("this is no configuration");
    let mut both = [Watcher::start(&house, &[]), Watcher::start(&house, &["--json"])];
    both[0].says(&["TRADING normal"]);
    let line = both[1].says(&["TRADING normal"]);
    let line: serde_json::Value = serde_json::from_str(&line).expect("an object a line");
    assert_eq!(word(&line["environment"]), "qa");
    house.switch_until("two watchers", |told| told["watchers"].as_array().is_some_and(|all| all.len() == 2));
    house.fires("stop").expect_status(8);
    both.iter_mut().for_each(|watcher| _ = watcher.says(&["STOPPED LEVEL 3"]));
    let said = house.run(&["watch"]).expect_status(1);
    assert!(said.stderr.contains("name the environment with '--env'"), "{}", said.stderr);
}

#[test]
fn an_order_after_the_stop_is_found() {
    let house = House::qa();
    let orders = house.path("orders.jsonl");
    house.configure(&format!("[[audit.source]]\nname = \"orders\"\npath = {orders:?}\n"));
    let _liar = house.engine("liar-us", &["--misbehave", "liar", "--rate", "20/s"]);
    house.engines_trade(1);
    let mut watcher = Watcher::start(&house, &[]);
    watcher.says(&["liar-us"]);
    house.fires("stop");
    watcher.says(&["BYPASS: liar-us"]);
    house.switch_until("it is known", |told| told["bypassed"].as_u64().is_some_and(|count| count > 0));
    house.events_until("qa", "KILL_SWITCH_BYPASS", 1);
    assert!(!watcher.seen.iter().any(|line| line.contains("UNJOURNALLED")), "{:#?}", watcher.seen);
    let said = house.run(&["kill", "status"]).expect_status(0).stdout;
    assert!(said.contains("! bypasses: ") && said.contains("KILL_SWITCH_BYPASS"), "{said}");
}

#[test]
fn a_version_made_elsewhere_is_told_once_however_many_watch_and_ours_never() {
    let house = House::qa();
    house.feed(&["secrets", "set", "desk.one"], b"canary-1").expect_status(0);
    house.configure("[backend.fernet]\nevery = \"1s\"\n[watch]\nversions = \"1s\"\n");
    let mut both = [Watcher::start(&house, &[]), Watcher::start(&house, &["--json"])];
    both.iter_mut().for_each(|watcher| _ = watcher.says(&["layer fernet is ok"]));
    let mut screen = house.open(&[], 160, 48);
    screen.lists("desk.one");
    screen.press("3", "AUDIT");
    // Another installation on the same file: its journal is its own.
    let elsewhere = |line: &str| {
        let line = format!("XDG_STATE_HOME=\"$HOME/elsewhere\" quarterdeck secrets {line}");
        house.shell(&line).expect_status(0);
    };
    let all_say = |both: &mut [Watcher; 2], parts: &[&str]| both.iter_mut().for_each(|watcher| _ = watcher.says(parts));
    house.feed(&["secrets", "set", "desk.one"], b"canary-2").expect_status(0);
    elsewhere("set desk.one < /etc/hostname");
    all_say(&mut both, &["fernet/desk.one: version ", ", was version ", "; made elsewhere"]);
    elsewhere("set desk.two < /etc/hostname");
    all_say(&mut both, &["fernet/desk.two: new, version ", "; made elsewhere"]);
    elsewhere("delete desk.two");
    all_say(&mut both, &["fernet/desk.two: gone, was version ", "; removed elsewhere"]);
    screen.until("each on the tail, and in its row", |shown| {
        ["new, version", "gone, was"].iter().all(|words| shown.contains(words))
    });
    for watcher in &both {
        let told = watcher.seen.iter().filter(|line| line.contains("elsewhere")).count();
        assert_eq!(told, 3, "{:#?}", watcher.seen);
        assert!(!watcher.seen.iter().any(|line| line.contains("canary")), "{:#?}", watcher.seen);
    }
    let events = house.events("qa", "SECRET_VERSION_CHANGED");
    let names: Vec<&str> = events.iter().filter_map(|event| event.split("/fernet/").nth(1)).collect();
    let starts = ["desk.one", "desk.two", "desk.two"];
    assert!(names.len() == 3 && names.iter().zip(starts).all(|(name, start)| name.starts_with(start)), "{events:#?}");
    house.run(&["audit", "verify"]).expect_status(0);
}
