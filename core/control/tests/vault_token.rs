//! The hook of a Vault token over a real server. Refuses a server that only acts like one.

use quarterdeck_contract::Value;
use quarterdeck_control::rotate::hooks::{Answered, Errand, run};
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Hook, Step};
use quarterdeck_servers::OpenBao;

fn asked(hook: &Hook, step: Step, value: &Value) -> (&'static str, String) {
    let target = Target { layer: "vault".into(), name: "desk/token".into() };
    let (rotation, id, environment, version) = ("R-27", "the-id", "qa", "15");
    let errand =
        Errand { rotation, id, environment, target: &target, step, version, value, old: None, new: Some(value) };
    match run(hook, &errand) {
        Answered::Yes { note, .. } => ("yes", note),
        Answered::No { why, .. } => ("no", why),
        Answered::Absent { why, .. } => ("absent", why),
        Answered::Trouble { why, .. } => ("trouble", why),
    }
}

#[test]
fn a_vault_token_is_looked_up_and_revoked() {
    let mut bao = OpenBao::dev();
    let hook = Hook::VaultToken { url: bao.address(), within_s: 10 };
    let is = |step, value: &Value, said: &str, words: &str| {
        let (answer, note) = asked(&hook, step, value);
        assert!(answer == said && note.contains(words), "{step}: {answer}: {note}");
    };
    let token = Value::text(&bao.token(&[], "1h"));
    is(Step::Set, &token, "yes", "known");
    is(Step::Test, &token, "yes", "valid");
    is(Step::Retire, &token, "yes", "revoked");
    is(Step::Verify, &token, "no", "refused");
    // As the next runner does it after a crash.
    is(Step::Retire, &token, "yes", "was revoked");
    // A policy that lacks it is no proof of an end.
    let body = serde_json::json!({ "policies": ["nothing"], "ttl": "1h", "no_default_policy": true });
    let poor = Value::text(&bao.token_with(&body));
    is(Step::Test, &poor, "no", "lookup-self");
    is(Step::Revoke, &poor, "no", "revoke-self");
    bao.seal();
    is(Step::Test, &poor, "trouble", "503");
    bao.stop();
    is(Step::Test, &poor, "trouble", "");
}
