# Look and read: everything that the cockpit shows, and values for whom our own roles allow it.
# A KV engine, version 2, is mounted at 'secret'; ours begins with 'algo-trade/'. Put your own in both places.

# Names in a folder, versions, dates, labels. 'read' and 'list' on secret/data/... alone, as often found, lists nothing.
path "secret/metadata/algo-trade/*" {
  capabilities = ["read", "list"]
}

# The keys inside a secret without its values. Without it the values are read to know the keys.
path "secret/subkeys/algo-trade/*" {
  capabilities = ["read"]
}

# The values.
path "secret/data/algo-trade/*" {
  capabilities = ["read"]
}

# The token's own end, and what it may do. The policy 'default' has these; a token without it needs them here.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
