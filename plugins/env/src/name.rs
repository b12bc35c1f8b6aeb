//! From a variable to a secret's name: `DP_BROKER__PASSWORD` is `broker.password`. Refuses what is set-up and no secret.

/// What a variable is to this layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A secret of this name.
    Secret(String),
    /// Set-up of the program itself (requirement R1.2), never a secret, never listed.
    Reserved,
    /// Begins with `DP_` and makes no name: a part of it is empty.
    Nameless,
    /// Not ours.
    Foreign,
}

const PREFIX: &str = "DP_";
const RESERVED_STARTS: [&str; 3] = ["DP_USE_", "DP_VAULT_", "DP_AUDIT_"];
const RESERVED: [&str; 3] = ["DP_SECRETS_ENCRYPTION_KEY", "DP_ENCRYPTED_SECRETS_FILE", "DP_ENVIRONMENT"];

/// Says what a variable is: lower case, and `__` goes one level down.
pub fn meaning(variable: &str) -> Meaning {
    let upper = variable.to_ascii_uppercase();
    if !upper.starts_with(PREFIX) {
        return Meaning::Foreign;
    }
    if RESERVED.contains(&upper.as_str()) || RESERVED_STARTS.iter().any(|start| upper.starts_with(start)) {
        return Meaning::Reserved;
    }
    let parts: Vec<String> = variable[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
    match parts.iter().any(String::is_empty) {
        true => Meaning::Nameless,
        false => Meaning::Secret(parts.join(".")),
    }
}

/// The variable that a person would write for a name.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_what_they_mean() {
        let secret = |name: &str| Meaning::Secret(name.into());
        let cases = [
            ("DP_BROKER__PASSWORD", secret("broker.password")),
            ("DP_IBKR__CLIENT_ID", secret("ibkr.client_id")),
            ("DP_TOKEN", secret("token")),
            ("dp_token", secret("token")),
            ("DP_A___B", secret("a._b")),
            ("DP_A__B__C", secret("a.b.c")),
            ("DP_USE_VAULT", Meaning::Reserved),
            ("dp_use_vault", Meaning::Reserved),
            ("DP_VAULT_PATH_PASSWORD", Meaning::Reserved),
            ("DP_AUDIT_LOG_FILE", Meaning::Reserved),
            ("DP_SECRETS_ENCRYPTION_KEY", Meaning::Reserved),
            ("DP_ENCRYPTED_SECRETS_FILE", Meaning::Reserved),
            ("DP_ENVIRONMENT", Meaning::Reserved),
            ("DP_ENVIRONMENT_NAME", secret("environment_name")),
            ("DP_VAULTED", secret("vaulted")),
            ("DP_", Meaning::Nameless),
            ("DP_A__", Meaning::Nameless),
            ("DP___A", Meaning::Nameless),
            ("DP_A____B", Meaning::Nameless),
            ("VAULT_TOKEN", Meaning::Foreign),
            ("DPX", Meaning::Foreign),
            ("", Meaning::Foreign),
        ];
        for (variable, wanted) in cases {
            assert_eq!(meaning(variable), wanted, "{variable}");
        }
    }

    #[test]
    fn a_name_goes_back_to_its_variable() {
        assert_eq!(variable("broker.password"), "DP_BROKER__PASSWORD");
        assert_eq!(meaning(&variable("ibkr.client_id")), Meaning::Secret("ibkr.client_id".into()));
    }
}
