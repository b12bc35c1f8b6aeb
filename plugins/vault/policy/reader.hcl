# Sees and reads everything in the KV 2 mount 'secret', and changes nothing. Narrow '*' to your folder: 'algo-trade/*'.
# Looking its own token up and asking for the mount's version come with every token (policy 'default').

# Values.
path "secret/data/*" {
  capabilities = ["read"]
}

# The keys inside a secret, without their values.
path "secret/subkeys/*" {
  capabilities = ["read"]
}

# Names, versions, dates, custom metadata.
path "secret/metadata/*" {
  capabilities = ["read", "list"]
}
