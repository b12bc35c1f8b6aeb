use super::*;
use proptest::prelude::*;

fn order(id: &str, instrument: &str, quantity: i64) -> Order {
    Order { id: id.into(), instrument: instrument.into(), quantity }
}

fn position(venue: &Venue, instrument: &str) -> i64 {
    venue.look(|book| book.position(instrument)).expect("a look")
}

fn here() -> (tempfile::TempDir, Venue) {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::open(folder.path(), "a").expect("a venue");
    (folder, venue)
}

#[test]
fn what_was_accepted_is_there_for_the_next_process() {
    let (folder, venue) = here();
    assert!(venue.is_new());
    venue.ask(&Ask::Rest(order("1", "AAPL", 100))).expect("rests");
    venue.ask(&Ask::Trade(order("2", "MSFT", -300))).expect("trades");
    venue.ask(&Ask::Fill(order("1", "", 0))).expect("fills");
    venue.ask(&Ask::Rest(order("3", "AAPL", 100))).expect("rests");
    drop(venue);
    let venue = Venue::open(folder.path(), "a").expect("opened again");
    assert!(!venue.is_new());
    assert_eq!((position(&venue, "AAPL"), position(&venue, "MSFT")), (100, -300));
    assert_eq!(venue.look(|book| book.resting.clone()), Ok(vec![order("3", "AAPL", 100)]));
    assert_eq!(venue.ask(&Ask::Trade(order("2", "MSFT", -300))), Err(Refused::Duplicate));
}

#[test]
fn two_processes_see_each_others_facts() {
    let (folder, one) = here();
    let other = Venue::open(folder.path(), "a").expect("opened twice");
    one.ask(&Ask::Trade(order("1", "AAPL", 100))).expect("trades");
    assert_eq!(other.ask(&Ask::Trade(order("1", "AAPL", 100))), Err(Refused::Duplicate));
    other.ask(&Ask::Close(order("qd-E-1-AAPL", "AAPL", -100))).expect("closes");
    assert_eq!(one.ask(&Ask::Close(order("qd-E-2-AAPL", "AAPL", -100))), Err(Refused::NothingToReduce));
    assert_eq!(position(&one, "AAPL"), 0);
}

#[test]
fn a_close_is_cut_to_the_position_and_never_turns_it_round() {
    let (_folder, venue) = here();
    venue.ask(&Ask::Trade(order("1", "AAPL", 300))).expect("trades");
    assert_eq!(venue.ask(&Ask::Close(order("c1", "AAPL", 100))), Err(Refused::NothingToReduce));
    venue.ask(&Ask::Close(order("c2", "AAPL", -900))).expect("closes");
    assert_eq!(position(&venue, "AAPL"), 0);
    assert_eq!(venue.ask(&Ask::Close(order("c3", "AAPL", -1))), Err(Refused::NothingToReduce));
    assert_eq!(venue.ask(&Ask::Close(order("c2", "AAPL", -1))), Err(Refused::Duplicate));
}

#[test]
fn a_refused_id_may_be_sent_again() {
    let (_folder, venue) = here();
    venue.ask(&Ask::Trade(order("1", "AAPL", 300))).expect("trades");
    venue.behave(Conditions { shut_until: Some("09:30".into()), ..Conditions::default() });
    let close = Ask::Close(order("c", "AAPL", -300));
    let refused = venue.ask(&close).expect_err("the market is shut");
    assert_eq!(refused.to_string(), "market shut until 09:30");
    assert_eq!(venue.ask(&Ask::Rest(order("2", "AAPL", 1))), Err(Refused::Shut("09:30".into())));
    venue.behave(Conditions::default());
    assert_eq!(venue.ask(&close), Ok(()));
    assert_eq!(venue.ask(&close), Err(Refused::Duplicate));
}

#[test]
fn a_shut_market_takes_cancels_and_fills_nothing() {
    let (_folder, venue) = here();
    venue.ask(&Ask::Rest(order("1", "AAPL", 100))).expect("rests");
    venue.behave(Conditions { shut_until: Some("09:30".into()), ..Conditions::default() });
    assert_eq!(venue.ask(&Ask::Fill(order("1", "", 0))), Err(Refused::Shut("09:30".into())));
    assert_eq!(venue.ask(&Ask::Cancel(order("1", "", 0))), Ok(()));
    assert_eq!(venue.ask(&Ask::Cancel(order("1", "", 0))), Err(Refused::NotResting));
}

