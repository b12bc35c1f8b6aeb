//! Somebody changes the secret by hand in the middle of its rotation: the rotation is LOST, its own value is revoked, and
//! theirs is left as it is.

use crate::desk::{Desk, FIRST};
use crate::place::Kind;

const THEIRS: &str = "a-key-that-somebody-made-by-hand";
const ALL: [Kind; 3] = [Kind::Vault, Kind::Aws, Kind::Fernet];

impl Desk {
    fn changed_by_hand(&self) {
        self.broker.add(THEIRS);
        self.place.put(THEIRS);
    }

    #[track_caller]
    fn is_theirs(&self) {
        assert_eq!(self.ended(), "LOST");
        assert_eq!(self.place.current().as_deref(), Some(THEIRS));
        // The old value was never to be retired by a rotation that is lost.
        assert_eq!(self.broker.valid(), [THEIRS, FIRST], "{:#}", self.status());
        assert_eq!(self.place.pending(), "", "{:#}", self.status());
        self.journal_is_whole();
    }
}

#[test]
fn a_change_by_hand_before_promote_stays() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let reader = desk.reader();
        desk.broker.hold("login", 2);
        let running = desk.begin();
        desk.broker.arrived();
        desk.changed_by_hand();
        desk.broker.go_on();
        let said = running.ended();
        assert!(said.status == 7 && said.stdout.contains("LOST"), "{kind:?}: {said:?}");
        desk.is_theirs();
        reader.was_never_cut_off();
    }
}

#[test]
fn a_change_by_hand_in_grace_stays() {
    for kind in ALL {
        let desk = Desk::with(kind, "1h", "");
        let reader = desk.reader();
        let running = desk.begin();
        desk.status_until("grace", |told| told["step"] == "grace");
        desk.changed_by_hand();
        desk.pass(3_700);
        let said = running.ended();
        assert!(said.status == 7 && said.stdout.contains("LOST"), "{kind:?}: {said:?}");
        desk.is_theirs();
        reader.was_never_cut_off();
    }
}

#[test]
fn a_change_by_hand_is_not_rolled_back() {
    for kind in ALL {
        let desk = Desk::with(kind, "1h", "");
        let reader = desk.reader();
        assert!(desk.dies("start", "unstage:after"), "{:#}", desk.status());
        desk.changed_by_hand();
        desk.past_the_lease();
        let said = desk.rotate("rollback");
        assert!(said.status == 7 && said.stdout.contains("LOST"), "{kind:?}: {said:?}");
        desk.is_theirs();
        reader.was_never_cut_off();
    }
}
