"""The state behind the emulator: what each call decides and leaves behind, in SQLite."""