#[test]
fn it_can_reject_cancels_keep_orders_and_be_down() {
    let (_folder, venue) = here();
    venue.ask(&Ask::Rest(order("1", "AAPL", 100))).expect("rests");
    let cancel = Ask::Cancel(order("1", "", 0));
    venue.behave(Conditions { rejects_cancels: true, ..Conditions::default() });
    assert_eq!(venue.ask(&cancel), Err(Refused::CancelRejected));
    venue.behave(Conditions { keeps_orders: true, ..Conditions::default() });
    assert_eq!(venue.ask(&cancel), Ok(()));
    assert_eq!(venue.look(|book| book.resting.len()), Ok(1));
    venue.behave(Conditions { down: true, ..Conditions::default() });
    assert!(matches!(venue.ask(&cancel), Err(Refused::Down(_))));
    assert!(matches!(venue.look(|_| ()), Err(Refused::Down(_))));
}

#[test]
fn half_a_line_was_never_accepted() {
    let (folder, venue) = here();
    venue.ask(&Ask::Trade(order("1", "AAPL", 100))).expect("trades");
    let path = folder.path().join("venue-a.jsonl");
    let mut log = OpenOptions::new().append(true).open(&path).expect("opened");
    log.write_all(br#"{"closed":{"id":"c","instr"#).expect("written");
    assert_eq!(position(&venue, "AAPL"), 100);
    venue.ask(&Ask::Close(order("c", "AAPL", -100))).expect("closes");
    let again = Venue::open(folder.path(), "a").expect("opened again");
    assert_eq!(position(&again, "AAPL"), 0);
}

#[test]
fn a_file_that_is_no_venue_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("venue-a.jsonl"), "nonsense\n").expect("written");
    assert!(Venue::open(folder.path(), "a").is_err());
}

#[test]
fn folding_up_keeps_what_counts_and_other_processes_follow() {
    let (folder, venue) = here();
    let other = Venue::open(folder.path(), "a").expect("opened twice");
    venue.ask(&Ask::Trade(order("1", "AAPL", 100))).expect("trades");
    venue.ask(&Ask::Rest(order("2", "MSFT", 100))).expect("rests");
    venue.ask(&Ask::Close(order("qd-E-1-AAPL", "AAPL", -100))).expect("closes");
    venue.ask(&Ask::Trade(order("3", "AAPL", 200))).expect("trades");
    venue.inside().fold_up(&folder.path().join("venue-a.jsonl")).expect("folded");
    for venue in [&venue, &other] {
        assert_eq!(venue.ask(&Ask::Close(order("qd-E-1-AAPL", "AAPL", -100))), Err(Refused::Duplicate));
        assert_eq!(venue.ask(&Ask::Rest(order("2", "MSFT", 100))), Err(Refused::Duplicate));
        assert_eq!(position(venue, "AAPL"), 200);
        assert_eq!(venue.look(|book| book.count), Ok(3));
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let order = ("[a-f]", prop::sample::select(vec!["A", "B"]), -5i64..=5)
        .prop_map(|(id, instrument, quantity)| order(&id, instrument, quantity));
    (0..5, order).prop_map(|(kind, order)| match kind {
        0 => Ask::Rest(order),
        1 => Ask::Trade(order),
        2 => Ask::Fill(order),
        3 => Ask::Cancel(order),
        _ => Ask::Close(order),
    })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    (prop::bool::weighted(0.1), prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.1))
        .prop_map(|(down, rejects_cancels, keeps_orders, shut)| Conditions {
            down,
            rejects_cancels,
            keeps_orders,
            shut_until: shut.then(|| "09:30".into()),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Over any asks and conditions: a close moves a position towards zero and never past it, an id is accepted once,
    /// and what is refused changes nothing.
    #[test]
    fn a_close_never_flips_and_an_id_counts_once(steps in prop::collection::vec((asks(), conditions()), 1..80)) {
        let mut book = Book::default();
        for (ask, conditions) in steps {
            let before = book.clone();
            let Ok(Some(fact)) = book.decide(&ask, &conditions) else { continue };
            // Through the file's form, as a restart reads it.
            let line = serde_json::to_vec(&fact).expect("a line");
            book.apply(serde_json::from_slice(&line).expect("a fact"));
            if let Ask::Rest(order) | Ask::Trade(order) | Ask::Close(order) = &ask {
                prop_assert!(!before.accepted.contains(&order.id));
                prop_assert!(book.accepted.contains(&order.id));
            }
            if let Ask::Close(order) = &ask {
                let (was, is) = (before.position(&order.instrument), book.position(&order.instrument));
                prop_assert!(is == 0 || is.signum() == was.signum(), "{was} became {is}");
                prop_assert!(is.abs() < was.abs(), "{was} became {is}");
            }
            prop_assert!(book.positions.values().all(|held| *held != 0));
            prop_assert_eq!(&book.folded().positions, &book.positions);
        }
    }
}
