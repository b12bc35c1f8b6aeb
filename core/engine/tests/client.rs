//! The client over real files and sockets, as an engine and an observer see it.

mod desk;

use desk::{Desk, Observer, stop_in};
use quarterdeck_domain::kill::{EngineState, Order, Step};
use quarterdeck_engine::{ClientError, Closing, Duty, Report, Seen, moment};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::time::Duration;

fn nothing_open() -> Report {
    let seen = || Some(Seen { count: 0, at: moment() });
    Report { orders: seen(), positions: seen(), link_up: true, ..Report::default() }
}

#[test]
fn a_stop_in_the_latch_is_answered_on_the_socket_and_in_the_status_file_and_a_release_frees() {
    let desk = Desk::trading();
    let (client, duties) = desk.start();
    assert_eq!(duties.next().level, 0);
    drop(client.permit().expect("it trades"));
    let mut observer = Observer::at(&desk);
    let first = observer.beat();
    assert_eq!((first.state, first.level, first.generation), (EngineState::Idle, 0, 1));
    assert_eq!((first.engine.as_str(), first.account.as_str()), ("alpha-us", "****4789"));

    desk.latch(&desk.record(Order::Stop, "E-1", 2));
    let beat = observer.until(|beat| beat.step == Step::Blocked);
    assert_eq!((beat.state, beat.level, beat.generation), (EngineState::Blocked, 3, 2));
    assert_eq!(beat.episode.as_deref(), Some("E-1"));
    assert!(beat.steps.received_ns <= beat.steps.blocked_ns && beat.steps.received_ns > Some(first.boot_ns));
    assert!(client.permit().is_none());
    let duty = Duty { level: 3, episode: Some("E-1".into()), generation: 2, by_deadline: false };
    assert_eq!((duties.next(), client.duty()), (duty.clone(), duty));
    desk.status_until(|beat| beat.step == Step::Blocked && beat.generation == 2);

    desk.latch(&desk.record(Order::Trade, "E-1", 3));
    observer.until(|beat| beat.level == 0 && beat.step == Step::None && beat.generation == 3);
    assert!(client.permit().is_some());
    assert_eq!(duties.next().level, 0);
}

#[test]
fn a_stop_over_the_socket_counts_though_the_latch_says_nothing_and_a_release_over_it_does_not() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    observer.hand(&desk.record(Order::Stop, "E-1", 2));
    observer.until(|beat| beat.step == Step::Blocked && beat.generation == 2);
    observer.hand(&desk.record(Order::Trade, "E-1", 3));
    let answer = observer.until(|beat| beat.boot_ns > 0);
    assert_eq!((answer.level, answer.generation), (3, 2));
    // The latch still says what it said; it is looked at each second, and changes nothing.
    let later = observer.until(|beat| beat.boot_ns > answer.boot_ns + 1_000_000_000);
    assert_eq!((later.level, later.generation), (3, 2));
    assert!(client.permit().is_none());
    // Another environment's record is told to be none of its business.
    let mut foreign = desk.record(Order::Halt, "E-2", 9);
    foreign.environment = "production".into();
    observer.hand(&foreign);
    assert!(observer.refusal().contains("belongs to 'production'"));
    assert_eq!(client.duty().level, 3);
}

#[test]
fn an_earlier_generation_is_ignored_unless_it_is_stricter() {
    let desk = Desk::trading();
    desk.latch(&desk.record(Order::Hold, "E-1", 5));
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    desk.latch(&desk.record(Order::Trade, "E-1", 4));
    // Every line is answered after the latch was looked at.
    observer.hand(&desk.record(Order::Hold, "E-1", 4));
    observer.beat();
    let beat = observer.beat();
    assert_eq!((beat.level, beat.generation), (3, 5));
    desk.latch(&desk.record(Order::Halt, "E-2", 2));
    let beat = observer.until(|beat| beat.level == 4);
    assert_eq!((beat.generation, beat.episode.as_deref()), (5, Some("E-2")));
    assert!(client.permit().is_none());
}

