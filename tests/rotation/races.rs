//! Four operators at once: one wins, and the others are told who did and which rotation it is.

use crate::desk::{Background, Desk};
use crate::place::Kind;

const ROUNDS: usize = 50;

fn raced(kind: Kind) {
    let desk = Desk::of(kind);
    // A person's step: whoever wins stages its value and then has nothing more to do.
    desk.configure("1s", "", "[secret.set]\nby = \"person\"\ntell = \"at the portal\"\n");
    let user = desk.house.user();
    for round in 1..=ROUNDS {
        let starters: Vec<Background> = (0..4).map(|_| desk.begin()).collect();
        let said: Vec<_> = starters.into_iter().map(Background::ended).collect();
        let name = format!("R-{round}");
        let (won, lost): (Vec<_>, Vec<_>) =
            said.iter().partition(|said| said.stdout.contains(&format!("{name} begun")));
        assert_eq!(won.len(), 1, "{kind:?} {round}: {said:#?}");
        assert!(won[0].stdout.contains("waits for a person"), "{kind:?} {round}: {:?}", won[0]);
        for said in lost {
            let told = &said.stderr;
            assert_eq!(said.status, 7, "{kind:?} {round}: {said:?}");
            assert!(told.contains(&name) && told.contains(&user), "{kind:?} {round}: {said:?}");
        }
        desk.rotate("abort").expect_status(0);
        assert_eq!(desk.place.pending(), "", "{kind:?} {round}");
    }
    desk.is_settled("after all");
    let planned = desk.house.events("qa", "ROTATION_PLANNED");
    assert_eq!(planned.len(), ROUNDS, "{planned:?}");
    desk.journal_is_whole();
}

#[test]
fn of_four_who_start_at_once_in_vault_one_wins() {
    raced(Kind::Vault);
}

#[test]
fn of_four_who_start_at_once_in_aws_one_wins() {
    raced(Kind::Aws);
}

#[test]
fn of_four_who_start_at_once_on_the_fernet_file_one_wins() {
    raced(Kind::Fernet);
}
