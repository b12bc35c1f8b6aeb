//! Every rotation is told by its number, whichever came after it.

use super::desk::plan;
use crate::journal::{FileJournal, Journal as _, Opening, files};
use crate::rotate::past::past;
use jiff::SignedDuration;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId};
use quarterdeck_domain::kill::{Deadline, Moment};
use quarterdeck_domain::rotate::{Ask, Ending, Fact, LEASE, Lease, Step};

#[test]
fn rotations_that_others_came_after_are_told_from_all_files() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("journal");
    let journal = FileJournal::open(Opening { roll_at: 2_000, ..Opening::of(&folder, None, "sess-1") }).expect("opens");
    let utc = "2026-11-20T10:00:00Z".parse().expect("a time");
    let now = Moment { utc, boot_ns: 1_000_000_000, boot_id: "this-boot".into() };
    let (runner, host, program) = ("p".to_owned(), "h".to_owned(), "watch".to_owned());
    let lease = Lease { runner, host, program, pid: 1, until: Deadline::after(&now, LEASE) };
    let mut whole = Vec::new();
    for number in 1..=4 {
        let (plan, by, why) = (Box::new(plan()), "alice".to_owned(), format!("the {number}th"));
        let facts = [
            Fact::Planned { id: format!("id-{number}"), plan, by: by.clone(), why, lease: Some(lease.clone()) },
            Fact::Began { step: Step::Check },
            Fact::Asked { ask: Ask::Abort, by, why: "not today".into() },
            Fact::Ended { ending: Ending::Aborted },
        ];
        for (at, fact) in facts.into_iter().enumerate() {
            let id = EventId { event: format!("evt-{number:08}{at:08}"), request: "req-1".into() };
            let kind = fact.event().0;
            let detail = Detail::Rotation { number, runner: Some("p".into()), fact: Box::new(fact) };
            let utc = utc + SignedDuration::from_secs(i64::from(number));
            let event = Event::new(kind, utc, id, Actor::system("sess-1"), None).on(plan_resource()).with(detail);
            journal.append(vec![event]).expect("it appends");
        }
        whole.push(journal.state().rotation(number).expect("it is the last").clone());
    }
    assert_eq!(journal.state().rotations.len(), 1, "the state keeps the last");
    let names = files(&folder).expect("the folder can be listed");
    assert!(names.len() > 4, "{names:?}");
    let told = || past(&folder, &|_| true).expect("the journal can be read").into_values().collect::<Vec<_>>();
    assert_eq!(told(), whole);
    let second = past(&folder, &|rotation| rotation.number == 2).expect("the journal can be read");
    assert_eq!(second.into_values().collect::<Vec<_>>(), [whole[1].clone()]);
    // The oldest file is gone: what stood in it is told by the first that is left, as far as that knows it.
    std::fs::remove_file(folder.join(&names[0])).expect("it is ours");
    assert_eq!(told(), whole);
}

fn plan_resource() -> String {
    plan().target.resource()
}
