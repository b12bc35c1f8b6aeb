//! A house, a broker and a backend with one secret that is rotated between them. Refuses to look into the program: its
//! words, its statuses, its journal, and what stands at the broker and the backend.

use crate::broker::Broker;
use crate::house::trading::Clock;
use crate::house::{House, Said};
use crate::place::{Kind, Place};
use crate::reader::Reader;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The value that is there at first.
pub(crate) const FIRST: &str = "the-first-key-of-the-desk";

/// All of it.
pub(crate) struct Desk {
    pub(crate) house: House,
    pub(crate) broker: Broker,
    pub(crate) place: Arc<Place>,
    clock: Clock,
    later: AtomicI64,
}

impl Desk {
    /// One whose grace is a second.
    pub(crate) fn of(kind: Kind) -> Self {
        Self::with(kind, "1s", "")
    }

    /// With this grace, and more of `[[secret]]`.
    pub(crate) fn with(kind: Kind, grace: &str, more: &str) -> Self {
        Self::over(grace, more, |house| Place::start(kind, house))
    }

    /// One over a Vault with an audit log.
    pub(crate) fn audited() -> Self {
        Self::over("1s", "", |_| Place::audited())
    }

    fn over(grace: &str, more: &str, place: impl FnOnce(&House) -> Place) -> Self {
        let mut house = House::guide("qa");
        let clock = house.clock();
        for (name, value) in [
            ("VAULT_TOKEN", "root"),
            ("AWS_ACCESS_KEY_ID", "AKIAQUARTERDECK00000"),
            ("AWS_SECRET_ACCESS_KEY", "nobody-checks-it"),
        ] {
            house.set_var(name, value);
        }
        let (broker, place) = (Broker::start(), Arc::new(place(&house)));
        place.put(FIRST);
        broker.add(FIRST);
        let desk = Self { house, broker, place, clock, later: AtomicI64::new(0) };
        let hooks = desk.hooks();
        desk.configure(grace, more, &hooks);
        desk
    }

    /// The tables of the three hooks.
    pub(crate) fn hooks(&self) -> String {
        let (file, port) = (self.broker.hook(&self.house), self.broker.port());
        let hook = |part: &str, verb: &str| {
            format!("[secret.{part}]\ncommand = [\"{}\", \"{verb}\", \"{port}\"]\nwithin = \"15s\"\n", file.display())
        };
        hook("set", "add") + &hook("test", "login") + &hook("revoke", "remove")
    }

    /// Writes the person's own configuration: hooks count from there.
    pub(crate) fn configure(&self, grace: &str, more: &str, hooks: &str) {
        let (layer, name) = (self.place.layer(), self.place.name());
        let text = format!(
            "[environment]\nname = \"qa\"\n{}\n[[secret]]\nname = \"{name}\"\nlayer = \"{layer}\"\nperiod = \"30d\"\n\
             grace = \"{grace}\"\ngenerator = \"password:24\"\n{more}\n{hooks}",
            self.place.configured(&self.house)
        );
        self.house.write("home/.config/quarterdeck/quarterdeck.toml", text);
    }

    /// A reader that logs in from now on.
    pub(crate) fn reader(&self) -> Reader {
        Reader::start(&self.place, &self.broker)
    }

    /// `rotate VERB` with this secret.
    pub(crate) fn rotate(&self, verb: &str) -> Said {
        self.house.run(&self.words(verb))
    }

    /// `rotate start`, to its end.
    pub(crate) fn start(&self) -> Said {
        self.rotate("start")
    }

    /// The same in the background.
    pub(crate) fn begin(&self) -> Background {
        self.background("start")
    }

    pub(crate) fn background(&self, verb: &str) -> Background {
        let mut command = self.house.command(self.house.program());
        command.args(self.words(verb)).stdout(Stdio::piped()).stderr(Stdio::piped());
        Background { child: Some(command.spawn().expect("the program starts")) }
    }

    /// The same, and it kills itself at this point; false when it never came to it.
    pub(crate) fn dies(&self, verb: &str, point: &str) -> bool {
        let mut command = self.house.command(self.house.program());
        command.args(self.words(verb)).env("QUARTERDECK_TEST_DIE_AT", point);
        command.output().expect("the program starts").status.signal() == Some(9)
    }

    fn words(&self, verb: &str) -> Vec<&'static str> {
        let mut words = vec![
            "rotate",
            match verb {
                "start" => "start",
                "resume" => "resume",
                "rollback" => "rollback",
                "abort" => "abort",
                other => panic!("'{other}' is no verb of these tests"),
            },
        ];
        words.push(self.place.name());
        if verb == "start" {
            words.extend(["--layer", self.place.layer(), "--stay", "--reason", "a test"]);
        }
        words
    }

    /// Moves all clocks past the lease of whoever was killed.
    pub(crate) fn past_the_lease(&self) {
        self.pass(45);
    }

    /// Moves all clocks on by so many seconds.
    pub(crate) fn pass(&self, seconds: i64) {
        let later = self.later.fetch_add(seconds, Ordering::Relaxed) + seconds;
        self.clock.set(later, later);
    }

    /// The newest rotation, as `rotate status --json` tells it.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.house.run(&["rotate", "status", self.place.name(), "--json"]).expect_status(0).json()
    }

    /// Asks until the newest rotation is so. Each question is a process of its own, which is pace enough.
    #[track_caller]
    pub(crate) fn status_until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = std::time::Instant::now() + crate::house::PATIENCE;
        loop {
            let said = self.house.run(&["rotate", "status", self.place.name(), "--json"]);
            // At first there is none.
            if said.status == 0 {
                let told = said.json();
                if holds(&told) {
                    return told;
                }
            }
            assert!(std::time::Instant::now() < end, "waited for {what}; told is {said:?}");
        }
    }

    /// How the newest rotation ended.
    #[track_caller]
    pub(crate) fn ended(&self) -> String {
        let told = self.status();
        told["ended"]["how"].as_str().unwrap_or_else(|| panic!("it is not over: {told:#}")).to_owned()
    }

    /// That nothing is half: what is current is accepted, nothing else is, and nothing is left aside.
    #[track_caller]
    pub(crate) fn is_settled(&self, what: &str) -> String {
        let current = self.place.current().expect("the backend answers");
        assert_eq!(
            self.broker.valid(),
            std::slice::from_ref(&current),
            "{what}: what the broker accepts; {:#}",
            self.status()
        );
        assert_eq!(self.place.pending(), "", "{what}: left aside at the backend; {:#}", self.status());
        current
    }

    /// That the journal is whole.
    #[track_caller]
    pub(crate) fn journal_is_whole(&self) {
        self.house.run(&["audit", "verify"]).expect_status(0);
    }
}

/// A verb that runs; it is killed with its test.
pub(crate) struct Background {
    child: Option<std::process::Child>,
}

impl Background {
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }

    /// What it said, once it has ended.
    pub(crate) fn ended(mut self) -> Said {
        self.child.take().expect("it runs").wait_with_output().expect("it ends").into()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
