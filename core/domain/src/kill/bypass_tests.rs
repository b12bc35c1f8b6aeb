//! Lines of the three schemas before and after a stop: what is a bypass, and what only looks like one.

use super::super::judge::{Heard, judge};
use super::super::moment::Deadline;
use super::super::testing::{self, GIVEN};
use super::super::{EngineState, Steps};
use super::*;
use crate::audit::Place;
use crate::foreign;
use jiff::SignedDuration;

/// So many milliseconds after the stop, which is at 00:00:30.917Z as in the generated file.
fn after(ms: i64) -> Moment {
    let began: Timestamp = "2025-11-08T00:00:30.917Z".parse().expect("a test's own timestamp");
    let boot_ns = GIVEN.checked_add_signed(ms * 1_000_000).expect("a test's own time");
    Moment { utc: began + SignedDuration::from_millis(ms), boot_ns, boot_id: "b".into() }
}

fn ordered(order: Order) -> Record {
    let deadline = (order == Order::Stop).then(|| Deadline::after(&after(0), Deadline::WINDOW));
    let (began, boot) = (after(0).utc, after(0).boot_ns);
    Record { began, since: began, since_boot_ns: boot, deadline, ..testing::ordered(Environment::Production, order) }
}

/// An engine that said BLOCKED so many milliseconds after the stop; `None`: it said nothing yet.
fn engine(blocked: Option<i64>) -> EngineRow {
    let said = after(2_000);
    let beat = Beat {
        v: 1,
        engine: "beta-us".into(),
        environment: "production".into(),
        account: "****4791".into(),
        pid: 1,
        at: said.utc,
        boot_ns: said.boot_ns,
        boot_id: said.boot_id,
        state: EngineState::Blocked,
        episode: blocked.map(|_| "E-12".into()),
        generation: 41,
        level: 3,
        step: if blocked.is_some() { Step::Blocked } else { Step::None },
        steps: Steps { blocked_ns: blocked.map(|ms| after(ms).boot_ns), ..Steps::default() },
        resting_orders: None,
        orders_synced: None,
        positions: None,
        positions_synced: None,
        last_order: None,
        last_order_ns: None,
        link: "up".into(),
        trouble: String::new(),
    };
    let heard = Heard { beat: Some((beat, after(2_000))), ..Heard::default() };
    judge("beta-us", &heard, Some(&ordered(Order::Stop)), &after(2_000))
}

fn read(raw: &str) -> AuditLine {
    foreign::read("orders".into(), Place::default(), raw.as_bytes())
}

/// An engine's own line, as the reference engine writes it.
fn line(kind: &str, ms: i64, id: &str) -> String {
    format!(
        r#"{{"timestamp":"{:.3}","event_id":"evt-1","event_type":"{kind}","actor":{{"type":"service","id":"beta-us","role":"service","session_id":"1"}},"action":{{"verb":"X","resource":"order sell 300 AAPL","resource_id":"{id}"}},"context":{{"ip_address":"127.0.0.1","request_id":"req-1","environment":"production"}},"result":{{"status":"SUCCESS","duration_ms":3,"error_code":null}},"security_context":{{"mfa_verified":false,"anomaly_score":null}}}}"#,
        after(ms).utc
    )
}

fn seen(raw: &str, record: &Record, engines: &[EngineRow], now: i64) -> Option<Bypass> {
    let aliases = BTreeMap::from([("live".to_owned(), Environment::Production)]);
    bypass(&read(raw), record, engines, &aliases, &after(now))
}

fn is_seen(raw: &str) -> bool {
    seen(raw, &ordered(Order::Stop), &[], 60_000).is_some()
}

