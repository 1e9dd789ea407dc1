# Prints a manifest of the SDK as it is outside of this workspace: what it inherits is written out.
#
#     awk -f plugin-api/standalone.awk Cargo.toml plugin-api/abi/Cargo.toml

/^\[/ { section = $0 }

# The workspace's own manifest: `key = value`, and perhaps a comment that says why.
FNR == NR {
    if (match($0, /^[a-z0-9_-]+ *= */)) {
        key = substr($0, 1, RLENGTH)
        sub(/ *= *$/, "", key)
        value = substr($0, RLENGTH + 1)
        sub(/ +#.*$/, "", value)
        sub(/path = "plugin-api\//, "path = \"", value) # the ABI's folder lies in the SDK's
        inherited[section, key] = value
    }
    next
}

# The project's lints are its own affair.
section == "[lints]" { next }

/\.workspace = true$/ {
    key = $1
    sub(/\.workspace$/, "", key)
    from = section == "[package]" ? "[workspace.package]" : "[workspace.dependencies]"
    if (!((from, key) in inherited)) {
        print FILENAME ": the workspace has no " key > "/dev/stderr"
        exit 1
    }
    $0 = key " = " inherited[from, key]
}

{ print }
