//! A PKCS#11 token in software: SoftHSM2, a system's package.
#![allow(dead_code, reason = "a kit is not used up by every test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{Cmd, Dir};

/// Where distributions put its library.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// A token in a directory of a test, with the PIN in a file.
pub struct SoftHsm {
    dir: PathBuf,
    library: &'static str,
}

impl SoftHsm {
    /// Makes one, if SoftHSM2 is installed; `SCRUBJAY_TEST_SYSTEM=1` demands that it is.
    pub fn start(dir: &Dir) -> Option<SoftHsm> {
        let Some(library) = LIBRARIES.into_iter().find(|library| Path::new(library).is_file()) else {
            let demanded = std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_some_and(|v| v == "1");
            assert!(!demanded, "SoftHSM2 is demanded, and not installed");
            // Not captured as a test's prints are: it is seen when nothing fails, too.
            std::io::stderr()
                .write_all(b"skipped: SoftHSM2 is not installed (apt-get install softhsm2)\n")
                .unwrap();
            return None;
        };
        let hsm = SoftHsm { dir: dir.path().to_owned(), library };
        std::fs::create_dir(hsm.tokens()).unwrap();
        let tokens = hsm.tokens();
        dir.file("hsm.conf", format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()));
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "t", "--pin", "4711", "--so-pin", "12345678"])
            .env("SOFTHSM2_CONF", hsm.configuration())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        dir.secret("pin", "4711\n");
        Some(hsm)
    }

    /// The reference of a key on it.
    pub fn kek(&self) -> String {
        let SoftHsm { dir, library } = self;
        format!("pkcs11:token=t;object=ring?module-path={library}&pin-source=file:{}/pin", dir.display())
    }

    /// A command whose library finds the token.
    pub fn seen_by(&self, cmd: Cmd) -> Cmd {
        cmd.env("SOFTHSM2_CONF", self.configuration())
    }

    /// Takes it away, as one pulls it out.
    pub fn pull(&self) {
        std::fs::rename(self.tokens(), self.dir.join("away")).unwrap();
    }

    /// Puts it back.
    pub fn put_back(&self) {
        std::fs::rename(self.dir.join("away"), self.tokens()).unwrap();
    }

    fn tokens(&self) -> PathBuf {
        self.dir.join("tokens")
    }

    fn configuration(&self) -> String {
        self.dir.join("hsm.conf").to_str().unwrap().to_owned()
    }
}