/// From `gen_audit.py -n 3000 --incident-every 350`, the incident `order_after_kill`: activate, order 3 s later.
const ACTIVATE: &str = r#"{"timestamp":"2025-11-08T00:00:30.917Z","event_id":"evt-000000628","event_type":"KILL_SWITCH","actor":{"type":"user","id":"victim0004@example.com","role":"risk-officer","session_id":"sess-000004"},"action":{"verb":"ACTIVATE","resource":"svc://prod/kill-switch/0004","resource_id":"ks-4"},"context":{"ip_address":"198.51.100.5","request_id":"req-058529a8","environment":"production"},"result":{"status":"SUCCESS","duration_ms":20,"error_code":null},"security_context":{"mfa_verified":true,"anomaly_score":0.10}}"#;
const SUBMIT: &str = r#"{"timestamp":"2025-11-08T00:00:33.917Z","event_id":"evt-0000006a2","event_type":"ORDER_SUBMIT","actor":{"type":"user","id":"victim0004@example.com","role":"trader-prod","session_id":"sess-000004"},"action":{"verb":"SUBMIT","resource":"order://prod/strategy-0004","resource_id":"ord-4"},"context":{"ip_address":"198.51.100.5","request_id":"req-6bf52802","environment":"production"},"result":{"status":"SUCCESS","duration_ms":20,"error_code":null},"security_context":{"mfa_verified":true,"anomaly_score":0.10}}"#;

#[test]
fn the_generated_order_after_the_switch_is_found() {
    let stop = ordered(Order::Stop);
    assert_eq!(seen(ACTIVATE, &stop, &[], 3_100), None);
    let found = seen(SUBMIT, &stop, &[], 3_100).expect("a bypass");
    assert_eq!((&*found.actor, &*found.order), ("victim0004@example.com", "prod/strategy-0004"));
    assert_eq!((found.after, &*found.source, &*found.episode), (SignedDuration::from_secs(3), "orders", "E-12"));
    for order in [Order::Hold, Order::Halt] {
        assert!(seen(SUBMIT, &ordered(order), &[], 3_100).is_some(), "{order:?}");
    }
    assert_eq!(seen(SUBMIT, &ordered(Order::Trade), &[], 3_100), None, "trading is allowed");
}

#[test]
fn each_schema_and_each_name_of_an_order_is_known() {
    let trail = r#"{"timestamp":"2025-11-08T00:00:33Z","actor":"trader-role:alice","resource":"order://prod/x-1","action":"SUBMIT","result":"DENIED","failure_reason":"blocked","context":{"environment":"production"}}"#;
    let found = seen(trail, &ordered(Order::Stop), &[], 4_000).expect("a bypass");
    assert_eq!((&*found.actor, &*found.order), ("alice", "prod/x-1, DENIED blocked"));
    let guides = r#"{"timestamp":"2025-11-08T00:00:33.5","event_type":"order_sent","success":false,"details":{"component":"AAPL","source":"beta-us","client_order_id":"c-1"},"error":"TIMEOUT","process_id":77,"environment":"production"}"#;
    let found = seen(guides, &ordered(Order::Stop), &[], 4_000).expect("a bypass");
    assert_eq!((&*found.actor, &*found.order), ("pid 77", "beta-us/AAPL, FAILED TIMEOUT"));
    let named = |kind| is_seen(&SUBMIT.replace("ORDER_SUBMIT", kind));
    for kind in [
        "ORDER_PLACED",
        "ORDER_NEW",
        "order.sent",
        "NEW_ORDER_SINGLE",
        "ORDER_SUBMIT_REJECTED",
        "ORDER",
        "ORDER_REPLACE",
    ] {
        assert!(named(kind), "{kind}");
    }
    for kind in [
        "ORDER_CANCEL",
        "ORDER_CANCEL_SENT",
        "ORDER_FILLED",
        "ORDER_REJECTED",
        "ORDER_ACCEPTED",
        "BORDER_NEW",
        "NEW_LOGIN",
    ] {
        assert!(!named(kind), "{kind}");
    }
    assert!(!is_seen(&SUBMIT.replace("ORDER_SUBMIT", "ORDER").replace("\"SUBMIT\"", "\"CANCEL\"")));
}

