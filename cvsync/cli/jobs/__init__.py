"""Jobs: verbs in a row, as `cvsync.toml` says them, that can be left alone every night."""
