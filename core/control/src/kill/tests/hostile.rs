//! Engines' folders under somebody else's hands: one that sends without pause, too many names, names that are taken away.

use super::{House, all, until};
use crate::kill::Switch;
use quarterdeck_clock::moment;
use quarterdeck_domain::kill::{EngineStanding, KillRow, Level, PathState, SwitchState};
use std::fs;
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// It takes every connection, and sends this over each without a pause.
struct Flood {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    socket: std::path::PathBuf,
}

impl Flood {
    fn begin(house: &House, name: &str, block: Vec<u8>) -> Self {
        let socket = house.place().engines().join(format!("{name}.sock"));
        let listener = UnixListener::bind(&socket).expect("a socket");
        let over = Arc::new(AtomicBool::new(false));
        let until = over.clone();
        let block = Arc::new(block);
        let send = move || {
            while let Ok((mut stream, _)) = listener.accept() {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let block = block.clone();
                // Ends when the other side has shut it.
                std::thread::spawn(move || while stream.write_all(&block).is_ok() {});
            }
        };
        Self { over, thread: Some(std::thread::spawn(send)), socket }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it, if it waits for one.
        let _ = UnixStream::connect(&self.socket);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn is_loud(switch: &Switch, name: &str) -> bool {
    matches!(switch.links.path(name, None), PathState::Broken { why, .. } if why == "it sends too much")
}

fn stands(row: &KillRow, name: &str, standing: EngineStanding) -> bool {
    row.engines.iter().any(|engine| engine.name == name && engine.standing == standing)
}

#[test]
fn an_engine_that_sends_without_pause_is_shut_and_the_others_are_heard() {
    let house = House::new();
    let _alpha = house.engine("alpha");
    let beat = fs::read(house.place().engines().join("alpha.json")).expect("its status");
    let beat: serde_json::Value = serde_json::from_slice(&beat).expect("a beat");
    let beats = format!("{beat}\n").repeat(400).into_bytes();
    let blocks = [("blank", vec![b'\n'; 256 << 10]), ("beats", beats), ("endless", vec![b'x'; 256 << 10])];
    let _floods = blocks.map(|(name, block)| Flood::begin(&house, name, block));
    let light = house.switch("kill stop");
    light.look();
    let started = house.started("cockpit");
    for switch in [&light, &started] {
        until(switch, "alpha is heard, and the others are shut", |row| {
            stands(row, "alpha", EngineStanding::Trading)
                && ["blank", "beats"].iter().all(|name| is_loud(switch, name))
                && !switch.links.is_heard("endless")
        });
    }
    light.fire(Level::Stop, None, moment());
    for switch in [&light, &started] {
        until(switch, "alpha is blocked", |row| stands(row, "alpha", EngineStanding::Blocked));
    }
}

#[test]
fn more_engines_than_are_looked_at_keep_the_halt_from_being_proven() {
    let house = House::new();
    let _alpha = house.engine("alpha");
    for number in 0..300 {
        fs::write(house.place().engines().join(format!("e{number:03}.json")), "{}").expect("written");
    }
    let switch = house.switch("kill stop");
    let row = switch.look();
    assert_eq!(row.engines.len(), 257, "256, and a row for the rest");
    let rest = row.engines.iter().find(|engine| engine.name == "45 more").expect("the rest is told");
    assert_eq!(rest.standing, EngineStanding::Silent);
    assert_eq!(rest.why, ["more engines than 256 are not looked at"]);
    let fired = switch.fire(Level::Halt, None, moment());
    let record = fired.row.record.expect("a record");
    assert!(!record.engines.iter().any(|name| name.contains("more")), "it is no engine");
}

#[test]
fn while_trading_is_stopped_an_engine_that_was_heard_is_not_forgotten() {
    let house = House::new();
    let switch = house.started("cockpit");
    let engines = ["alpha", "beta"].map(|name| house.engine(name));
    until(&switch, "both trade", |row| all(row, &["alpha", "beta"], EngineStanding::Trading));
    switch.fire(Level::Halt, None, moment());
    until(&switch, "flat", |row| row.state == SwitchState::HaltedFlat);
    // One that came after the order: no record names it.
    let late = house.engine("late");
    until(&switch, "the third is heard", |row| row.engines.len() == 3 && row.state == SwitchState::HaltedFlat);
    drop(late);
    for ending in ["sock", "json"] {
        let _ = fs::remove_file(house.place().engines().join(format!("late.{ending}")));
    }
    until(&switch, "it is silent", |row| stands(row, "late", EngineStanding::Silent));
    switch.meet();
    let row = switch.refresh();
    assert!(stands(&row, "late", EngineStanding::Silent) && row.state != SwitchState::HaltedFlat, "{row:#?}");
    drop(engines);
}
