//! A rotation's steps at AWS: one wins, nobody's stage is taken, and what was cut off is found again.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Proxy};
use serde_json::{Value as Json, json};
use std::thread;
use std::time::Duration;

const ONE: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
const TWO: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002";
const SHORT: Call = Call { within: Duration::from_secs(3) };

fn stage(backend: &dyn SecretsBackend, at: &str, text: &str, rotation: &str) -> Result<VersionId> {
    backend.stage(&name(at), Value::text(text), rotation, CALL)
}

fn id(text: &str) -> VersionId {
    VersionId(text.into())
}

fn other(current: &str) -> ErrorKind {
    ErrorKind::Conflict { current: Some(current.into()) }
}

/// The labels of a version as the server itself tells them; none when there is no such version.
fn labels(at: &str, version: &str) -> Vec<String> {
    let described = moto().secret("DescribeSecret", &json!({"SecretId": at}));
    let labels = described["VersionIdsToStages"][version].as_array().cloned().unwrap_or_default();
    let mut labels: Vec<_> = labels.iter().map(|label| label.as_str().unwrap().to_owned()).collect();
    labels.sort();
    labels.dedup();
    labels
}

fn pending(backend: &dyn SecretsBackend, at: &str) -> Vec<String> {
    let versions = backend.inspect(&name(at), CALL).unwrap().versions;
    let staged: Vec<_> = versions.into_iter().filter(|version| version.stage == Some(Stage::Pending)).collect();
    assert!(staged.iter().all(|version| version.rotation.as_ref() == Some(&version.id.0)));
    staged.into_iter().map(|version| version.id.0).collect()
}

/// What AWS's own rotation leaves when its function fails: the stage on a version without a value.
fn failed_rotation(at: &str, token: &str) {
    let body = json!({"SecretId": at, "ClientRequestToken": token, "RotationRules": {"AutomaticallyAfterDays": 30},
        "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:none"});
    let (status, _) = moto().request("RotateSecret", &body);
    assert_eq!(status, 404, "there is no such function");
    assert_eq!(labels(at, token), ["AWSPENDING"]);
}