#[test]
fn no_latch_and_a_broken_one_block_and_never_close() {
    let desk = Desk::new();
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    let beat = observer.beat();
    assert_eq!((beat.level, beat.step, beat.trouble.as_str()), (3, Step::Blocked, "there is no latch"));
    desk.write(b"{\"v\": 1, \"order\": \"halt\"}");
    let beat = observer.until(|beat| beat.trouble.starts_with("the latch can't be read"));
    assert_eq!((beat.level, beat.state), (3, EngineState::Blocked));
    assert!(client.permit().is_none());
    assert!(matches!(client.closing(&client.duty(), "ES"), Err(ClientError::NotNow)));
    desk.latch(&desk.record(Order::Trade, "E-0", 1));
    observer.until(|beat| beat.level == 0 && beat.trouble.is_empty());
    std::fs::rename(desk.places().latch, desk.base().join("away")).expect("renamed");
    observer.until(|beat| beat.level == 3 && beat.trouble == "there is no latch");
    assert!(client.permit().is_none());
    // The folder comes back, as another one.
    std::fs::create_dir(desk.places().latch).expect("a folder");
    desk.latch(&desk.record(Order::Trade, "E-0", 1));
    observer.until(|beat| beat.level == 0);
}

#[test]
fn blocked_is_said_only_after_the_order_that_is_on_its_way_has_arrived() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    let permit = client.permit().expect("it trades");
    desk.latch(&desk.record(Order::Stop, "E-1", 2));
    let beat = observer.until(|beat| beat.generation == 2);
    assert_eq!((beat.step, beat.state), (Step::Received, EngineState::Trading));
    assert!(client.permit().is_none(), "no other one is let out meanwhile");
    let beat = observer.until(|beat| !beat.trouble.is_empty());
    assert_eq!((beat.step, beat.trouble.as_str()), (Step::Received, "an order is still being sent"));
    drop(permit);
    let beat = observer.until(|beat| beat.step == Step::Blocked);
    assert!(beat.trouble.is_empty() && beat.steps.blocked_ns > beat.steps.received_ns);
}

#[test]
fn the_deadline_is_held_by_the_engine_and_each_position_is_closed_once_through_restarts() {
    let desk = Desk::trading();
    let (client, duties) = desk.start();
    let mut observer = Observer::at(&desk);
    desk.latch(&stop_in(Duration::from_millis(300), desk.record(Order::Stop, "E-1", 2)));
    let beat = observer.until(|beat| beat.level == 4);
    assert_eq!((beat.step, beat.generation, beat.episode.as_deref()), (Step::Blocked, 2, Some("E-1")));
    let duty = duties.until(|duty| duty.level == 4);
    assert!(duty.by_deadline);
    let id = "qd-E-1-ES".to_owned();
    let send = |again| Closing::Send { client_order_id: id.clone(), again };
    assert_eq!(client.closing(&duty, "ES").expect("durable"), send(false));
    assert_eq!(client.closing(&duty, "ES").expect("durable"), send(true));
    drop(client);

    let (client, duties) = desk.start();
    let duty = duties.next();
    assert_eq!((duty.level, duty.by_deadline), (4, true), "the latch still says stop");
    assert_eq!(client.closing(&duty, "ES").expect("durable"), send(true));
    client.closed(&duty, "ES").expect("durable");
    assert!(matches!(client.closing(&duty, "a\nb"), Err(ClientError::Instrument(_))));
    drop(client);

    let (client, duties) = desk.start();
    let duty = duties.next();
    assert_eq!(client.closing(&duty, "ES").expect("read"), Closing::Done);
    assert!(!client.flat(&duty), "nothing was asked of the venue in this process");
    client.report(nothing_open());
    assert!(client.cancelled(&duty) && client.flat(&duty));
    let mut observer = Observer::at(&desk);
    let beat = observer.until(|beat| beat.step == Step::Flat);
    assert_eq!((beat.resting_orders, beat.positions), (Some(0), Some(0)));
    assert!(beat.orders_synced.is_some() && beat.steps.cancelled_ns.is_some() && beat.steps.flat_ns.is_some());
    client.report(Report { positions: None, ..nothing_open() });
    observer.until(|beat| beat.step == Step::Cancelled && beat.positions.is_none());

    desk.latch(&desk.record(Order::Trade, "E-1", 3));
    observer.until(|beat| beat.level == 0);
    assert!(matches!(client.closing(&duty, "NQ"), Err(ClientError::NotNow)), "the duty is over");
}

