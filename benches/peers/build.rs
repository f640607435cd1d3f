//! Finds Hyperscan or Vectorscan with pkg-config, if it is asked for.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_HYPERSCAN").is_none() {
        return;
    }
    let asked = Command::new("pkg-config").args(["--libs", "libhs"]).output();
    let told = match asked {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        _ => panic!(
            "pkg-config knows no libhs; install libhyperscan-dev or vectorscan, or leave the feature out"
        ),
    };
    for word in told.split_whitespace() {
        if let Some(dir) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={dir}");
        } else if let Some(library) = word.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={library}");
        }
    }
}
