//! The integration tests: one binary, so that the crate is linked once.
#![allow(unreachable_pub, reason = "nothing imports a test binary")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(feature = "kafka")]
mod brokers;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_faults;
#[cfg(feature = "kafka")]
mod kafka_flow;
#[cfg(feature = "kafka")]
mod kafka_group;
#[cfg(feature = "kafka")]
mod kafka_keyed;
#[cfg(feature = "kafka")]
mod kafka_odd;
#[cfg(feature = "kafka")]
mod kafka_process;
#[cfg(all(feature = "kafka", feature = "console"))]
mod kafka_ready;
#[cfg(feature = "kafka")]
mod kafka_refusals;
#[cfg(all(feature = "kafka", feature = "console"))]
mod kafka_roster;
#[cfg(feature = "kafka")]
mod kafka_secure;
mod kit;
#[cfg(feature = "kafka")]
mod kit_pipeline;
#[cfg(feature = "gateway")]
mod kit_smtp;
#[cfg(feature = "pkcs11")]
mod kit_token;
// The servers that the library's own tests start.
#[cfg(feature = "kms")]
#[path = "../../src/keys/kek/servers.rs"]
#[allow(dead_code, reason = "the library's tests use more of it")]
mod servers;

mod audit;
#[cfg(feature = "tls")]
mod audit_syslog;
mod cli;
mod cli_eval;
mod cli_run;
mod config;
#[cfg(feature = "kafka")]
mod demo;
mod docs;
#[cfg(all(unix, feature = "gateway"))]
mod gateway_foreign;
#[cfg(all(unix, feature = "gateway"))]
mod gateway_http;
#[cfg(all(unix, feature = "gateway"))]
mod gateway_postfix;
#[cfg(all(unix, feature = "gateway"))]
mod gateway_recipes;
mod hostile;
mod kek;
mod keyed;
#[cfg(any(feature = "kms", feature = "pkcs11"))]
mod keys_servers;
mod layers;
mod leaks;
mod mails;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(feature = "console")]
mod metrics;
mod props;
mod quarantine;
mod reveal;
mod roster;
#[cfg(feature = "gateway")]
mod smtp;
#[cfg(feature = "gateway")]
mod smtp_faults;
mod vault;
#[cfg(feature = "postgres")]
mod vault_postgres;
