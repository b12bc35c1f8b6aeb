//! What the engine does at its venue: sends the next order, and at level 4 cancels, closes and looks again. Refuses to
//! send without a permit (unless it is told to defy), to close twice, and to say what the venue didn't.

use crate::audit::{Audit, What};
use crate::misbehave::{Faults, Misbehave};
use crate::options::{DieAt, Options};
use crate::orders::Plan;
use crate::venue::{Ask, Order, Refused, Venue};
use jiff::Timestamp;
use quarterdeck_engine::{Client, Closing, Duty, Moment, Report, Seen};
use rustix::process::{Signal, getpid, kill_process};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The engine's hands.
#[derive(Debug)]
pub(crate) struct Desk {
    venue: Venue,
    plan: Plan,
    die_at: Option<DieAt>,
    /// There is a pace at which orders go out.
    busy: bool,
    verbose: bool,
    faults: Mutex<Faults>,
    audit: Mutex<Audit>,
    seen: Mutex<View>,
    repeated: Mutex<BTreeSet<(String, &'static str)>>,
    steps: Mutex<Steps>,
}

/// What the venue said last. What could not be asked anew keeps the time at which it was.
#[derive(Debug, Default)]
struct View {
    orders: Option<Seen>,
    positions: Option<Seen>,
    last_order: Option<Moment>,
}

/// How often each step was taken in this process, for [`DieAt`].
#[derive(Debug, Default)]
struct Steps {
    cancelling: u64,
    closing: u64,
    closed: u64,
}

impl Desk {
    pub(crate) fn new(options: &Options, venue: Venue, plan: Plan, audit: Audit) -> Self {
        Self {
            venue,
            plan,
            die_at: options.die_at,
            busy: options.rate.every().is_some(),
            verbose: options.verbose,
            faults: Mutex::default(),
            audit: Mutex::new(audit),
            seen: Mutex::default(),
            repeated: Mutex::default(),
            steps: Mutex::default(),
        }
    }

    /// Changes how it goes wrong.
    pub(crate) fn go_wrong(&self, faults: Faults) {
        self.venue.behave(faults.conditions());
        *lock(&self.faults) = faults;
    }

    /// How it goes wrong now.
    pub(crate) fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    /// One beat of the pace. True when an order went out.
    pub(crate) fn trade(&self, client: &Client) -> bool {
        // Held until the venue has answered and the line is written: until then no stop is answered with BLOCKED.
        let permit = client.permit();
        if permit.is_none() && !self.faults().defies() || lock(&self.audit).flush().is_err() {
            return false;
        }
        let at = quarterdeck_clock::moment();
        let Ok(asks) = self.venue.look(|book| self.plan.next(book)) else { return false };
        for ask in asks {
            // What the venue refuses stands in the audit file.
            let _ = self.carry(&ask, at.utc);
        }
        lock(&self.seen).last_order = Some(at);
        true
    }

    /// While nothing is sent, the market still comes to what rests.
    pub(crate) fn fill(&self) {
        if let Ok(Some(oldest)) = self.venue.look(|book| book.resting.first().cloned()) {
            let _ = self.carry(&Ask::Fill(oldest), quarterdeck_clock::utc());
        }
    }

    /// Asks the venue what is there, and tells the client.
    pub(crate) fn tell(&self, client: &Client, trouble: &str) {
        // Held until it is told: what was seen first is told first.
        let mut seen = lock(&self.seen);
        let at = quarterdeck_engine::moment();
        let looked = self.venue.look(|book| (book.resting.len() as u64, book.positions.len() as u64));
        let mut troubles: Vec<String> = Vec::from_iter((!trouble.is_empty()).then(|| trouble.to_owned()));
        let unsynced = self.faults().has(&Misbehave::Unsynced);
        match &looked {
            Ok((orders, positions)) => {
                seen.orders = Some(Seen { count: *orders, at: at.clone() });
                if unsynced {
                    troubles.push("positions can't be asked for".into());
                } else {
                    seen.positions = Some(Seen { count: *positions, at });
                }
            }
            Err(refused) if trouble.is_empty() => troubles.push(refused.to_string()),
            Err(_) => {}
        }
        if let Err(error) = lock(&self.audit).flush() {
            troubles.push(format!("audit file: {error}"));
        }
        client.report(Report {
            busy: self.busy,
            orders: seen.orders.clone(),
            positions: seen.positions.clone(),
            last_order: seen.last_order.clone(),
            link_up: looked.is_ok(),
            trouble: troubles.join("; "),
        });
    }

    /// What a duty asks for. Called at each change, and each second while it is level 4.
    pub(crate) fn heard(&self, client: &Client, duty: &Duty) {
        self.say(|| format!("duty: level {}, generation {}", duty.level, duty.generation));
        if duty.level == 0 {
            lock(&self.repeated).clear();
        }
        if duty.level > 0 {
            self.die_if(|at| at == DieAt::Blocked);
        }
        if duty.level < 4 {
            return self.tell(client, "");
        }
        let mut troubles = self.cancel_all();
        // Whatever is still there, and can still change: less exposure is better than none closed.
        self.tell(client, &troubles.join("; "));
        if client.cancelled(duty) {
            self.die_if(|at| at == DieAt::Cancelled);
        }
        troubles.extend(self.close_all(client, duty));
        self.tell(client, &troubles.join("; "));
        if client.cancelled(duty) && client.flat(duty) {
            self.die_if(|at| at == DieAt::Flat);
        }
    }