#[test]
fn of_four_one_wins_each_time_and_the_others_leave_nothing() {
    let backend = shared();
    for round in 0..15 {
        let at = format!("race/stage-{round}");
        let old = create(&*backend, &at, "canary-old");
        let ids: Vec<String> = (0..4).map(|one| format!("5b0f3f6e-0d51-4c6b-9d3a-{round:06}0{one:05}")).collect();
        let outcomes: Vec<_> = thread::scope(|scope| {
            let start = |rotation: &String| {
                let (backend, at, rotation) = (&backend, &at, rotation.clone());
                scope.spawn(move || (stage(&**backend, at, "canary-new", &rotation), rotation))
            };
            let threads: Vec<_> = ids.iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut winner = None;
        for (outcome, rotation) in outcomes {
            if let Ok(version) = &outcome {
                assert_eq!(version.0, rotation);
                assert!(winner.replace(rotation).is_none(), "two won in round {round}");
                continue;
            }
            let ErrorKind::Conflict { current: Some(whose) } = no(outcome).kind else { panic!("in round {round}") };
            assert!(ids.contains(&whose) && whose != rotation);
            assert_eq!(labels(&at, &rotation), [""; 0], "a loser left something in round {round}");
        }
        let winner = winner.unwrap_or_else(|| panic!("nobody won in round {round}"));
        assert_eq!(labels(&at, &winner), ["AWSPENDING"]);
        assert_eq!(labels(&at, &old.0), ["AWSCURRENT"]);
    }
}

#[test]
fn a_promote_and_a_change_by_hand_at_once_are_one_of_the_two() {
    let backend = shared();
    for round in 0..10 {
        let at = format!("race/promote-{round}");
        let old = create(&*backend, &at, "canary-old");
        let new = stage(&*backend, &at, "canary-new", ONE).unwrap();
        let (promoted, by_hand) = thread::scope(|scope| {
            let promote = scope.spawn(|| backend.promote(&name(&at), &new, &old, CALL));
            let hand = Expected::Version(old.clone());
            let hand = write(&*backend, &at, Value::text("canary-hand"), &hand);
            (promote.join().unwrap(), hand)
        });
        let now = backend.read(&name(&at), None, CALL).unwrap();
        let (won, text, lost) = match (promoted, by_hand) {
            (Ok(won), lost) => (won, "canary-new", no(lost)),
            (lost, Ok(won)) => (won, "canary-hand", no(lost)),
            (promoted, _) => panic!("nobody won in round {round}: {}", no(promoted)),
        };
        assert_eq!((now.value, now.version.as_ref()), (Value::text(text), Some(&won)), "round {round}");
        assert_eq!(lost.kind, other(&won.0));
    }
    let at = "race/put";
    let old = create(&*backend, at, "canary-old");
    let new = stage(&*backend, at, "canary-new", ONE).unwrap();
    let put = json!({"SecretId": at, "SecretString": "canary-theirs", "ClientRequestToken": TWO});
    moto().secret("PutSecretValue", &put);
    assert_eq!(no(backend.promote(&name(at), &new, &old, CALL)).kind, other(TWO));
    assert_eq!(read(&*backend, at), Value::text("canary-theirs"));
    assert_eq!(no(backend.retire(&name(at), &old, &new, CALL)).kind, other(TWO));
    assert_eq!(labels(at, &old.0), ["AWSPREVIOUS"], "what is theirs stays as it is");
}

#[test]
fn a_rotation_back_and_forth_moves_the_stages_as_aws_does() {
    let backend = shared();
    let at = "moved/round";
    let old = create(&*backend, at, "canary-old");
    let label = json!({"SecretId": at, "VersionStage": "desk-blue", "MoveToVersionId": old.0});
    moto().secret("UpdateSecretVersionStage", &label);
    let new = stage(&*backend, at, "canary-new", ONE).unwrap();
    assert_eq!(new, id(ONE));
    let promote = |to: &VersionId, from: &VersionId| backend.promote(&name(at), to, from, CALL).unwrap();
    assert_eq!(promote(&new, &old), new);
    assert_eq!(labels(at, ONE), ["AWSCURRENT", "AWSPENDING"]);
    assert_eq!(stage(&*backend, at, "canary-other", ONE).unwrap(), new, "it is current already");
    assert_eq!(promote(&old, &new), old);
    assert_eq!(pending(&*backend, at), [ONE]);
    assert_eq!(promote(&new, &old), new);
    backend.unstage(&name(at), &new, CALL).unwrap();
    assert_eq!(labels(at, &old.0), ["AWSPREVIOUS", "desk-blue"]);
    backend.retire(&name(at), &old, &new, CALL).unwrap();
    assert_eq!((labels(at, &old.0), labels(at, ONE)), (vec!["desk-blue".into()], vec!["AWSCURRENT".into()]));
    assert_eq!(read(&*backend, at), Value::text("canary-new"));
}

#[test]
fn a_rotation_costs_fifteen_calls() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let at = name("calls/x");
    let old = create(&*backend, "calls/x", "canary-old");
    proxy.forget();
    let new = stage(&*backend, "calls/x", "canary-new", ONE).unwrap();
    assert_eq!(proxy.seen().len(), 6, "{:?}", proxy.seen());
    backend.promote(&at, &new, &old, CALL).unwrap();
    backend.unstage(&at, &new, CALL).unwrap();
    backend.retire(&at, &old, &new, CALL).unwrap();
    assert_eq!(proxy.seen().len(), 15, "{:?}", proxy.seen());
}

#[test]
fn what_was_cut_off_between_put_and_stage_is_found_and_taken_on_or_back() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    for (at, goes_on) in [("cut/on", true), ("cut/back", false)] {
        create(&*backend, at, "canary-old");
        proxy.set_for("UpdateSecretVersionStage", Fault::Reset);
        let error = no(stage(&*backend, at, "canary-new", ONE));
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
        proxy.heal();
        assert_eq!(labels(at, ONE), [format!("quarterdeck-rotation-{ONE}")]);
        assert_eq!(pending(&*backend, at), [ONE]);
        assert_eq!(read(&*backend, at), Value::text("canary-old"));
        if goes_on {
            // By another process, which has made another value.
            assert_eq!(stage(&*shared(), at, "canary-second", ONE).unwrap(), id(ONE));
            let kept = backend.read(&name(at), Some(&id(ONE)), CALL).unwrap().value;
            assert_eq!(kept, Value::text("canary-new"), "one id is one value");
            assert_eq!(labels(at, ONE), ["AWSPENDING"]);
        } else {
            // It keeps nobody from staging, and is told of until it is taken back.
            stage(&*backend, at, "canary-second", TWO).unwrap();
            backend.unstage(&name(at), &id(ONE), CALL).unwrap();
            assert_eq!((labels(at, ONE), pending(&*backend, at)), (vec![], vec![TWO.to_owned()]));
        }
    }
    // Cut off before the put: nothing is there.
    create(&*backend, "cut/before", "canary-old");
    proxy.set_for("PutSecretValue", Fault::Reset);
    no(stage(&*backend, "cut/before", "canary-new", ONE));
    proxy.heal();
    assert_eq!(pending(&*backend, "cut/before"), [""; 0]);
}

