//! Whose a name is, as one file of configuration says it: `[[boundary]]`, `[[secret]] environment`, and each alias of an
//! environment as the first part of a name. Refuses an alias that would mean another environment's names.

use super::ConfigError;
use super::schema::{BoundaryTable, SecretTable};
use quarterdeck_domain::boundary::Claim;
use quarterdeck_domain::environment::Environment;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The claims of one file. The names of environments are read by the aliases that count here.
pub(super) fn of(table: &Table, aliases: &BTreeMap<String, Environment>) -> Result<Vec<Claim>, ConfigError> {
    let wrong = |key: String, what: String| ConfigError::Value { key, what };
    let owner = |key: &str, name: &str| {
        Environment::parse(name, aliases).map_err(|error| wrong(key.to_owned(), error.to_string()))
    };
    let mut claims = Vec::new();
    for (name, owner) in super::table_of(table).aliases {
        if !is_alias(&name) {
            let what = format!("'{name}' can't be an alias: it is the name of an environment, or no plain word");
            return Err(wrong("[environment] aliases".into(), what));
        }
        claims.push(Claim { owner, layer: None, pattern: format!("{name}/*") });
    }
    for table in tables::<BoundaryTable>(table, "boundary")? {
        let owner = owner("[[boundary]] environment", &table.environment)?;
        claims.extend(table.names.into_iter().map(|pattern| Claim { owner, layer: table.layer.clone(), pattern }));
    }
    for secret in tables::<SecretTable>(table, "secret")? {
        let Some(environment) = &secret.environment else { continue };
        let owner = owner(&format!("[[secret]] {} environment", secret.name), environment)?;
        let names = std::iter::once(secret.name).chain(secret.key);
        claims.extend(names.map(|pattern| Claim { owner, layer: None, pattern }));
    }
    Ok(claims)
}

/// `[[name]]` of a file, which was checked when it was parsed.
fn tables<T: serde::de::DeserializeOwned>(table: &Table, name: &str) -> Result<Vec<T>, ConfigError> {
    let Some(value) = table.get(name) else { return Ok(Vec::new()) };
    Value::try_into(value.clone())
        .map_err(|error| ConfigError::Value { key: format!("[[{name}]]"), what: error.message().to_owned() })
}

/// A plain word that is no environment's own name.
fn is_alias(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty()
        && name.chars().all(plain)
        && Environment::parse(name, &BTreeMap::new()).is_err()
        && Environment::owner_of(&format!("{}/x", name.to_lowercase())).is_none()
}
