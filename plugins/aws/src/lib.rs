//! AWS Secrets Manager as a secrets backend.
