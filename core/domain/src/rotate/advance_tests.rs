//! Facts that follow, and facts that can't, as data.

use super::super::testing::*;
use super::super::*;
use crate::kill::Moment;
use Ask::{Abort, Back, Resume};
use Failing::{Never, Refused, Trouble};

fn began(step: Step) -> Fact {
    Fact::Began { step }
}

fn lost() -> Fact {
    Fact::Lost { found: "99".into() }
}

fn grace_over(readers: &[&str]) -> Fact {
    Fact::GraceOver { readers: readers.iter().map(|reader| (*reader).to_owned()).collect() }
}

fn renewed(id: &str) -> Fact {
    Fact::Renewed { id: id.into() }
}

fn errors() -> Fact {
    Fact::Errors { count: 3, readers: vec!["beta".into()] }
}

fn start(plan: Plan) -> Rotation {
    let fact = planned(plan, "id-0", Some(lease("p0", &moment(0))));
    Rotation::begin(27, &fact, moment(0).utc).expect("it begins")
}

fn tell(rotation: Rotation, fact: &Fact) -> Result<Rotation, Illegal> {
    rotation.advance(fact, Some("p0"), moment(1).utc)
}

fn after(plan: Plan, facts: &[Fact]) -> Rotation {
    facts
        .iter()
        .fold(start(plan), |rotation, fact| tell(rotation, fact).unwrap_or_else(|why| panic!("{fact:?}: {why}")))
}

/// One step after the other, up to this one, which is to be done.
fn up_to(last: Step) -> Vec<Fact> {
    let steps = plan().steps().into_iter().take_while(|step| *step < last);
    steps
        .flat_map(|step| match step {
            Step::Stage => vec![began(step), done_as(step, Some("15"))],
            Step::Promote => vec![began(step), promoted("15", &moment(0), 600)],
            Step::Grace => vec![grace_over(&[])],
            _ => vec![began(step), done(step)],
        })
        .collect()
}

fn at(step: Step, more: &[Fact]) -> Rotation {
    after(plan(), &[up_to(step), more.to_vec()].concat())
}

fn does(rotation: &Rotation) -> Next {
    rotation.next(&moment(1_000), &moment(0))
}

#[test]
fn it_goes_from_step_to_step_to_its_end() {
    for step in plan().steps() {
        assert_eq!(at(step, &[]).step, step);
    }
    let over = at(Step::End, &[Fact::Ended { ending: Ending::Done }]);
    assert_eq!((over.is_live(), over.lease.is_none(), does(&over)), (false, true, Next::Over));
    for fact in [lost(), errors(), asked(Resume), Fact::Taken { lease: lease("p0", &moment(0)) }] {
        assert!(tell(over.clone(), &fact).is_err(), "{fact:?} after its end");
    }
}

#[test]
fn a_step_that_nobody_does_is_left_out_and_no_grace_ends_at_once() {
    let bare = Plan { set: None, test: None, revoke: None, grace_s: 0, ..plan() };
    let told: Vec<&str> = bare.steps().into_iter().map(Step::word).collect();
    assert_eq!(told, ["check", "stage", "promote", "unstage", "grace", "drop"]);
    let facts = [
        began(Step::Check),
        done(Step::Check),
        began(Step::Stage),
        done_as(Step::Stage, Some("15")),
        began(Step::Promote),
        done_as(Step::Promote, Some("15")),
        began(Step::Unstage),
        done(Step::Unstage),
    ];
    let rotation = after(bare, &facts);
    assert_eq!(rotation.next(&moment(1), &moment(1)), Next::Do(Effect::EndGrace));
    assert_eq!(tell(rotation, &grace_over(&[])).map(|rotation| rotation.step), Ok(Step::Drop));
}

