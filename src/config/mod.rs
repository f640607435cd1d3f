//! Configuration: the raw TOML (`spec`), then what is built from it (`resolved`).
