//! How AWS is: one real authenticated call, and who we are. Refuses to say well because a port is open.

use crate::errors::Asked;
use crate::remote::{Ask, Calls, send};
use crate::settings::Settings;
use quarterdeck_contract::{ErrorKind, Health, Result};

/// Asks for one name, and once for who we are.
pub(crate) async fn health(ask: &Ask, settings: &Settings, calls: &Calls) -> Result<Health> {
    let asked = Asked { action: "secretsmanager:ListSecrets", name: None };
    let listed = send!(ask, list_secrets().max_results(1)).map_err(|error| ask.no(&error, &asked));
    let mut warnings = Vec::new();
    let caller = match listed {
        Ok(_) => caller(ask).await.unwrap_or_default(),
        // Who may read what is configured and not list is well, if AWS knows who that is.
        Err(error) => match &error.kind {
            ErrorKind::Denied { grant, .. } => {
                let Ok(caller) = caller(ask).await else { return Err(error) };
                warnings.push(format!("{}: names can't be browsed. Add {grant}", error.what));
                caller
            }
            _ => return Err(error),
        },
    };
    if settings.is_open_on_the_wire() {
        warnings.push("the endpoint speaks plain HTTP: values cross the network unencrypted".into());
    }
    let place = &ask.session.place;
    let login = ask.session.login();
    let account = place.account.get().map(|account| format!("****{}", &account[account.len().saturating_sub(4)..]));
    let who = caller.splitn(6, ':').nth(5).unwrap_or_default().to_owned();
    let mut facts = Vec::new();
    let mut put = |label: &str, text: Option<String>| {
        facts.extend(text.filter(|text| !text.is_empty()).map(|text| (label.to_owned(), text)));
    };
    put("account", account.clone());
    put("region", Some(place.region.clone()));
    put("identity", Some(who.clone()));
    put("endpoint", place.endpoint.clone());
    put("credentials", login.as_ref().map(|login| login.from.clone()));
    put("calls", Some(format!("{} in the last hour", calls.of_the_last_hour())));
    let summary =
        [Some(place.region.clone()), account, Some(who)].into_iter().flatten().filter(|part| !part.is_empty());
    let summary = summary.collect::<Vec<_>>().join(", ");
    Ok(Health { summary, facts, warnings, expires_at: login.and_then(|login| login.expires_at) })
}

/// Our own ARN. Asked once a session: where STS can't be reached (a network with Secrets Manager alone) it stays empty.
async fn caller(ask: &Ask) -> Result<String> {
    let session = &ask.session;
    if let Some(known) = session.caller.get() {
        return Ok(known.clone());
    }
    let answer = session.sts.get_caller_identity().customize().config_override(ask.sts_limits()).send().await;
    let asked = Asked { action: "sts:GetCallerIdentity", name: None };
    let answer = answer.map_err(|error| {
        let error = ask.no(&error, &asked);
        if error.kind == ErrorKind::Unreachable {
            let _ = session.caller.set(String::new());
        }
        error
    })?;
    if let Some(account) = answer.account {
        let _ = session.place.account.set(account);
    }
    let arn = answer.arn.unwrap_or_default();
    let _ = session.caller.set(arn.clone());
    Ok(arn)
}