/// Where each thing that turns a rotation leads from each step.
#[test]
fn what_turns_it_leads_to_the_first_thing_that_has_to_be_undone() {
    use Step::{Check, Discard, Drop, End, Grace, Promote, Restore, Retire, Revoke, Set, Stage, Test, Unstage, Verify};
    // The step in hand, whether it is begun, what happens, and the step then; none where that can't be.
    let table = [
        (Check, false, asked(Abort), Some(End)),
        (Stage, false, asked(Abort), Some(End)),
        (Stage, true, asked(Abort), Some(Discard)),
        (Set, false, asked(Abort), Some(Discard)),
        (Set, true, asked(Abort), Some(Revoke)),
        (Test, false, asked(Abort), Some(Revoke)),
        (Promote, false, asked(Abort), Some(Revoke)),
        (Promote, true, asked(Abort), Some(Restore)),
        (Unstage, false, asked(Abort), None),
        (Set, false, asked(Back), None),
        (Promote, true, asked(Back), None),
        (Unstage, true, asked(Back), Some(Restore)),
        (Grace, false, asked(Back), Some(Restore)),
        (Grace, false, errors(), Some(Restore)),
        (Retire, false, errors(), Some(Restore)),
        (Retire, true, errors(), None),
        (Retire, true, asked(Back), None),
        (Verify, false, asked(Back), None),
        (Drop, false, asked(Back), None),
        (Check, true, lost(), Some(End)),
        (Stage, true, lost(), Some(Discard)),
        (Set, true, lost(), Some(Revoke)),
        (Promote, true, lost(), Some(Revoke)),
        (Grace, false, lost(), Some(Revoke)),
        (Retire, true, lost(), Some(Revoke)),
        (Drop, true, lost(), Some(Revoke)),
        (End, false, lost(), None),
        (Check, true, failed(Check, Refused, "no"), Some(Check)),
        (Check, true, failed(Check, Never, "no"), Some(End)),
        (Set, true, failed(Set, Trouble, "no"), Some(Set)),
        (Set, true, failed(Set, Refused, "no"), Some(Set)),
        (Set, true, failed(Set, Never, "no"), Some(Revoke)),
        (Promote, true, failed(Promote, Never, "no"), Some(Restore)),
        (Retire, true, failed(Retire, Never, "no"), Some(Retire)),
        (Grace, false, grace_over(&["gamma"]), Some(Grace)),
        (Grace, false, asked(Ask::Retire), None),
        (Set, false, grace_over(&[]), None),
        (Stage, false, done_as(Stage, Some("15")), None),
        (Stage, true, done(Stage), None),
        (Promote, true, done_as(Promote, Some("15")), None),
        (Promote, false, promoted("15", &moment(0), 600), None),
        (Retire, false, done(Retire), None),
        (Set, false, done(Test), None),
        (Set, false, began(Test), None),
        (Grace, false, done(Grace), None),
        (Grace, false, began(Grace), None),
        (Stage, false, Fact::NothingStaged, None),
        (Set, false, renewed("id-1"), None),
        (Set, false, said(Set, true), None),
        (Set, false, Fact::Confirmed { by: "dan".into() }, None),
        (Set, false, Fact::Ended { ending: Ending::Done }, None),
        (End, false, Fact::Ended { ending: Ending::Aborted }, None),
    ];
    for (step, begun, fact, then) in table {
        let rotation = at(step, &vec![Fact::Began { step }; usize::from(begun)]);
        let got = tell(rotation, &fact).ok().map(|rotation| rotation.step);
        assert_eq!(got, then, "at {step}, begun {begun}: {fact:?}");
    }
}

