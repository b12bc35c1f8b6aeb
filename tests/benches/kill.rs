//! How fast a stop is: from the key to the disk, to the socket, to an engine in a process of its own that heard it and
//! sends no more orders; a thousand times, while another process writes 10,000 audit lines a second into a file that is
//! tailed. Refuses to judge: it prints p50, p99 and the longest, and asserts nothing.
//!
//! `cargo bench -p quarterdeck-control --bench kill`
#![allow(clippy::unwrap_used, reason = "a benchmark may")]

use quarterdeck_clock::moment;
use quarterdeck_control::config::Config;
use quarterdeck_control::journal::{FileJournal, Opening, Patient};
use quarterdeck_control::kill::{Switch, SwitchOpening};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_control::tail::{Location, Source, Tail, TailOptions};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{EngineStanding, KillRow, Level, SwitchState, Timings};
use quarterdeck_domain::person::{Person, Role, Who};
use quarterdeck_engine::{Client, Duty, Identity, Places, Report, Seen};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

const ROUNDS: usize = 1_000;
const LINES_A_SECOND: usize = 10_000;
/// The writer's lines come in so many pieces a second.
const PIECES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(30);
const TRADER: &str = "[[person]]\nname = 'alice'\nrole = 'trader'\n";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("engine") => engine(Path::new(&arguments[2])),
        Some("writer") => write_lines(Path::new(&arguments[2])),
        _ => observe(),
    }
}

fn observe() {
    let home = tempfile::tempdir().unwrap();
    let base = home.path().join("switch");
    let (switch, rows) = open(home.path(), &base);
    let mut engine = again("engine", &base);
    let orders = home.path().join("orders.jsonl");
    std::fs::write(&orders, "").unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let _tail = tail(&orders, switch.clone(), seen.clone());
    let mut writer = again("writer", &orders);
    wait(&rows, |row| trades(row, 0));

    let (mut timings, began) = (Vec::new(), Instant::now());
    for _ in 0..ROUNDS {
        let generation = switch.fire(Level::Stop, None, moment()).row.record.unwrap().generation;
        let row = wait(&rows, |row| {
            row.record.as_ref().is_some_and(|record| record.generation == generation) && row.timings.blocked.is_some()
        });
        timings.push(row.timings);
        switch.hold(None).unwrap();
        switch.release("the next round", None, &[]).unwrap();
        wait(&rows, |row| trades(row, generation + 2));
    }
    let rate = seen.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    for child in [&mut engine, &mut writer] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    println!("{ROUNDS} stops, one engine, {rate:.0} lines a second tailed, in {:.0} s", began.elapsed().as_secs_f64());
    println!("the disk alone: 4 KiB written and synced in {:.2} ms (p50)", disk(home.path()));
    println!("{:<28}{:>10}{:>10}{:>10}", "ms from the key", "p50", "p99", "longest");
    let steps: [(&str, Step); 4] = [
        ("on the disk", |timings| timings.durable),
        ("handed to the socket", |timings| timings.sent),
        ("received by the engine", |timings| timings.received),
        ("blocked", |timings| timings.blocked),
    ];
    for (what, step) in steps {
        let mut times: Vec<f64> = timings.iter().filter_map(step).map(|took| took.as_secs_f64() * 1_000.0).collect();
        times.sort_by(f64::total_cmp);
        println!("{what:<28}{:>10.2}{:>10.2}{:>10.2}", at(&times, 0.5), at(&times, 0.99), at(&times, 1.0));
    }
}

/// One step of the way.
type Step = fn(&Timings) -> Option<jiff::SignedDuration>;

/// A trader's switch in a folder of its own, listening and keeping.
fn open(home: &Path, base: &Path) -> (Arc<Switch>, Receiver<KillRow>) {
    let text = format!("{TRADER}[kill_switch]\nfolder = '{}'\n", base.display());
    let file = toml::from_str(&text).unwrap();
    let config = Config { file, environment: Some(Environment::Qa), ..Config::default() };
    let surroundings = Surroundings {
        vars: [("XDG_STATE_HOME".into(), home.join("state").into_os_string())].into(),
        cwd: home.to_owned(),
        executable: home.join("quarterdeck"),
        user: "alice".into(),
        host: "bench".into(),
        pid: std::process::id(),
        etc: home.join("etc"),
    };
    let state = home.join("state/quarterdeck/qa");
    std::fs::create_dir_all(&state).unwrap();
    let opening = Opening::of(state.join("journal"), config.environment, "sess-000000000001");
    let switch = Switch::open(SwitchOpening {
        surroundings: &surroundings,
        environment: Environment::Qa,
        config: Some(&config),
        who: Who { person: Person::of_unix("alice"), role: Some(Role::Trader), session: "sess-000000000001".into() },
        journal: Arc::new(Patient::new(Arc::new(FileJournal::open(opening).unwrap()))),
        program: "bench".into(),
        look_only: Arc::default(),
    });
    switch.set_up().unwrap();
    let (tell, rows) = channel();
    switch.start(Arc::new(move |row| drop(tell.send(row)))).unwrap();
    (switch, rows)
}