#[test]
fn a_refused_order_is_an_attempt() {
    let denied = SUBMIT.replace("SUCCESS", "FAILURE").replace("null}", "\"PERMISSION_DENIED\"}");
    let found = seen(&denied, &ordered(Order::Stop), &[], 3_100).expect("a bypass");
    assert_eq!(found.order, "prod/strategy-0004, DENIED PERMISSION_DENIED 20 ms");
}

#[test]
fn the_lines_own_time_decides_and_without_one_its_arrival() {
    let at = |text: &str| SUBMIT.replace("2025-11-08T00:00:33.917Z", text);
    assert!(!is_seen(&at("2025-11-08T00:00:30.917Z")), "at the stop is not after it");
    assert!(is_seen(&at("2025-11-08T00:00:30.918Z")));
    assert!(!is_seen(&at("2025-11-07T23:59:59Z")), "it was only written late");
    let untimed = at("no time");
    let found = seen(&untimed, &ordered(Order::Stop), &[], 5_000).expect("a bypass");
    assert_eq!((found.at, found.after), (after(5_000).utc, SignedDuration::from_secs(5)));
    assert_eq!(seen(&untimed, &ordered(Order::Stop), &[], 0), None);
}

#[test]
fn a_line_of_another_environment_is_none_of_ours() {
    let of = |name: &str| is_seen(&SUBMIT.replace("\"production\"", name));
    for ours in ["\"production\"", "\"PRODUCTION\"", "\"prod\"", "\"live\"", "\"\"", "null"] {
        assert!(of(ours), "{ours}");
    }
    assert!(is_seen(&SUBMIT.replace(r#","environment":"production""#, "")), "a line that names none");
    for other in ["\"paper\"", "\"staging\"", "\"qa\""] {
        assert!(!of(other), "{other}");
    }
}

#[test]
fn an_engine_may_send_until_it_said_blocked() {
    let stop = ordered(Order::Stop);
    let by = |blocked, ms| seen(&line("ORDER_SUBMIT", ms, "c-1"), &stop, &[engine(blocked)], 2_000).is_some();
    assert!(!by(Some(12), 5) && !by(Some(12), 12) && by(Some(12), 40));
    assert!(!by(Some(400), 390) && by(Some(400), 450));
    assert!(!by(None, 900), "it isn't late yet");
    assert!(by(None, 1_001));
    assert!(!by(Some(-500), -100) && by(Some(-500), 1), "blocked before the stop: the stop counts");
    assert!(is_seen(&line("ORDER_SUBMIT", 5, "c-1")), "nobody knows this engine");
}

#[test]
fn closing_orders_of_this_episode_are_none_at_level_4() {
    let halt = ordered(Order::Halt);
    let closing = |id: &str, record: &Record, now| seen(&line("ORDER_SUBMIT", now, id), record, &[], now).is_some();
    assert!(!closing("qd-E-12-AAPL", &halt, 2_000));
    for other in ["qd-E-11-AAPL", "qd-E-1-AAPL", "qd-E-12-", "qd-E-12", "xqd-E-12-AAPL", "AAPL"] {
        assert!(closing(other, &halt, 2_000), "{other}");
    }
    let stop = ordered(Order::Stop);
    assert!(closing("qd-E-12-AAPL", &stop, 299_999), "level 3 closes nothing");
    assert!(!closing("qd-E-12-AAPL", &stop, 300_000), "the deadline is kept without a halt");
    assert!(closing("qd-E-12-AAPL", &ordered(Order::Hold), 400_000));
    let shown = line("ORDER_SUBMIT", 2_000, "x").replace("order sell 300 AAPL", "order://prod/qd-E-12-AAPL");
    assert_eq!(seen(&shown, &halt, &[], 2_000), None);
}

#[test]
fn no_secret_leaves_with_an_order() {
    let line = SUBMIT.replace("prod/strategy-0004", "prod/x token=abcdefgh U1234567");
    let found = seen(&line, &ordered(Order::Stop), &[], 3_100).expect("a bypass");
    assert_eq!(found.order, "prod/x token=[REDACTED] ****4567");
}
