//! How a new value comes about: system randomness, or a command. Refuses any other randomness.

use quarterdeck_contract::{BackendError, Value};
use quarterdeck_domain::rotate::Generator;

/// Makes a value. `Typed` is nobody's to make: that is an error.
pub fn generate(generator: &Generator) -> Result<Value, BackendError> {
    Err(BackendError::unsupported(&generator.to_string(), "Type it."))
}