    /// Kills this process if this is where it should die.
    pub(crate) fn die_if(&self, here: impl Fn(DieAt) -> bool) {
        if self.die_at.is_some_and(here) {
            die();
        }
    }

    fn cancel_all(&self) -> Vec<String> {
        let resting = match self.venue.look(|book| book.resting.clone()) {
            Ok(resting) => resting,
            Err(refused) => return vec![refused.to_string()],
        };
        let mut refused = Count::default();
        for order in &resting {
            let number = count(&mut lock(&self.steps).cancelling);
            self.die_if(|at| at == DieAt::Cancelling(number));
            let at = quarterdeck_clock::utc();
            if let Err(why) = self.carry(&Ask::Cancel(order.clone()), at)
                && why != Refused::NotResting
            {
                refused.add(why);
            }
        }
        let left = self.venue.look(|book| book.resting.len()).unwrap_or(resting.len());
        match refused.told("can't be cancelled", "order") {
            Some(told) => vec![told],
            None if left > 0 => vec![format!("{} on though cancelled", many(left, "order rests", "orders rest"))],
            None => Vec::new(),
        }
    }

    fn close_all(&self, client: &Client, duty: &Duty) -> Vec<String> {
        let faults = self.faults();
        if faults.has(&Misbehave::SaysFlat) || faults.has(&Misbehave::Unsynced) {
            return Vec::new();
        }
        // That the venue is down was said by whoever cancelled.
        let Ok(positions) = self.venue.look(|book| book.positions.clone()) else { return Vec::new() };
        let (mut refused, mut troubles) = (Count::default(), Vec::new());
        for (instrument, held) in positions {
            match client.closing(duty, &instrument) {
                Ok(Closing::Send { client_order_id: id, .. }) => {
                    match self.close(client, duty, Order { id, instrument, quantity: -held }) {
                        Ok(()) => {}
                        Err(why) => refused.add(why),
                    }
                }
                Ok(Closing::Done) => {
                    troubles.push(format!("{instrument} was closed once in this episode and has a position again"));
                }
                Err(error) => troubles.push(error.to_string()),
            }
        }
        refused.told("can't be closed", "position").into_iter().chain(troubles).collect()
    }

    fn close(&self, client: &Client, duty: &Duty, order: Order) -> Result<(), Refused> {
        let number = count(&mut lock(&self.steps).closing);
        self.die_if(|at| at == DieAt::Closing(number));
        let came = self.carry(&Ask::Close(order.clone()), quarterdeck_clock::utc());
        match came {
            // Taken now, or before this process was started: either way it is at the venue.
            Ok(()) | Err(Refused::Duplicate) => {
                let number = count(&mut lock(&self.steps).closed);
                self.die_if(|at| at == DieAt::Closed(number));
                // Not remembered: it is sent again, and the venue refuses the second.
                let _ = client.closed(duty, &order.instrument);
                Ok(())
            }
            Err(Refused::NothingToReduce) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Asks the venue, and writes what came of it. An answer of level 4 that comes again each second is written once.
    fn carry(&self, ask: &Ask, at: Timestamp) -> Result<(), Refused> {
        let came = self.venue.ask(ask);
        let (what, order) = match ask {
            Ask::Rest(order) | Ask::Trade(order) | Ask::Close(order) => (What::Submit, order),
            Ask::Cancel(order) => (What::Cancel, order),
            Ask::Fill(order) => (What::Filled, order),
        };
        let again = matches!(ask, Ask::Cancel(_) | Ask::Close(_)) && {
            let code = came.as_ref().err().map_or("OK", Refused::code);
            !lock(&self.repeated).insert((order.id.clone(), code))
        };
        if again || (what == What::Filled && came.is_err()) {
            return came;
        }
        let mut audit = lock(&self.audit);
        audit.write(what, order, at, &came);
        if matches!(ask, Ask::Trade(_) | Ask::Close(_)) && came.is_ok() {
            audit.write(What::Filled, order, at, &came);
        }
        self.say(|| {
            let came = came.as_ref().err().map_or("ok".into(), Refused::to_string);
            format!("{what:?} {} {} {}: {came}", order.id, order.quantity, order.instrument)
        });
        came
    }

    /// Under `--verbose`; nobody may be reading.
    fn say(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            let _ = writeln!(std::io::stdout(), "{}", line());
        }
    }
}

/// Ends this process as a power cut would: nothing of it runs on.
pub(crate) fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Equal refusals, told together.
#[derive(Default)]
struct Count {
    why: Option<Refused>,
    number: usize,
}

impl Count {
    fn add(&mut self, why: Refused) {
        self.why.get_or_insert(why);
        self.number += 1;
    }

    /// `market shut until 09:30: 5 positions can't be closed`.
    fn told(&self, what: &str, one: &str) -> Option<String> {
        let why = self.why.as_ref()?;
        Some(format!("{why}: {} {what}", many(self.number, one, &format!("{one}s"))))
    }
}

fn many(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn count(number: &mut u64) -> u64 {
    *number += 1;
    *number
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