#[test]
fn a_restart_knows_the_highest_generation_though_the_latch_was_put_back() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    observer.hand(&desk.record(Order::Stop, "E-1", 7));
    observer.until(|beat| beat.step == Step::Blocked);
    desk.status_until(|beat| beat.generation == 7);
    drop(client);
    let (client, duties) = desk.start();
    let duty = duties.next();
    assert_eq!((duty.level, duty.generation), (3, 7));
    assert!(client.permit().is_none());
    desk.latch(&desk.record(Order::Trade, "E-1", 8));
    Observer::at(&desk).until(|beat| beat.level == 0);
}

#[test]
fn two_engines_have_two_names_and_a_dead_one_s_socket_is_taken_over() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    match desk.try_start("alpha-us") {
        Err(ClientError::Running { name, .. }) => assert_eq!(name, "alpha-us"),
        other => panic!("{other:?}"),
    }
    desk.try_start("beta-us").expect("another name");
    drop(client);
    assert!(desk.socket("alpha-us").exists(), "it left as the dead do");
    let (client, _duties) = desk.start();
    Observer::at(&desk).beat();
    drop(client);
    // An engine in another language may hold no lock; it answers.
    std::fs::remove_file(desk.socket("alpha-us")).expect("removed");
    let other = UnixListener::bind(desk.socket("alpha-us")).expect("a socket");
    assert!(matches!(desk.try_start("alpha-us"), Err(ClientError::Running { .. })));
    drop(other);
    desk.try_start("alpha-us").expect("nobody answers");
    for name in ["", "..", "a/b", ".hidden", "ä", &"a".repeat(65)] {
        assert!(matches!(desk.try_start(name), Err(ClientError::Name(_))), "{name}");
    }
}

#[test]
fn a_socket_that_is_taken_away_comes_back_and_one_that_can_not_be_made_is_told() {
    let desk = Desk::trading();
    let (_client, _duties) = desk.start();
    std::fs::remove_file(desk.socket("alpha-us")).expect("removed");
    desk.until("the socket is back", || desk.socket("alpha-us").exists().then_some(()));
    Observer::at(&desk).beat();
    let facts = std::fs::metadata(desk.socket("alpha-us")).expect("a socket");
    assert!(facts.file_type().is_socket() && facts.permissions().mode() & 0o777 == 0o660);

    std::fs::write(desk.socket("beta-us"), b"").expect("a file in the socket's place");
    let client = desk.try_start("beta-us").expect("the latch file is enough");
    desk.latch(&desk.record(Order::Stop, "E-1", 2));
    let beat = desk.status_of("beta-us", |beat| beat.step == Step::Blocked);
    assert!(beat.trouble.starts_with("no socket: beta-us.sock is no socket"), "{}", beat.trouble);
    assert!(client.permit().is_none());
}

#[test]
fn the_status_file_changes_places_with_its_spare_and_is_whole_whenever_it_is_read() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    let path = desk.places().engines.join("alpha-us.json");
    let mut files = std::collections::BTreeSet::new();
    for generation in 2..12 {
        desk.latch(&desk.record(if generation % 2 == 0 { Order::Hold } else { Order::Trade }, "E-1", generation));
        observer.until(|beat| beat.generation == generation);
        desk.status_until(|beat| beat.generation == generation);
        let facts = std::fs::metadata(&path).expect("a status file");
        assert_eq!((facts.len(), facts.permissions().mode() & 0o777), (4096, 0o640));
        files.insert(facts.ino());
    }
    assert!(files.len() <= 2, "a new file each time needs room that a full disk hasn't got");
    std::fs::remove_file(&path).expect("removed");
    desk.status_until(|beat| beat.level == 0);
    drop(client);
    assert!(path.exists());
}