#[test]
fn once_the_old_ones_end_was_begun_ours_is_revoked_by_nobody_but_a_person() {
    for (step, facts) in [
        (Step::Retire, vec![began(Step::Retire), lost()]),
        (Step::Verify, vec![began(Step::Verify), lost()]),
        (Step::Drop, vec![lost()]),
    ] {
        let asks = at(step, &facts);
        let Next::Ask(Question::Stuck { why }) = does(&asks) else { panic!("{step}: {:?}", does(&asks)) };
        assert!(why.contains("version 99") && why.contains("version 14") && why.contains("version 15"), "{why}");
        assert!(tell(asks.clone(), &began(Step::Revoke)).is_err(), "{step}");
        // Neither what was under way nor another runner makes it go on.
        let other = Fact::Taken { lease: lease("p1", &moment(60)) };
        let taken = asks.clone().advance(&other, Some("p1"), moment(60).utc).expect("the lease is over");
        assert!(taken.stuck.is_some(), "{step}");
        let left = tell(asks.clone(), &said(Step::Revoke, true)).expect("done by hand");
        assert_eq!((left.step, left.left_valid()), (Step::Discard, Vec::new()));
        let resumed = tell(asks, &asked(Resume)).expect("asked");
        assert_eq!(does(&resumed), Next::Do(Effect::Revoke { new: "15".into() }), "{step}");
    }
    let in_grace = at(Step::Grace, &[lost()]);
    assert_eq!(does(&in_grace), Next::Do(Effect::Revoke { new: "15".into() }));
    assert_eq!(in_grace.left_valid().len(), 2, "{:?}", in_grace.left_valid());
    let over = tell(tell(in_grace, &began(Step::Revoke)).expect("begun"), &done(Step::Revoke)).expect("done");
    assert!(matches!(&over.left_valid()[..], [old] if old.contains("the old value, version 14, is still valid")));
    assert!(at(Step::Grace, &[asked(Back)]).left_valid().is_empty());
}

#[test]
fn what_it_was_at_when_it_was_turned_is_heard_all_the_same() {
    let turned = at(Step::Promote, &[began(Step::Promote), asked(Abort)]);
    let promoted = tell(turned.clone(), &promoted("15", &moment(0), 600)).expect("heard");
    assert_eq!((promoted.promoted.as_deref(), promoted.step), (Some("15"), Step::Restore));
    assert_eq!(tell(turned.clone(), &failed(Step::Promote, Trouble, "?")).map(|it| it.step), Ok(Step::Restore));
    // A person's word on revoking comes too early while set may still be going on.
    let by_hand = Plan { revoke: Some(person()), ..plan() };
    let turned = after(by_hand, &[up_to(Step::Set), vec![began(Step::Set), asked(Abort)]].concat());
    let said = tell(turned, &said(Step::Revoke, true)).expect("said");
    assert_eq!(said.step, Step::Discard);
    assert_eq!(tell(said.clone(), &done(Step::Set)).map(|it| it.step), Ok(Step::Revoke), "set came after it");
    let other = Fact::Taken { lease: lease("p1", &moment(30)) };
    let taken = said.advance(&other, Some("p1"), moment(31).utc);
    assert_eq!(taken.map(|it| it.step), Ok(Step::Revoke), "and so it may have");
}

#[test]
fn each_step_is_done_again_by_who_takes_it_over_and_stage_is_not() {
    for step in plan().steps().into_iter().filter(|step| *step != Step::Grace) {
        let before = does(&at(step, &[]));
        let taken = at(step, &[began(step), Fact::LetGo]);
        let next = Fact::Taken { lease: lease("p1", &moment(40)) };
        let taken = taken.advance(&next, Some("p1"), moment(40).utc).expect("nobody carries it");
        let wanted = if step == Step::Stage { Next::Do(Effect::FindStaged { id: "id-0".into() }) } else { before };
        assert_eq!(does(&taken), wanted, "{step}");
        assert!(taken.advance(&done(step), Some("p0"), moment(41).utc).is_err(), "{step}: the one before is heard");
    }
}

