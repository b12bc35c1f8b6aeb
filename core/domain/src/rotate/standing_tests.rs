//! Grace under every clock, and the states that a rotation gives its secret.

use super::super::testing::*;
use super::super::*;
use super::*;
use crate::event::Status;
use crate::kill::Moment;

fn in_grace() -> Rotation {
    let facts = [
        Fact::Began { step: Step::Check },
        done(Step::Check),
        Fact::Began { step: Step::Stage },
        done_as(Step::Stage, Some("15")),
        Fact::Began { step: Step::Promote },
        promoted("15", &moment(0), 600),
        done(Step::Unstage),
    ];
    let plan = Plan { set: None, test: None, ..plan() };
    let begun = Rotation::begin(27, &planned(plan, "id-0", Some(lease("p0", &moment(0)))), moment(0).utc);
    facts.iter().fold(begun.expect("begun"), told)
}

fn told(rotation: Rotation, fact: &Fact) -> Rotation {
    rotation.advance(fact, Some("p0"), moment(0).utc).unwrap_or_else(|why| panic!("{fact:?}: {why}"))
}

fn left(now: &Moment, anchor: &Moment) -> i64 {
    in_grace().grace_left(now, anchor).expect("promoted").as_secs()
}

/// So many seconds after promote by the boot clock, the wall clock off by so many.
fn clock(boot: &str, second: i64, off: i64) -> Moment {
    Moment { utc: moment(second + off).utc, boot_id: boot.into(), ..moment(second) }
}

#[test]
fn on_its_own_boot_no_wall_clock_moves_the_end_of_grace() {
    for off in [-900, 0, 900] {
        assert_eq!(left(&clock("b", 599, off), &moment(0)), 1);
        assert!(matches!(in_grace().next(&clock("b", 599, off), &moment(0)), Next::Wait { .. }));
        assert_eq!(in_grace().next(&clock("b", 600, off), &moment(0)), Next::Do(Effect::EndGrace));
    }
}

#[test]
fn on_another_boot_the_wall_clock_is_asked_once_and_never_believed_beyond_the_plan() {
    let anchor = clock("c", 10, 90);
    assert_eq!(left(&anchor, &anchor), 500);
    for off in [-900, 90, 900] {
        assert_eq!(left(&clock("c", 110, off), &anchor), 400, "stepped since it was looked at: {off}");
    }
    let why = |off| match in_grace().next(&clock("c", 110, off), &anchor) {
        Next::Wait { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(900).contains("moved by 810 s") && !why(90).contains("moved"));
    let behind = clock("c", 10, -900);
    assert_eq!((left(&behind, &behind), left(&clock("c", 610, -900), &behind)), (600, 0));
}

#[test]
fn a_state_is_what_a_person_has_to_know() {
    let state = |rotation: &Rotation, second: i64| rotation.state(&moment(second));
    let restore =
        |back: &Rotation| told(told(back.clone(), &Fact::Began { step: Step::Restore }), &done(Step::Restore));
    let back = told(in_grace(), &Fact::Errors { count: 3, readers: vec!["gamma".into()] });
    let restored = restore(&back);
    let wished = restore(&told(in_grace(), &asked(Ask::Back)));
    let stuck = told(restored.clone(), &failed(Step::Revoke, Failing::Never, "denied"));
    let held = told(in_grace(), &Fact::GraceOver { readers: vec!["gamma".into()] });
    let retired = [Fact::GraceOver { readers: vec![] }, Fact::Began { step: Step::Retire }, done(Step::Retire)];
    let retired = retired.iter().fold(in_grace(), told);
    let ends = |facts: &[Fact]| facts.iter().fold(restored.clone(), told);
    let clears = [done(Step::Revoke), done(Step::Discard)];
    let over = ends(&[&clears[..], &[Fact::Ended { ending: Ending::RolledBack }]].concat());
    let as_wished = clears.iter().chain([&Fact::Ended { ending: Ending::RolledBack }]).fold(wished.clone(), told);
    let lost = Fact::Lost { found: "99".into() };
    let gone = ends(&[std::slice::from_ref(&lost), &clears[..], &[Fact::Ended { ending: Ending::Lost }]].concat());
    let day = 24 * 3_600;
    let table = [
        ("in grace", state(&in_grace(), 10), Some(SecretState::InGrace)),
        ("a minute over", state(&in_grace(), 660), Some(SecretState::InGrace)),
        ("more", state(&in_grace(), 661), Some(SecretState::RetireOverdue)),
        ("a reader is asked about", state(&held, 661), Some(SecretState::RetireOverdue)),
        ("retired", state(&retired, 661), None),
        ("on its way back", state(&back, 661), Some(SecretState::InGrace)),
        ("the old one is current", state(&restored, 661), Some(SecretState::RolledBack)),
        ("stuck", state(&stuck, 661), Some(SecretState::Stuck)),
        ("lost", state(&told(in_grace(), &lost), 1), Some(SecretState::Lost)),
        ("went back", state(&over, day - 1), Some(SecretState::RolledBack)),
        ("on its way back as somebody asked", state(&wished, 661), Some(SecretState::InGrace)),
        ("went back as somebody asked", state(&as_wished, 700), None),
        ("yesterday", state(&over, day), None),
        ("was lost", state(&gone, day - 1), Some(SecretState::Lost)),
        ("was lost yesterday", state(&gone, day), None),
    ];
    for (what, got, wanted) in table {
        assert_eq!(got, wanted, "{what}");
    }
    assert_eq!((in_grace().words(), over.words()), ("R-27 grace".to_owned(), "R-27 rolled back".to_owned()));
}

#[test]
fn an_end_that_was_asked_for_is_no_failure_and_a_loss_is_one() {
    let ended = |ending| Fact::Ended { ending };
    let status = |rotation: &Rotation, fact: &Fact| rotation.event(fact).1;
    let wished = told(in_grace(), &asked(Ask::Back));
    let turned = told(in_grace(), &Fact::Errors { count: 3, readers: vec![] });
    assert_eq!(status(&wished, &ended(Ending::RolledBack)), Status::Success);
    assert_eq!(status(&turned, &ended(Ending::RolledBack)), Status::Failure);
    assert_eq!(status(&wished, &ended(Ending::Aborted)), Status::Success, "nothing else aborts");
    let lost = Fact::Lost { found: "99".into() };
    let gone = told(wished, &lost);
    assert_eq!((status(&gone, &lost), status(&gone, &ended(Ending::Lost))), (Status::Failure, Status::Failure));
    assert!(!gone.asked, "nobody asked for that");
    let mut old = serde_json::to_value(in_grace()).expect("JSON");
    old.as_object_mut().expect("an object").remove("asked");
    assert_eq!(serde_json::from_value::<Rotation>(old).expect("an older journal's"), in_grace());
}
