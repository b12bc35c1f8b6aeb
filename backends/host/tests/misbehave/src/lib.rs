//! A plugin for tests: keeps secrets in memory, with every capability there is, and misbehaves when it is asked to, by
//! the setting `create` by a secret's name `misbehave/MODE`, or by `extra("attempt")`. Refuses to be of any other use.

mod attempt;
mod misdeed;
mod shelf;

use quarterdeck_contract::{Result, SecretsBackend, Setup};

quarterdeck_abi::export_backend!("misbehave", env!("CARGO_PKG_VERSION"), make);

/// Makes the plugin: the secrets of the setup are its secrets, the setting `create` a misdeed to begin with.
///
/// # Errors
///
/// When the setting is `refuse`.
pub fn make(setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    quarterdeck_abi::log(quarterdeck_abi::Level::Info, "making a shelf");
    if let Some(mode) = setup.text("create") {
        misdeed::commit(mode)?;
    }
    Ok(Box::new(shelf::Shelf::new(setup.secrets)))
}
