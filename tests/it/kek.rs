//! Key-encryption keys as a user of the library sees them, and what the command does for keys before anything else.

use scrubjay::Sensitive;
use scrubjay::keys::{KekError, KekRef};

use crate::kit::Dir;

#[test]
fn a_key_is_made_used_and_found_again() {
    let dir = Dir::new();
    let reference: KekRef = format!("file:{}", dir.path().join("kek").display()).parse().unwrap();
    let made = reference.create().unwrap();
    let wrapped = made.wrap(&Sensitive::new([7; 32]), b"ring 1").unwrap();
    let opened = reference.open().unwrap();
    assert_eq!(opened.unwrap_key(&wrapped, b"ring 1").unwrap().expose(), &[7; 32]);
    assert_eq!(opened.unwrap_key(&wrapped, b"ring 2").unwrap_err(), KekError::Damaged(made.id()));
    assert!(matches!(reference.create(), Err(KekError::Exists(_))));
}

/// A build without a kind of key says so, rather than that the reference is wrong.
#[test]
fn every_kind_of_reference_is_known_in_every_build() {
    for (text, feature) in [
        ("pkcs11:token=t;object=o?module-path=/nonexistent.so&pin-source=env:NONE", cfg!(feature = "pkcs11")),
        ("vault:https://localhost:1/transit/keys/k?token-file=/nonexistent", cfg!(feature = "kms")),
    ] {
        let Err(error) = text.parse::<KekRef>().unwrap().open() else { panic!("{text} opened") };
        assert_eq!(error.to_string().contains("with the feature"), !feature, "{text}: {error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_command_leaves_no_core_dumps() {
    let dir = Dir::new();
    let mut running = dir.cmd().spawn();
    running.write("up\n");
    // What it writes is written after that.
    running.wait_for_stdout("up");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let line = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
    running.finish().code(0);
}