#[test]
fn whoever_is_late_takes_back_what_was_cut_off() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "late/x", "canary-old");
    proxy.set_for("UpdateSecretVersionStage", Fault::Reset);
    no(stage(&*backend, "late/x", "canary-new", ONE));
    proxy.heal();
    stage(&*backend, "late/x", "canary-other", TWO).unwrap();
    assert_eq!(no(stage(&*backend, "late/x", "canary-new", ONE)).kind, other(TWO));
    assert_eq!((labels("late/x", ONE), labels("late/x", TWO)), (vec![], vec!["AWSPENDING".into()]));
}

#[test]
fn a_lost_answer_is_read_back_at_every_step() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let at = name("lost/rotated");
    for part in ["PutSecretValue", "UpdateSecretVersionStage"] {
        let old = match backend.read(&at, None, CALL) {
            Ok(reading) => reading.version.unwrap(),
            Err(_) => create(&*backend, at.as_str(), "canary-old"),
        };
        let rotation = if part == "PutSecretValue" { ONE } else { TWO };
        proxy.set_for(part, Fault::Truncate(0));
        let new = stage(&*backend, at.as_str(), "canary-new", rotation).unwrap();
        assert_eq!(pending(&*backend, at.as_str()), [rotation]);
        backend.promote(&at, &new, &old, CALL).unwrap();
        backend.unstage(&at, &new, CALL).unwrap();
        backend.retire(&at, &old, &new, CALL).unwrap();
        proxy.heal();
        backend.unstage(&at, &new, CALL).unwrap();
        assert_eq!((labels(at.as_str(), rotation), labels(at.as_str(), &old.0)), (vec!["AWSCURRENT".into()], vec![]));
    }
    // Every answer was lost and the stage is there three times over: it is taken off all the same.
    proxy.set_for("UpdateSecretVersionStage", Fault::Truncate(0));
    let third = stage(&*backend, at.as_str(), "canary-third", &ONE.replace("5b0f", "5b0e")).unwrap();
    proxy.heal();
    backend.unstage(&at, &third, CALL).unwrap();
    assert_eq!(pending(&*backend, at.as_str()), [""; 0]);
}

