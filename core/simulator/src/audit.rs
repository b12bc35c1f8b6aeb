//! The engine's own audit file: one line an order, in the schema of S Q5.1, as any other program's. Refuses to lose a
//! line while the engine lives: what can't be written now is written before the next, and until then no order is sent.

use crate::venue::{Order, Refused};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It was sent.
    Submit,
    /// It traded.
    Filled,
    /// It was taken back.
    Cancel,
}

impl What {
    /// The event's type, and its verb.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Submit => ("ORDER_SUBMIT", "SUBMIT"),
            Self::Filled => ("ORDER_FILLED", "FILLED"),
            Self::Cancel => ("ORDER_CANCEL", "CANCEL"),
        }
    }
}

/// The file, and what is not in it yet.
#[derive(Debug)]
pub(crate) struct Audit {
    file: Option<File>,
    engine: String,
    environment: &'static str,
    /// Tells this start from others.
    run: String,
    count: u64,
    pending: Vec<u8>,
}

impl Audit {
    /// Opens the file to append to it; none: lines go nowhere.
    pub(crate) fn open(path: Option<&Path>, engine: &str, environment: &'static str) -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).mode(0o640).open(path);
        let run = format!("{:x}", quarterdeck_clock::moment().boot_ns);
        let file = path.map(open).transpose()?;
        Ok(Self { file, engine: engine.to_owned(), environment, run, count: 0, pending: Vec::new() })
    }

    /// One line; `at` is from before the order was sent.
    pub(crate) fn write(&mut self, what: What, order: &Order, at: Timestamp, came: &Result<(), Refused>) {
        if self.file.is_none() {
            return;
        }
        self.count += 1;
        let (event_type, verb) = what.names();
        let took = quarterdeck_clock::utc().duration_since(at).as_millis();
        let line = Line {
            timestamp: format!("{at:.3}"),
            event_id: format!("evt-{}-{}", self.run, self.count),
            event_type,
            actor: Actor { r#type: "service", id: &self.engine, role: "service", session_id: &self.run },
            action: Action { verb, resource: described(order), resource_id: &order.id },
            context: Context {
                ip_address: "127.0.0.1",
                request_id: format!("req-{}-{}", self.run, self.count),
                environment: self.environment,
            },
            result: Came {
                status: if came.is_ok() { "SUCCESS" } else { "FAILURE" },
                duration_ms: u64::try_from(took).unwrap_or(0),
                error_code: came.as_ref().err().map(Refused::code),
            },
            security_context: Security { mfa_verified: false, anomaly_score: None },
        };
        // No line of text and numbers fails to be made.
        let _ = serde_json::to_writer(&mut self.pending, &line);
        self.pending.push(b'\n');
        let _ = self.flush();
    }

    /// Writes what is left. As long as this fails, no order is sent.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        while !self.pending.is_empty() {
            match file.write(&self.pending)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => drop(self.pending.drain(..written)),
            }
        }
        Ok(())
    }
}

/// `order buy 100 AAPL`.
fn described(order: &Order) -> String {
    let side = if order.quantity < 0 { "sell" } else { "buy" };
    format!("order {side} {} {}", order.quantity.unsigned_abs(), order.instrument)
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    event_id: String,
    event_type: &'static str,
    actor: Actor<'a>,
    action: Action<'a>,
    context: Context,
    result: Came,
    security_context: Security,
}

#[derive(Serialize)]
struct Actor<'a> {
    r#type: &'static str,
    id: &'a str,
    role: &'static str,
    session_id: &'a str,
}

#[derive(Serialize)]
struct Action<'a> {
    verb: &'static str,
    resource: String,
    resource_id: &'a str,
}

#[derive(Serialize)]
struct Context {
    ip_address: &'static str,
    request_id: String,
    environment: &'static str,
}

#[derive(Serialize)]
struct Came {
    status: &'static str,
    duration_ms: u64,
    error_code: Option<&'static str>,
}

#[derive(Serialize)]
struct Security {
    mfa_verified: bool,
    anomaly_score: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::audit::Place;
    use quarterdeck_domain::foreign;

    #[test]
    fn a_line_is_read_as_any_other_programs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.jsonl");
        let mut audit = Audit::open(Some(&path), "alpha-us", "demo").expect("opened");
        let order = Order { id: "qd-E-\"x\"-AAPL".into(), instrument: "AAPL".into(), quantity: -300 };
        let at = quarterdeck_clock::utc();
        audit.write(What::Submit, &order, at, &Ok(()));
        audit.write(What::Cancel, &order, at, &Err(Refused::CancelRejected));
        let text = std::fs::read_to_string(&path).expect("read");
        let read: Vec<_> =
            text.lines().map(|line| foreign::read("orders".into(), Place::default(), line.as_bytes())).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (read[0].actor(), read[0].kind(), read[0].resource()),
            ("alpha-us", "ORDER_SUBMIT", "order sell 300 AAPL")
        );
        assert_eq!(read[1].kind(), "ORDER_CANCEL");
        assert!(read[1].outcome().contains("CANCEL_REJECTED"), "{}", read[1].outcome());
        let json: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(json["action"]["resource_id"], "qd-E-\"x\"-AAPL");
    }
}