#[test]
fn of_several_that_find_a_lease_over_one_takes_it() {
    let take = |rotation: Rotation, runner: &str, now: &Moment| {
        rotation.advance(&Fact::Taken { lease: lease(runner, now) }, Some(runner), now.utc)
    };
    let stepped = |second: i64, by: i64| Moment { utc: moment(second + by).utc, ..moment(second) };
    assert!(take(start(plan()), "p0", &moment(10)).is_ok(), "its own runner keeps it");
    for by in [-400, 0, 400] {
        assert!(take(start(plan()), "p1", &stepped(29, by)).is_err(), "too early, the wall clock {by}");
        assert!(!start(plan()).lease.expect("led").is_over(&stepped(29, by)));
        let taken = take(start(plan()), "p1", &stepped(30, by)).expect("it is over");
        assert!(take(taken, "p2", &stepped(31, by)).is_err(), "another one took it");
    }
    // Another boot has the wall clock alone, and believes no lease of hours.
    let other = |second: i64| Moment { boot_id: "c".into(), ..moment(second) };
    assert!(take(start(plan()), "p1", &other(29)).is_err() && take(start(plan()), "p1", &other(30)).is_ok());
    let long_ago =
        Moment { boot_id: "c".into(), utc: moment(0).utc - jiff::SignedDuration::from_hours(2), ..moment(5) };
    assert!(start(plan()).lease.expect("led").is_over(&long_ago) && take(start(plan()), "p1", &long_ago).is_ok());
}

#[test]
fn one_id_makes_one_value_and_a_value_that_fails_twice_is_given_up() {
    let spent = at(Step::Stage, &[began(Step::Stage), failed(Step::Stage, Trouble, "?")]);
    assert!(tell(spent.clone(), &began(Step::Stage)).is_err());
    let burnt = tell(spent, &Fact::NothingStaged).expect("nothing is there");
    assert_eq!(does(&burnt), Next::Do(Effect::Renew));
    assert!(tell(burnt.clone(), &renewed("id-0")).is_err() && tell(burnt.clone(), &Fact::NothingStaged).is_err());
    let aborted = tell(burnt.clone(), &asked(Abort)).expect("aborted");
    assert!(tell(aborted, &renewed("id-1")).is_err(), "what is aborted makes no other value");
    let again = tell(burnt, &renewed("id-1")).expect("another id");
    assert_eq!(does(&again), Next::Do(Effect::Stage { id: "id-1".into() }));
    // A stage that is refused is given up, whichever id it was.
    let refused = [began(Step::Stage), failed(Step::Stage, Refused, "no"), Fact::NothingStaged];
    let twice = [&refused[..], &[renewed("id-1")], &refused[..2]].concat();
    assert_eq!(at(Step::Stage, &twice).will_end(), Ending::RolledBack);

    let fails = || vec![failed(Step::Test, Refused, "no"), failed(Step::Test, Refused, "no")];
    let anew = at(Step::Test, &fails());
    assert_eq!((anew.step, anew.values), (Step::Revoke, 2));
    let clears = [began(Step::Revoke), done(Step::Revoke), began(Step::Discard), done(Step::Discard)];
    let second =
        [renewed("id-1"), began(Step::Stage), done_as(Step::Stage, Some("16")), began(Step::Set), done(Step::Set)];
    let anew = at(Step::Test, &[fails(), clears.to_vec(), second.to_vec(), fails()].concat());
    assert_eq!((anew.step, anew.will_end()), (Step::Revoke, Ending::RolledBack));
    let typed = Plan { generator: Generator::Typed, ..plan() };
    let typed = after(typed, &[up_to(Step::Test), fails()].concat());
    assert_eq!(typed.will_end(), Ending::RolledBack, "nobody but the broker makes another one");
}

#[test]
fn what_was_typed_is_looked_for_before_it_is_revoked() {
    let typed = || Plan { generator: Generator::Typed, ..plan() };
    let turned = after(typed(), &[up_to(Step::Stage), vec![began(Step::Stage), asked(Abort), Fact::LetGo]].concat());
    assert_eq!(does(&turned), Next::Do(Effect::FindStaged { id: "id-0".into() }));
    let take = Fact::Taken { lease: lease("p0", &moment(0)) };
    let turned = tell(turned, &take).expect("taken");
    let found = tell(turned.clone(), &done_as(Step::Revoke, Some("15"))).expect("found");
    assert_eq!(does(&found), Next::Do(Effect::Revoke { new: "15".into() }));
    assert_eq!(tell(turned, &Fact::NothingStaged).map(|it| it.step), Ok(Step::Discard));
}

