//! What is a record, and what only looks like one.

use super::super::Moment;
use super::super::testing::{after, ordered, wall};
use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn parse(bytes: &[u8]) -> Result<Record, String> {
    Record::parse(bytes, Environment::Qa)
}

/// The stop as JSON, with one field changed; null takes it away.
fn with(field: &str, value: Value) -> Result<Record, String> {
    let mut json = serde_json::to_value(ordered(Environment::Qa, Order::Stop)).expect("JSON");
    match value {
        Value::Null => json.as_object_mut().expect("an object").remove(field),
        value => json.as_object_mut().expect("an object").insert(field.into(), value),
    };
    parse(json.to_string().as_bytes())
}

#[test]
fn a_record_fills_its_place_and_comes_back() {
    for order in [Order::Trade, Order::Hold, Order::Stop, Order::Halt] {
        let record = ordered(Environment::Qa, order);
        let bytes = record.bytes();
        assert_eq!(bytes.len(), Record::SIZE);
        assert_eq!(parse(&bytes), Ok(record.clone()));
        // Padded by somebody else, or by nobody.
        let text = serde_json::to_vec(&record).expect("JSON");
        assert_eq!(parse(&text), Ok(record.clone()));
        assert_eq!(parse(&[&text[..], b"\0\0\r\n\t "].concat()), Ok(record));
    }
}

#[test]
fn what_grows_never_pushes_the_order_out() {
    let mut record = ordered(Environment::Qa, Order::Stop);
    record.engines = (0..2_000).map(|at| format!("engine-{at}")).collect();
    record.reason = Some("é".repeat(5_000));
    let bytes = record.bytes();
    assert_eq!(bytes.len(), Record::SIZE);
    let read = parse(&bytes).expect("a record");
    assert_eq!((read.order, read.generation, read.deadline), (record.order, record.generation, record.deadline));
    assert_eq!(read.reason.map(|reason| reason.chars().count()), Some(200));
}

#[test]
fn what_contradicts_itself_is_no_record() {
    assert!(with("v", 1.into()).is_ok());
    let refused = |field, value: Value| with(field, value).expect_err("refused");
    assert_eq!(refused("v", 2.into()), "its format is 2, and this program knows 1");
    assert_eq!(refused("environment", "paper".into()), "it belongs to 'paper', not to qa");
    assert_eq!(refused("environment", "\u{1b}[2J".into()), "it belongs to '<1b>[2J', not to qa");
    assert_eq!(refused("level", 4.into()), "its order is Stop and its level 4");
    let without = "a deadline stands there without a stop, or a stop without a deadline";
    assert_eq!(refused("deadline", Value::Null), without);
    assert_eq!(refused("drill", true.into()), "it is a drill, which this program can't run yet");
    assert!(refused("generation", u64::MAX.into()).contains("no generation is as high"));
    for (field, value) in
        [("order", Value::Null), ("order", "resume".into()), ("generation", "41".into()), ("generation", (-1).into())]
    {
        assert!(with(field, value.clone()).is_err(), "{field} {value}");
    }
    assert!(with("surprise", 1.into()).is_err(), "an order of a later format is not half understood");
    assert_eq!(parse(b"  \n\0"), Err("it is empty".into()));
    let twice = r#"{"v":1,"v":1}"#;
    assert!(parse(twice.as_bytes()).is_err());
}

#[test]
fn only_somebodys_stop_is_urgent() {
    let urgent = |order, kind: &str| {
        let mut record = ordered(Environment::Qa, order);
        record.initiator.kind = kind.into();
        record.is_urgent()
    };
    assert!(urgent(Order::Stop, "person") && urgent(Order::Halt, "person") && urgent(Order::Halt, "trigger"));
    assert!(!urgent(Order::Halt, "deadline") && !urgent(Order::Stop, "repair"));
    assert!(!urgent(Order::Hold, "person") && !urgent(Order::Trade, "person"));
}

#[test]
fn an_urgent_record_goes_over_what_is_milder_and_its_generation_never_falls() {
    let of = |order, generation, episode: &str| Record {
        generation,
        episode: episode.into(),
        ..ordered(Environment::Qa, order)
    };
    let over = |stands: Record, record: Record| record.over(&stands).map(|record| (record.order, record.generation));
    assert_eq!(over(of(Order::Trade, 5, "E-1"), of(Order::Stop, 6, "E-2")), Some((Order::Stop, 6)));
    assert_eq!(over(of(Order::Hold, 9, "E-1"), of(Order::Stop, 6, "E-2")), Some((Order::Stop, 10)));
    assert_eq!(over(of(Order::Stop, 9, "E-1"), of(Order::Halt, 6, "E-1")), Some((Order::Halt, 10)));
    assert_eq!(over(of(Order::Halt, 5, "E-1"), of(Order::Stop, 6, "E-1")), None);
    assert_eq!(over(of(Order::Stop, 6, "E-1"), of(Order::Stop, 6, "E-2")), None, "a second stop restarts nothing");
    assert_eq!(over(of(Order::Stop, 5, "E-1"), of(Order::Stop, 6, "E-2")), None);
    assert_eq!(over(of(Order::Stop, 5, "E-1"), of(Order::Stop, 6, "E-1")), Some((Order::Stop, 6)));
    let last = Record::HIGHEST;
    assert_eq!(over(of(Order::Trade, last, "E-1"), of(Order::Stop, 6, "E-2")), Some((Order::Stop, 6)), "it leaps");
    assert_eq!(over(of(Order::Trade, last, "E-1"), of(Order::Stop, last, "E-2")), Some((Order::Stop, last)));
}

#[test]
fn an_order_is_as_old_as_the_boot_clock_says() {
    let record = ordered(Environment::Qa, Order::Halt);
    let stepped = Moment { utc: wall(-3_600_000), ..after(7_000) };
    assert_eq!(record.elapsed(&stepped), SignedDuration::from_secs(7));
    let other = |utc, boot_ns| Moment { utc: wall(utc), boot_ns, boot_id: "c".into() };
    assert_eq!(record.elapsed(&other(90_000, 20_000_000_000)), SignedDuration::from_secs(90));
    // The wall clock was stepped back while the machine was down: it runs for 20 s all the same.
    assert_eq!(record.elapsed(&other(-90_000, 20_000_000_000)), SignedDuration::from_secs(20));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _judged = parse(&bytes);
    }

    #[test]
    fn a_changed_byte_is_another_record_or_none(at in 0usize..Record::SIZE, byte: u8) {
        let record = ordered(Environment::Qa, Order::Stop);
        let mut bytes = record.bytes();
        bytes[at] = byte;
        if let Ok(read) = parse(&bytes) {
            prop_assert_eq!((read.level, read.deadline.is_some()), (read.order.level(), read.order == Order::Stop));
            prop_assert_eq!((read.environment.as_str(), read.drill), ("qa", false));
        }
    }
}
