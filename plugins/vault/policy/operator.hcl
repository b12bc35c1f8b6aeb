# Runs the secrets in the KV 2 mount 'secret': reads, writes, deletes, restores, destroys a version. Narrow '*' to your
# folder: 'algo-trade/*'. Looking its own token up and asking for the mount's version come with every token (policy
# 'default').

# Values: a write is always a compare-and-set on the version that was seen.
path "secret/data/*" {
  capabilities = ["create", "read", "update"]
}

# The keys inside a secret, without their values.
path "secret/subkeys/*" {
  capabilities = ["read"]
}

# Names, versions, dates, custom metadata. Without "delete": a secret's history stays.
path "secret/metadata/*" {
  capabilities = ["read", "list"]
}

# A delete that can be undone, its undoing, and the end of one version.
path "secret/delete/*" {
  capabilities = ["update"]
}

path "secret/undelete/*" {
  capabilities = ["update"]
}

path "secret/destroy/*" {
  capabilities = ["update"]
}
