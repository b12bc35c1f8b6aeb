//! HashiCorp Vault and OpenBao as a secrets backend: KV version 1 and 2.