/// Every line passes the rule on orders after the stop, as in a cockpit.
fn tail(file: &Path, switch: Arc<Switch>, seen: Arc<AtomicUsize>) -> Tail {
    let source = Source { name: "orders".into(), at: Location::File(file.to_owned()), every: None };
    let options = TailOptions { first_lines: 1_000, clock: quarterdeck_clock::utc };
    let saw = move |mut news: quarterdeck_control::tail::TailNews| {
        switch.saw(&mut news.lines);
        seen.fetch_add(news.lines.len(), Ordering::Relaxed);
    };
    Tail::start(vec![source], options, saw).unwrap()
}

fn trades(row: &KillRow, generation: u64) -> bool {
    let may = |row: &quarterdeck_domain::kill::EngineRow| {
        matches!(row.standing, EngineStanding::Trading | EngineStanding::Idle)
            && row.beat.as_ref().is_some_and(|beat| beat.generation >= generation)
    };
    row.state == SwitchState::Normal && row.engines.len() == 1 && row.engines.iter().all(may)
}

fn wait(rows: &Receiver<KillRow>, enough: impl Fn(&KillRow) -> bool) -> KillRow {
    loop {
        let row = rows.recv_timeout(PATIENCE).unwrap();
        if enough(&row) {
            return row;
        }
    }
}

/// This program again, in another part.
fn again(part: &str, path: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program).arg(part).arg(path).stdin(Stdio::piped()).spawn().unwrap()
}

/// An engine with nothing open, until its standard input closes.
fn engine(base: &Path) {
    let identity = Identity { name: "alpha".into(), account: "U1234789".into(), environment: Environment::Qa };
    let obey = |client: &Client, duty: &Duty| {
        if duty.level == 4 {
            client.cancelled(duty);
            client.flat(duty);
        }
    };
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(|| Client::start(Places::under(base), identity, obey).unwrap());
    let none = || Some(Seen { count: 0, at: moment() });
    client.report(Report { busy: true, orders: none(), positions: none(), link_up: true, ..Report::default() });
    let _ = std::io::stdin().read(&mut [0]);
}

/// Audit lines at the wanted rate, until standard input closes.
fn write_lines(file: &Path) {
    let mut out = OpenOptions::new().append(true).open(file).unwrap();
    let (began, mut written) = (Instant::now(), 0);
    loop {
        let owed = began.elapsed().as_secs_f64() * LINES_A_SECOND as f64;
        let mut piece = String::new();
        while (written as f64) < owed {
            let at = quarterdeck_clock::utc();
            piece += &format!(
                "{{\"timestamp\":\"{at:.3}\",\"event_id\":\"evt-{written:016x}\",\"event_type\":\"ORDER_FILLED\",\"actor\":{{\"type\":\"service\",\"id\":\"alpha\",\"role\":\"service\",\"session_id\":\"s\"}},\"action\":{{\"verb\":\"FILL\",\"resource\":\"order ****7731\",\"resource_id\":\"\"}},\"context\":{{\"ip_address\":null,\"request_id\":\"r\",\"environment\":\"qa\"}},\"result\":{{\"status\":\"SUCCESS\",\"duration_ms\":4,\"error_code\":null}},\"security_context\":{{\"mfa_verified\":false,\"anomaly_score\":null}}}}\n"
            );
            written += 1;
        }
        out.write_all(piece.as_bytes()).unwrap();
        let stdin = std::io::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let pause = Timespec { tv_sec: 0, tv_nsec: 1_000_000_000 / PIECES as i64 };
        if !matches!(poll(&mut fds, Some(&pause)), Ok(0)) {
            return;
        }
    }
}

/// What the disk takes by itself, in milliseconds.
fn disk(folder: &Path) -> f64 {
    let path = folder.join("probe");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[b' '; 4096]).unwrap();
            file.sync_data().unwrap();
            began.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    at(&times, 0.5)
}

fn at(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(((last as f64) * part).round() as usize).copied().unwrap_or(f64::NAN)
}