#[test]
fn what_has_to_be_done_is_tried_until_it_is_stuck_and_a_person_helps() {
    let fails = |how, times| vec![failed(Step::Retire, how, "no"); times];
    assert!(at(Step::Retire, &[vec![began(Step::Retire)], fails(Refused, 4)].concat()).stuck.is_none());
    let stuck = at(Step::Retire, &[vec![began(Step::Retire)], fails(Refused, 5)].concat());
    assert!(matches!(does(&stuck), Next::Ask(Question::Stuck { .. })));
    assert!(tell(stuck.clone(), &began(Step::Retire)).is_err());
    let resumed = tell(stuck.clone(), &asked(Resume)).expect("resumed");
    assert!(matches!(does(&resumed), Next::Do(Effect::Retire { .. })));
    assert_eq!(tell(stuck.clone(), &said(Step::Retire, true)).map(|it| it.step), Ok(Step::Verify), "done by hand");
    assert!(tell(stuck, &said(Step::Retire, false)).is_err());
    let restore = [began(Step::Unstage), asked(Back), began(Step::Restore), failed(Step::Restore, Never, "denied")];
    assert!(tell(at(Step::Unstage, &restore), &said(Step::Restore, true)).is_err(), "what is current is looked at");
    // The new value fails before anything was taken from the old one.
    let no_revoke = Plan { revoke: None, ..plan() };
    let facts = [
        up_to(Step::Verify)
            .into_iter()
            .filter(|fact| !matches!(fact, Fact::Began { step: Step::Retire } | Fact::Done { step: Step::Retire, .. }))
            .collect(),
        vec![failed(Step::Verify, Refused, "no"); 2],
    ]
    .concat();
    assert_eq!(after(no_revoke, &facts).step, Step::Restore);
}

#[test]
fn a_day_of_trouble_is_one_line_and_nothing_is_given_up() {
    let day = vec![failed(Step::Set, Trouble, "sealed"); 2_000];
    let rotation = at(Step::Set, &day);
    assert_eq!((rotation.failures, rotation.step, rotation.stuck.is_none()), (2_000, Step::Set, true));
    assert_eq!(rotation.past.len(), 3);
    assert_eq!(rotation.trouble().as_deref(), Some("set: sealed"));
    let rounds = (0..200).flat_map(|at| {
        [began(Step::Stage), failed(Step::Stage, Trouble, "?"), Fact::NothingStaged, renewed(&format!("n-{at}"))]
    });
    let rotation = at(Step::Stage, &rounds.collect::<Vec<_>>());
    assert!(rotation.past.len() < 5 && rotation.ids.len() == 32, "{} ids", rotation.ids.len());
}

#[test]
fn a_wait_is_as_long_as_it_was_said_and_no_clock_makes_it_longer() {
    let again_at = Some(moment(40).utc);
    let Fact::Failed { step, how, by, why, took_ms, .. } = failed(Step::Set, Trouble, "sealed") else { return };
    let rotation = at(Step::Set, &[Fact::Failed { step, how, by, why, again_at, took_ms }]);
    assert!(matches!(rotation.next(&moment(10), &moment(0)), Next::Wait { left, .. } if left.as_secs() == 30));
    let set = |second: i64| matches!(rotation.next(&moment(second), &moment(0)), Next::Do(Effect::Set { .. }));
    assert!(set(40) && set(-500));
}

