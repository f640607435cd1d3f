//! The gateway between clients and servers that share no code with it: providers' own libraries, aiosmtpd with TLS and logins, opendkim behind
//! Postfix, npm's `smpp`. The scripts are in `tests/brokers/gateway/`; each starts scrubjay itself, and says what is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::root;

/// A script that is run: the program that runs it, and what it needs beside that.
fn run(program: &Path, script: &str, arguments: &[&str], needs: &[&str]) {
    let demanded = std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_some_and(|v| v == "1");
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let there = |tool: &str| path.split(':').any(|dir| Path::new(dir).join(tool).is_file());
    let lacking: Vec<_> = needs.iter().filter(|tool| !there(tool)).collect();
    if !lacking.is_empty() {
        assert!(!demanded, "{script} needs {lacking:?}: ./dev test --full installs them");
        return;
    }
    let out = Command::new(program)
        .arg(root().join("tests/brokers/gateway").join(script))
        .args(arguments)
        .env("PATH", path)
        .env("NODE_PATH", root().join("target/node/node_modules"))
        .env_remove("SCRUBJAY_LOG")
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}; ./dev test installs it", program.display()));
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{script} {arguments:?}: {said}");
}

const SCRUBJAY: &str = env!("CARGO_BIN_EXE_scrubjay");

fn python(script: &str, arguments: &[&str], needs: &[&str]) {
    let bin =
        std::env::var_os("SCRUBJAY_BROKERS").map_or_else(|| root().join("target/brokers/bin"), PathBuf::from);
    run(&bin.join("python3"), script, &[&[SCRUBJAY], arguments].concat(), needs);
}

#[test]
fn the_library_of_twilio() {
    python("sdks.py", &["twilio"], &[]);
}

#[test]
fn the_library_of_sendgrid() {
    python("sdks.py", &["sendgrid"], &[]);
}

#[test]
fn the_library_of_messagebird() {
    python("sdks.py", &["messagebird"], &[]);
}

#[cfg(feature = "kms")]
#[test]
fn the_library_of_amazon_for_mail() {
    python("sdks.py", &["ses"], &[]);
}

#[cfg(feature = "kms")]
#[test]
fn the_library_of_amazon_for_messages() {
    python("sdks.py", &["sns"], &[]);
}

#[test]
fn mail_over_tls_with_logins() {
    python("mail_tls.py", &[], &[]);
}

#[test]
fn signatures_behind_the_scrub_are_good() {
    if rustix::process::geteuid().is_root() {
        python("dkim.py", &[], &["postfix", "opendkim", "opendkim-genkey"]);
    }
}

#[test]
fn a_client_and_a_server_of_smpp() {
    if root().join("target/node/node_modules/smpp").is_dir() {
        run(Path::new("node"), "smpp.js", &[SCRUBJAY], &["node"]);
    } else {
        let demanded = std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_some_and(|v| v == "1");
        assert!(!demanded, "no target/node: ./dev test --full installs it");
    }
}
