//! A service as a broker's: it accepts old credentials, new ones, or both, on loopback. Refuses to know anything of
//! rotations; a test may have it refuse a verb, or hold one until it has done something else.

use crate::house::{House, PATIENCE};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// What a hook runs: the verb and the value on one line, the value from its standard input.
const HOOK: &str = r#"#!/bin/bash
{ exec 3<>"/dev/tcp/127.0.0.1/$2"; } 2>/dev/null || exit 75
IFS= read -r value
printf '%s %s\n' "$1" "$value" >&3
IFS= read -r said <&3 || exit 75
printf '%s\n' "$said"
[ "$said" = yes ]
"#;

/// The running service. What hangs in it ends with its client.
#[derive(Clone)]
pub(crate) struct Broker {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    valid: BTreeSet<String>,
    ever: BTreeSet<String>,
    calls: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
    held: Option<(String, usize)>,
    arrived: bool,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let broker = Self { port, shared: Arc::default() };
        let shared = broker.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                // A client that goes away is killed in this moment: that is what the tests are about.
                thread::spawn(move || shared.serve(stream));
            }
        });
        broker
    }

    /// The hook that asks it: to be configured with a verb and this port.
    pub(crate) fn hook(&self, house: &House) -> PathBuf {
        let file = house.write("hooks/broker", HOOK);
        crate::house::mode(&file, 0o700);
        file
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Accepts this from now on.
    pub(crate) fn add(&self, value: &str) {
        self.lock().valid.insert(value.to_owned());
    }

    pub(crate) fn accepts(&self, value: &str) -> bool {
        self.lock().valid.contains(value)
    }

    /// All that it accepts.
    pub(crate) fn valid(&self) -> Vec<String> {
        self.lock().valid.iter().cloned().collect()
    }

    /// How many values hooks have ever added.
    pub(crate) fn ever(&self) -> usize {
        self.lock().ever.len()
    }

    /// How often hooks have asked this.
    pub(crate) fn calls(&self, verb: &str) -> usize {
        self.lock().calls.get(verb).copied().unwrap_or_default()
    }

    /// Says no to the next calls of this verb, so many.
    pub(crate) fn refuse(&self, verb: &str, times: usize) {
        self.lock().refused.insert(verb.to_owned(), times);
    }

    /// Holds the call of this verb that comes as this one from now on, counted from 1.
    pub(crate) fn hold(&self, verb: &str, nth: usize) {
        let mut state = self.lock();
        let done = state.calls.get(verb).copied().unwrap_or_default();
        state.arrived = false;
        state.held = Some((verb.to_owned(), done + nth));
    }

    /// Waits until the call that is to be held is there.
    #[track_caller]
    pub(crate) fn arrived(&self) {
        let state = self.lock();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !state.arrived);
        assert!(waited.expect("no connection panicked").0.arrived, "no such call came");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.lock().held = None;
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no connection panicked")
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        let (verb, value) = line.trim_end_matches('\n').split_once(' ').unwrap_or((line.trim_end(), ""));
        let said = self.answer(verb, value);
        writeln!(stream, "{said}")
    }

    fn answer(&self, verb: &str, value: &str) -> &'static str {
        let mut state = self.state.lock().expect("no connection panicked");
        let calls = state.calls.entry(verb.to_owned()).or_default();
        *calls += 1;
        let this = Some((verb.to_owned(), *calls));
        if state.held == this {
            state.arrived = true;
            self.changed.notify_all();
            state = self.changed.wait_while(state, |state| state.held == this).expect("no connection panicked");
        }
        if let Some(left @ 1..) = state.refused.get_mut(verb) {
            *left -= 1;
            return "no: the desk is closed";
        }
        let fine = match verb {
            "add" => {
                state.ever.insert(value.to_owned());
                state.valid.insert(value.to_owned());
                !value.is_empty()
            }
            "remove" => {
                state.valid.remove(value);
                true
            }
            "login" => state.valid.contains(value),
            _ => false,
        };
        if fine { "yes" } else { "no: unknown key" }
    }
}
