//! Begins a rotation: decided, planned anew, and durable in the journal before anything else. Refuses another plan than
//! the one that was shown, and a second rotation of one secret.

use super::came::{plain, uuid};
use super::record::{Voice, begin, lease};
use super::{Begun, Start, plan};
use crate::failure::Failure;
use crate::serve::Control;
use quarterdeck_contract::Value;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotate::{Fact, Generator, LEASE, Plan, Rotation};

pub(super) fn start(control: &Control, start: Start, program: &str) -> Result<Begun, Failure> {
    let request = Request::Rotate { target: start.target.clone() };
    control.permit(&request)?;
    let asked = request.words();
    if start.typed.as_ref().is_some_and(is_too_short) {
        let what = format!("the new value is too short: at least {LEAST_TYPED} characters");
        return Err(declined(&asked, what, "Type it again, whole."));
    }
    let row = plan::plan(control, &start.target)?;
    if let Some((number, by)) = &row.live {
        return Err(forestalled(control, &asked, &start.target).unwrap_or_else(|| Failure::Forestalled {
            asked,
            what: format!("R-{number} of {} is under way, begun by {by}", start.target.name),
            next: format!("'quarterdeck rotate status R-{number}' shows it."),
        }));
    }
    if start.digest.as_ref().is_some_and(|shown| *shown != row.plan.digest) {
        return Err(Failure::Forestalled {
            asked,
            what: "the plan is another one than was shown: configuration or the secret changed meanwhile".into(),
            next: "Look at it again, then begin.".into(),
        });
    }
    if !row.hinders.is_empty() {
        return Err(declined(&asked, row.hinders.join("; "), "'quarterdeck rotate plan' shows what would be done."));
    }
    match (&row.plan.generator, &start.typed) {
        (Generator::Typed, None) => {
            let next = "Give it at the prompt or on standard input.";
            return Err(declined(&asked, "only the broker issues this value: it has to be typed".into(), next));
        }
        (Generator::Typed, Some(_)) | (_, None) => {}
        (generator, Some(_)) => {
            return Err(declined(
                &asked,
                format!("this value is made here ({generator}) and not typed"),
                "Leave it out.",
            ));
        }
    }
    needs_a_watcher(control, &asked, &start, program)?;
    let begun = Beginning { plan: row.plan, why: start.why, typed: start.typed, voice: Voice::Person };
    begin_now(control, begun, program, &quarterdeck_clock::moment()).map_err(|why| match why {
        Failure::Declined { .. } => forestalled(control, &asked, &start.target).unwrap_or(why),
        other => other,
    })
}

/// A typed value that is shorter is a slip: what a broker issues is longer.
const LEAST_TYPED: usize = 8;

fn is_too_short(value: &Value) -> bool {
    let bytes = value.bytes.expose();
    std::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count()) < LEAST_TYPED
}

/// What is begun.
pub(super) struct Beginning<'a> {
    pub(super) plan: Plan,
    pub(super) why: String,
    pub(super) typed: Option<Value>,
    pub(super) voice: Voice<'a>,
}

/// Writes it down: one of several that begin at once wins.
pub(super) fn begin_now(
    control: &Control,
    beginning: Beginning<'_>,
    program: &str,
    now: &Moment,
) -> Result<Begun, Failure> {
    let Beginning { plan, why, typed, voice } = beginning;
    let asked = Request::Rotate { target: plan.target.clone() }.words();
    let id = uuid().map_err(|error| Failure::Senseless {
        what: format!("this machine gives no random bytes: {error}"),
        next: "Look at the kernel's random device.".into(),
    })?;
    let by = match voice {
        Voice::Person => control.who.person.as_str().to_owned(),
        Voice::Runner { .. } | Voice::Program => "schedule".to_owned(),
    };
    let needs_nobody = plan.confirm.is_none();
    let planned = |number| {
        let lease = needs_nobody.then(|| lease(control, &runner(control, number), program, LEASE, now));
        Fact::Planned { id: id.clone(), plan: Box::new(plan.clone()), by: by.clone(), why: plain(&why), lease }
    };
    let rotation = begin(control, voice, &planned, now).map_err(|why| why.into_failure(asked))?;
    quarterdeck_clock::passes("planned:after");
    Ok(Begun { number: rotation.number, typed, runner: runner(control, rotation.number) })
}

/// This session's one run of a rotation.
pub(super) fn runner(control: &Control, number: u32) -> String {
    format!("{}-{number}", control.who.session)
}

/// In Production nobody begins what nobody would end.
fn needs_a_watcher(control: &Control, asked: &str, start: &Start, program: &str) -> Result<(), Failure> {
    if start.stays || control.config.environment != Some(Environment::Production) {
        return Ok(());
    }
    let is_watched = control.switch(program).is_some_and(|switch| !switch.look().watchers.is_empty());
    if is_watched {
        return Ok(());
    }
    let next = "Start 'quarterdeck watch' on a host that stays up, or begin it with '--stay'.";
    Err(declined(asked, "no watcher lives that would carry it to its end".into(), next))
}

fn declined(asked: &str, what: String, next: &str) -> Failure {
    Failure::Declined { asked: asked.to_owned(), what, next: next.to_owned() }
}

/// Who is at it, and where.
fn forestalled(control: &Control, asked: &str, target: &Target) -> Option<Failure> {
    let state = control.state();
    let live: &Rotation = state.live_rotation(&target.layer, &target.name)?;
    let name = live.name();
    Some(Failure::Forestalled {
        asked: asked.to_owned(),
        what: format!(
            "{name} of {} is under way: begun by {}, at '{}', carried by {}",
            live.target().name,
            live.by,
            live.step,
            live.carried_by()
        ),
        next: format!("'quarterdeck rotate status {name}' shows it."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_value_has_as_many_characters_as_one_that_a_broker_issues() {
        for (value, short) in
            [("", true), ("1234567", true), ("12345678", false), ("äöüäöüä", true), ("äöüäöüäö", false)]
        {
            assert_eq!(is_too_short(&Value::text(value)), short, "{value}");
        }
    }
}
