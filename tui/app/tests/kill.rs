//! What the kill-switch's news do: the bell, what is said aloud, and how old it is.

mod common;

use common::{kill, later, model, now, press};
use jiff::SignedDuration;
use quarterdeck_app::{Effect, Model, News, Weight, update};
use quarterdeck_domain::kill::{Bypass, KillRow, SwitchState};

fn tell(model: &mut Model, row: KillRow) -> Vec<Effect> {
    let now = model.now;
    update(model, News::Kill(Box::new(row)), now)
}

fn said(model: &Model) -> Option<(Weight, &str)> {
    model.notice.as_ref().map(|notice| (notice.weight, notice.message.what.as_str()))
}

fn bypass(order: &str) -> Bypass {
    Bypass {
        actor: "beta-us".into(),
        order: order.into(),
        at: now(),
        after: SignedDuration::from_secs(22),
        source: "orders".into(),
        episode: "E-1".into(),
    }
}

#[test]
fn the_bell_rings_once_for_each_step_up_and_each_bypass() {
    use SwitchState::*;
    let rings = [Effect::Ring];
    let mut model = model();
    let table = [
        (Normal, 0, false),
        (GracefulStop, 0, true),
        (GracefulStop, 0, false),
        (Held, 0, false),
        (Held, 1, true),
        (Held, 1, false),
        (Held, 2, true),
        (EmergencyHalt, 2, true),
        (HaltedResidual, 2, false),
        (HaltedFlat, 2, false),
        (Normal, 0, false),
        (Unknown, 0, true),
    ];
    for (index, (state, bypasses, ring)) in table.into_iter().enumerate() {
        let row = KillRow { bypasses: (0..bypasses).map(|n| bypass(&format!("order {n}"))).collect(), ..kill(state) };
        let want: &[Effect] = if ring { &rings } else { &[] };
        assert_eq!(tell(&mut model, row.clone()), want, "step {index}: {state:?}");
    }
    press(&mut model, "b");
    tell(&mut model, kill(Normal));
    assert_eq!(tell(&mut model, kill(GracefulStop)), [], "the bell is off");
}

#[test]
fn what_stands_when_the_screen_opens_rings_nothing() {
    let mut model = model();
    model.kill = None;
    assert_eq!(tell(&mut model, kill(SwitchState::GracefulStop)), []);
    assert_eq!(said(&model), None);
}

#[test]
fn the_last_minute_of_level_3_rings_each_ten_seconds() {
    let mut model = model();
    tell(&mut model, kill(SwitchState::GracefulStop));
    let mut rung = Vec::new();
    for tick in 0..310 {
        let mut rings = update(&mut model, News::Tick, later(tick));
        // The deadline is told anew each second, and trembles by a moment.
        let mut row = kill(SwitchState::GracefulStop);
        row.deadline_at = Some(later(300) + SignedDuration::from_millis(i64::from(tick % 2 == 0) * 600));
        rings.extend(tell(&mut model, row));
        rings.extend(update(&mut model, News::Tick, later(tick) + SignedDuration::from_millis(500)));
        rung.extend(rings.iter().map(|_| tick));
    }
    assert_eq!(rung, [240, 250, 260, 270, 280, 290]);
}

#[test]
fn the_last_minute_is_silent_once_it_is_held_or_the_bell_is_off() {
    let mut model = model();
    tell(&mut model, kill(SwitchState::GracefulStop));
    assert_eq!(update(&mut model, News::Tick, later(245)), [Effect::Ring]);
    tell(&mut model, kill(SwitchState::Held));
    assert_eq!(model.time_to_halt(), None);
    assert_eq!(update(&mut model, News::Tick, later(255)), []);
    press(&mut model, "b");
    tell(&mut model, kill(SwitchState::GracefulStop));
    assert_eq!(update(&mut model, News::Tick, later(265)), []);
}

#[test]
fn what_is_left_of_level_3_is_counted_down_to_nothing() {
    let mut model = model();
    assert_eq!((model.switch_state(), model.time_to_halt()), (Some(SwitchState::Normal), None));
    tell(&mut model, kill(SwitchState::GracefulStop));
    for (second, left) in [(0, 300), (78, 222), (300, 0), (400, 0)] {
        update(&mut model, News::Tick, later(second));
        assert_eq!(model.time_to_halt(), Some(SignedDuration::from_secs(left)));
    }
    assert_eq!(model.switch_state(), Some(SwitchState::GracefulStop), "the screen makes no level 4 of its own");
}

#[test]
fn what_somebody_else_did_is_said_and_what_was_done_here_is_not() {
    use SwitchState::*;
    let table = [
        (Normal, GracefulStop, "person", "bob on bastion-2 stopped trading, level 3"),
        (Normal, EmergencyHalt, "person", "bob on bastion-2 halted trading, level 4"),
        (GracefulStop, Held, "person", "bob on bastion-2 holds level 3: level 4 does not follow by itself"),
        (Held, Normal, "person", "bob on bastion-2 let trading go on"),
        (GracefulStop, EmergencyHalt, "deadline", "level 3 was not held in time: level 4 follows"),
        (Normal, Held, "repair", "latch and journal disagreed: the stricter was put back"),
        (Unknown, Normal, "init", ""),
        (HaltedResidual, HaltedFlat, "person", ""),
    ];
    for (from, to, kind, want) in table {
        for session in ["sess-2", "sess-1"] {
            let mut model = model();
            tell(&mut model, kill(from));
            model.notice = None;
            let mut row = kill(to);
            if let Some(record) = &mut row.record {
                record.initiator.kind = kind.into();
                record.initiator.session = session.into();
            }
            tell(&mut model, row);
            let own = session == "sess-1" && kind == "person";
            let want = (!want.is_empty() && !own).then_some((Weight::Told, want));
            assert_eq!(said(&model), want, "{from:?} to {to:?} by {session}");
        }
    }
    let mut model = model();
    tell(&mut model, kill(Unknown));
    assert_eq!(said(&model), Some((Weight::Failed, "there is no latch: it counts as level 3")));
}

#[test]
fn a_name_in_the_latch_can_not_forge_the_screen() {
    let mut model = model();
    let mut row = kill(SwitchState::GracefulStop);
    let record = row.record.as_mut().expect("a stop has its record");
    record.initiator.person = "bob\u{1b}[2J\u{202e}".into();
    tell(&mut model, row);
    let (_, text) = said(&model).expect("it is said");
    assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
}

#[test]
fn a_switch_of_which_nothing_is_heard_is_old_though_the_rest_lives() {
    let mut model = model();
    for second in 1..=15 {
        update(&mut model, News::Alive, later(second));
    }
    assert_eq!(model.kill_silent_for(), None);
    update(&mut model, News::Alive, later(16));
    assert_eq!((model.silent_for(), model.kill_silent_for()), (None, Some(SignedDuration::from_secs(16))));
    tell(&mut model, kill(SwitchState::Normal));
    assert_eq!(model.kill_silent_for(), None);
}