#[test]
fn leaving_takes_everything_along_while_trading_and_leaves_word_while_stopped() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    client.clone().stop();
    assert!(client.permit().is_none());
    assert!(!desk.socket("alpha-us").exists() && !desk.places().engines.join("alpha-us.json").exists());
    let (client, _duties) = desk.start();
    let mut observer = Observer::at(&desk);
    desk.latch(&desk.record(Order::Stop, "E-1", 2));
    observer.until(|beat| beat.step == Step::Blocked);
    client.stop();
    assert!(!desk.socket("alpha-us").exists());
    let beat = desk.status_until(|_| true);
    assert_eq!((beat.generation, beat.trouble.as_str()), (2, "the engine left while it was stopped"));
}

#[test]
fn seventy_observers_are_bounded_and_garbage_long_lines_and_half_lines_harm_nobody() {
    let desk = Desk::trading();
    let (client, _duties) = desk.start();
    let mut all: Vec<Observer> = (0..70).map(|_| Observer::at(&desk)).collect();
    let refused: Vec<usize> = (0..70).filter(|at| all[*at].first_line().contains("refused")).collect();
    assert_eq!(refused, (64..70).collect::<Vec<_>>());
    assert_eq!(client.refused(), 6);

    for (at, garbage) in [&b"\xff\xfe\0\x1b[2J\n"[..], b"[1]\n", b"{\n", b"\n"].into_iter().enumerate() {
        all[at].write(garbage);
        assert!(all[at].refusal().contains("one JSON object"), "{garbage:?}");
        assert!(all[at].is_closed());
    }
    let deep = [vec![b'['; 60_000], b"\n".to_vec()].concat();
    all[4].write(&deep);
    assert!(all[4].is_closed());
    all[5].write(&vec![b'x'; 1 << 20]);
    assert!(all[5].is_closed());
    all[6].write(br#"{"latch": {"v": 1, "#);
    all[7].write(b"{\"unknown\": 1}\n{}\n");
    for observer in &mut all[8..12] {
        observer.stream().shutdown(std::net::Shutdown::Both).expect("shut");
    }
    all[7].hand(&desk.record(Order::Stop, "E-1", 2));
    for observer in &mut all[12..64] {
        observer.until(|beat| beat.step == Step::Blocked);
    }
}

#[test]
fn who_never_reads_is_dropped_and_nobody_waits_for_him() {
    let desk = Desk::trading();
    let (_client, _duties) = desk.start();
    let stalled = Observer::at(&desk);
    let ask = Observer::line(&desk.record(Order::Trade, "E-0", 1));
    let mut stream = stalled.stream();
    // Each line is answered by a beat that nobody reads.
    while stream.write_all(&ask).is_ok() {}
    let mut observer = Observer::at(&desk);
    desk.latch(&desk.record(Order::Stop, "E-1", 2));
    observer.until(|beat| beat.step == Step::Blocked);
    // What he was told before he was dropped is whole lines.
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told);
    assert!(told.starts_with(b"{") && told.ends_with(b"\n"));
}

#[test]
fn what_an_engine_does_with_a_duty_may_fail_and_the_next_one_is_handed_out() {
    let desk = Desk::trading();
    let (tell, told) = mpsc::channel();
    let client = desk.start_with(move |client, duty| {
        let _ = tell.send((duty.clone(), client.duty()));
        assert_eq!(duty.level, 0, "on purpose");
    });
    assert_eq!(told.recv().expect("the first").0.level, 0);
    desk.latch(&desk.record(Order::Halt, "E-1", 2));
    assert_eq!(told.recv().expect("a halt").0.level, 4);
    assert_eq!(told.recv().expect("again, a second later").0.level, 4);
    drop(client);
    while told.recv().is_ok() {}
}
