# Look, read, store, delete, restore and rotate: a DevOps' cockpit, and the watcher.
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

# Ends a version for good, and a rotation's staged value. Left out, both are deleted only and can be restored.
path "secret/destroy/algo-trade/*" {
  capabilities = ["update"]
}

# A rotation's staged value stands beside its secret, at NAME.quarterdeck-pending: the rules above are enough for it. When
# it is over an empty name stays. A line like this one for each secret that rotates takes the name away as well ('delete'),
# and labels it with its rotation while it is there ('create', 'update'); a pattern for all of them there is not, since '*'
# only stands at the end.
# path "secret/metadata/algo-trade/broker.quarterdeck-pending" {
#   capabilities = ["create", "read", "update", "delete"]
# }

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
