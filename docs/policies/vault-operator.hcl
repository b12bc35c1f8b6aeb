# Look, read, store, delete and restore: a DevOps' cockpit, and what rotates.
# A KV engine, version 2, is mounted at 'secret'; ours begins with 'algo-trade/'. Put your own in all places.

# Names in a folder, versions, dates, labels. Not 'delete': that takes a secret away with all its versions.
path "secret/metadata/algo-trade/*" {
  capabilities = ["read", "list"]
}

# The keys inside a secret without its values.
path "secret/subkeys/algo-trade/*" {
  capabilities = ["read"]
}

# The values. 'create' is the first version, 'update' every other one; each write is a check-and-set.
path "secret/data/algo-trade/*" {
  capabilities = ["create", "read", "update"]
}

# Deletes a version so that it can be restored, and restores it.
path "secret/delete/algo-trade/*" {
  capabilities = ["update"]
}
path "secret/undelete/algo-trade/*" {
  capabilities = ["update"]
}

# Ends a version for good. Leave it out where nobody may.
path "secret/destroy/algo-trade/*" {
  capabilities = ["update"]
}

# The token's own end, and what it may do. The policy 'default' has these; a token without it needs them here.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}

# Only for 'renew = true'.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