#[test]
fn persons_say_what_is_theirs_and_nobody_confirms_what_they_asked_for() {
    let confirmed = |by: &str| Fact::Confirmed { by: by.into() };
    let asks = start(confirmed_by_a_trader());
    assert_eq!(does(&asks), Next::Ask(Question::Confirm));
    for fact in [confirmed("carol"), began(Step::Confirm), done(Step::Confirm), began(Step::Check)] {
        assert!(tell(asks.clone(), &fact).is_err(), "{fact:?}");
    }
    assert_eq!(tell(asks.clone(), &confirmed("dan")).map(|it| it.step), Ok(Step::Check));
    assert_eq!(tell(asks, &asked(Abort)).map(|it| it.step), Ok(Step::End));

    let by_hand = Plan { set: Some(person()), test: Some(person()), revoke: Some(person()), ..plan() };
    let set = after(by_hand.clone(), &up_to(Step::Set));
    assert!(matches!(does(&set), Next::Ask(Question::Person { step: Step::Set, .. })));
    assert_eq!(tell(set.clone(), &asked(Abort)).map(|it| it.step), Ok(Step::Revoke), "they may have done it");
    assert_eq!(tell(set.clone(), &said(Step::Set, false)).map(|it| (it.step, it.refusals)), Ok((Step::Set, 1)));
    assert!(tell(set.clone(), &said(Step::Test, true)).is_err());
    assert_eq!(tell(set, &said(Step::Set, true)).map(|it| it.step), Ok(Step::Test));
    let retire = after(by_hand, &up_to(Step::Retire));
    assert!(tell(retire.clone(), &errors()).is_err(), "they may have retired it");
    assert!(matches!(does(&retire), Next::Ask(Question::Person { step: Step::Retire, .. })));
}

#[test]
fn on_the_way_back_a_person_is_told_of_the_new_value_and_nothing_that_was_meant_for_the_old_one() {
    let asked_back = |undo: Option<&str>| {
        let revoke = Hook::Person { told: "revoke the old key".into(), undo: undo.map(str::to_owned) };
        let plan = Plan { revoke: Some(revoke), ..plan() };
        let retire = after(plan.clone(), &up_to(Step::Retire));
        let Next::Ask(Question::Person { step: Step::Retire, told }) = does(&retire) else {
            panic!("a person retires")
        };
        assert_eq!(told, "revoke the old key");
        let back =
            after(plan, &[up_to(Step::Grace), vec![asked(Back), began(Step::Restore), done(Step::Restore)]].concat());
        let Next::Ask(Question::Person { step: Step::Revoke, told }) = does(&back) else { panic!("{:?}", does(&back)) };
        (told, back.promoted.expect("it was promoted"))
    };
    let (told, new) = asked_back(None);
    assert_eq!(told, format!("make the NEW value, version {new}, invalid where it is used; the old one, 14, stays"));
    let (told, _) = asked_back(Some("revoke the newest key"));
    assert!(told.ends_with("stays: revoke the newest key"), "{told}");
}

#[test]
fn a_reader_of_the_old_value_is_asked_about_waited_for_or_cut_off() {
    let held = |retire| {
        let plan = Plan { retire, ..plan() };
        after(plan, &[up_to(Step::Grace), vec![grace_over(&["gamma"])]].concat())
    };
    assert!(matches!(does(&held(Retire::Ask)), Next::Ask(Question::Retire { .. })));
    assert_eq!(does(&held(Retire::Wait)), Next::Do(Effect::EndGrace));
    assert_eq!(held(Retire::Force).step, Step::Retire);
    let retired = tell(held(Retire::Ask), &asked(Ask::Retire)).expect("a person says so");
    assert_eq!((retired.step, retired.is_past(Step::Grace)), (Step::Retire, true));
    assert_eq!(tell(held(Retire::Ask), &grace_over(&[])).map(|it| it.step), Ok(Step::Retire), "it has moved on");
    assert_eq!(tell(held(Retire::Ask), &asked(Back)).map(|it| it.step), Ok(Step::Restore));
}