#[test]
fn trouble_is_called_by_its_name_and_the_step_is_done_again() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let at = name("trouble/x");
    let old = create(&*backend, at.as_str(), "canary-old");
    let new = id(ONE);
    let move_stage = "UpdateSecretVersionStage";
    let steps: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("PutSecretValue", &|| backend.stage(&at, Value::text("canary-new"), ONE, SHORT).map(drop)),
        (move_stage, &|| backend.stage(&at, Value::text("canary-new"), ONE, SHORT).map(drop)),
        (move_stage, &|| backend.promote(&at, &new, &old, SHORT).map(drop)),
        (move_stage, &|| backend.unstage(&at, &new, SHORT)),
        (move_stage, &|| backend.retire(&at, &old, &new, SHORT)),
    ];
    for (number, (part, step)) in steps.into_iter().enumerate() {
        for (fault, kind) in [(Fault::throttle_aws(), "THROTTLED"), (Fault::HalfOpen, "OUTCOME_UNKNOWN")] {
            proxy.set_for(part, fault);
            let error = no(step());
            assert_eq!(error.kind.code(), kind, "step {number}, {part}: {error}");
        }
        proxy.heal();
        assert_eq!(read(&*backend, at.as_str()), Value::text(if number < 3 { "canary-old" } else { "canary-new" }));
        // The first is the put alone: its stage is the second's.
        if number > 0 {
            step().unwrap();
            step().unwrap();
        }
    }
    assert_eq!((labels(at.as_str(), ONE), labels(at.as_str(), &old.0)), (vec!["AWSCURRENT".into()], vec![]));
}

#[test]
fn what_aws_s_own_rotation_left_is_seen_and_never_taken() {
    let backend = shared();
    let at = "foreign/failed";
    let old = create(&*backend, at, "canary-old");
    failed_rotation(at, TWO);
    assert_eq!(pending(&*backend, at), [TWO]);
    let error = no(stage(&*backend, at, "canary-new", ONE));
    assert_eq!(error.kind, other(TWO));
    assert_eq!((labels(at, TWO), labels(at, ONE)), (vec!["AWSPENDING".into()], vec![]));
    // A version without a value is never made current.
    assert_eq!(no(backend.promote(&name(at), &id(TWO), &old, CALL)).kind, ErrorKind::NotFound);
    // Somebody who names another version takes nothing from it.
    backend.unstage(&name(at), &old, CALL).unwrap();
    assert_eq!(labels(at, TWO), ["AWSPENDING"]);
    backend.unstage(&name(at), &id(TWO), CALL).unwrap();
    stage(&*backend, at, "canary-new", ONE).unwrap();

    // The rotation whose own version is empty gives it its value.
    let at = "foreign/ours";
    create(&*backend, at, "canary-old");
    failed_rotation(at, ONE);
    assert_eq!(stage(&*backend, at, "canary-new", ONE).unwrap(), id(ONE));
    assert_eq!(backend.read(&name(at), Some(&id(ONE)), CALL).unwrap().value, Value::text("canary-new"));
    assert_eq!(labels(at, ONE), ["AWSPENDING"]);

    // AWS's own template leaves the stage on what it made current: that rotation is over.
    let at = "foreign/template";
    create(&*backend, at, "canary-old");
    let moved = json!({"SecretId": at, "VersionStage": "AWSPENDING", "MoveToVersionId":
        backend.read(&name(at), None, CALL).unwrap().version.unwrap().0});
    moto().secret("UpdateSecretVersionStage", &moved);
    assert_eq!(pending(&*backend, at), [""; 0]);
    stage(&*backend, at, "canary-new", ONE).unwrap();
    assert_eq!((labels(at, ONE), pending(&*backend, at)), (vec!["AWSPENDING".into()], vec![ONE.to_owned()]));
}

#[test]
fn a_key_of_a_map_is_rotated_and_the_others_stay() {
    let backend = shared();
    let at = name("keyed/rotated#db.password");
    write(
        &*backend,
        "keyed/rotated",
        Value::json(r#"{"user":"desk","db":{"password":"canary-p","n":1.10}}"#),
        &Expected::Absent,
    )
    .unwrap();
    let old = backend.read(&at, None, CALL).unwrap().version.unwrap();
    assert_eq!(no(stage(&*backend, "keyed/rotated#db.none", "canary-q", ONE)).kind, ErrorKind::NotFound);
    let new = backend.stage(&at, Value::text("canary-q"), ONE, CALL).unwrap();
    assert_eq!(backend.read(&at, Some(&new), CALL).unwrap().value, Value::text("canary-q"));
    assert_eq!(backend.read(&at, None, CALL).unwrap().value, Value::text("canary-p"));
    backend.promote(&at, &new, &old, CALL).unwrap();
    backend.unstage(&at, &new, CALL).unwrap();
    backend.retire(&at, &old, &new, CALL).unwrap();
    let whole = read(&*backend, "keyed/rotated");
    assert_eq!(whole, Value::json(r#"{"db":{"n":1.10,"password":"canary-q"},"user":"desk"}"#));
}

#[test]
fn what_can_t_be_staged_or_promoted_changes_nothing() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    for odd in ["", "R-27", "5b0f3f6e0d514c6b9d3a9a7f0c1e0001", "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e000z"] {
        assert_eq!(no(stage(&*backend, "odd/x", "canary-new", odd)).kind, ErrorKind::Invalid);
    }
    assert!(proxy.seen().is_empty());
    assert_eq!(no(stage(&*backend, "odd/none", "canary-new", ONE)).kind, ErrorKind::NotFound);
    moto().secret("CreateSecret", &json!({"Name": "odd/bare"}));
    assert_eq!(no(stage(&*backend, "odd/bare", "canary-new", ONE)).kind, ErrorKind::NotFound);

    let at = name("odd/x");
    let old = create(&*backend, "odd/x", "canary-old");
    let long = "canary-".repeat(10_000);
    assert_eq!(no(stage(&*backend, "odd/x", &long, ONE)).kind, ErrorKind::TooLarge);
    assert_eq!(no(stage(&*backend, "odd/x", "", ONE)).kind, ErrorKind::Invalid);
    // This server would take the stage off the old one and then find that there is no new one.
    assert_eq!(no(backend.promote(&at, &id(TWO), &old, CALL)).kind, ErrorKind::NotFound);
    assert_eq!(no(backend.promote(&at, &id(TWO), &id(ONE), CALL)).kind, other(&old.0));
    backend.unstage(&at, &id(TWO), CALL).unwrap();
    assert_eq!((proxy.count("PutSecretValue"), proxy.count("UpdateSecretVersionStage")), (0, 0));
    assert_eq!(read(&*backend, "odd/x"), Value::text("canary-old"));

    backend.delete(&at, &Expected::Anything, CALL).unwrap();
    for error in [
        no(stage(&*backend, "odd/x", "canary-new", ONE)),
        no(backend.promote(&at, &id(ONE), &old, CALL)),
        no(backend.unstage(&at, &id(ONE), CALL)),
        no(backend.retire(&at, &id(ONE), &old, CALL)),
    ] {
        assert_eq!(error.kind, ErrorKind::Deleted, "{error}");
    }
}

#[test]
fn a_server_that_refuses_the_stage_says_whose_it_is() {
    // As AWS does when another version has it: moto would give it to both.
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "refused/x", "canary-old");
    let body: Json = json!({"__type": "InvalidParameterException", "message": "The parameter RemoveFromVersionId can't \
        be empty. Staging label AWSPENDING is currently attached to version v."});
    let headers = vec![("Content-Type", "application/x-amz-json-1.1")];
    proxy.set_for("UpdateSecretVersionStage", Fault::Answer { status: 400, headers, body: body.to_string() });
    let error = no(stage(&*backend, "refused/x", "canary-new", ONE));
    assert_eq!(error.kind, ErrorKind::Invalid, "nobody has it, and it is refused still: {error}");
    assert!(proxy.count("UpdateSecretVersionStage") > 1, "it may have been free again");
    proxy.heal();
    assert_eq!(stage(&*backend, "refused/x", "canary-new", ONE).unwrap(), id(ONE));
}
