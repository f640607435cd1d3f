//! The vault in a file, from outside: what a `kill -9` leaves.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use scrubjay::vault::{FileVault, NewToken, TokenId, TokenStore, VaultError, VaultKeys, VaultOptions};
use scrubjay::{Kind, Sensitive};

use crate::kit::Dir;

/// Where the child finds its vault; set only for the child.
const CHILD: &str = "SCRUBJAY_TEST_VAULT_CHILD";
const ROUNDS: u64 = 12;

/// Keys 1 to the number given; the last one is current.
pub struct Keys(pub u32);

impl VaultKeys for Keys {
    fn current(&self) -> u32 {
        self.0
    }

    fn ring(&self) -> u64 {
        1
    }

    fn data_key(&self, version: u32, _: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError> {
        let known = (1..=self.0).contains(&version);
        known.then(|| Sensitive::new([version as u8; 32])).ok_or(VaultError::MissingKey { version })
    }
}

/// A value under a key version, with a tag made of it: tests need no keyed hash.
pub fn item(version: u32, value: &[u8]) -> NewToken<'_> {
    let mut tag = [version as u8; 32];
    for (i, b) in value.iter().enumerate() {
        tag[i % 31] = tag[i % 31].wrapping_mul(31).wrapping_add(*b);
        tag[(i * 7 + 3) % 31] ^= b.rotate_left(i as u32 % 8);
    }
    NewToken { tag, kind: Kind::Mrn, tenant: "clinic", version, value }
}

fn open(path: &Path) -> FileVault {
    FileVault::create(path, Arc::new(Keys(1)), VaultOptions::default()).unwrap()
}

/// Not a test by itself: the process that is killed. It prints each token once it is durable.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let vault = open(Path::new(&path));
    let start = std::process::id();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let vault = &vault;
            scope.spawn(move || {
                for n in 0.. {
                    // Some values are new, some were seen in this process or the last ones.
                    let values: Vec<String> = (0..5)
                        .map(|i| format!("{start}-{thread}-{}", n * 3 + i))
                        .chain([format!("again {}", n % 50)])
                        .collect();
                    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
                    let tokens = vault.tokenize(&items).unwrap();
                    vault.commit().unwrap();
                    let lines: Vec<_> =
                        tokens.iter().zip(&values).map(|(t, v)| format!("ok {t} {v}\n")).collect();
                    std::io::stdout().lock().write_all(lines.concat().as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let dir = Dir::new();
    let path = dir.path().join("vault.redb");
    let mut acknowledged: HashMap<String, TokenId> = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["vault::child", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut read = |acknowledged: &mut HashMap<String, TokenId>| {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            if let Some((token, value)) =
                line.strip_suffix('\n').and_then(|l| l.strip_prefix("ok ")?.split_once(' '))
            {
                let token: TokenId = token.parse().unwrap();
                let known = *acknowledged.entry(value.to_string()).or_insert(token);
                assert_eq!(known, token, "round {round}: a second token for {value}");
            }
            !line.is_empty()
        };
        while acknowledged.len() < 20 * (round as usize + 1) {
            assert!(read(&mut acknowledged), "round {round}: the child ended by itself");
        }
        // At some time in the midst of its commits, another one each round.
        std::thread::sleep(Duration::from_micros(1_700 * (round * 37 % 23)));
        child.kill().unwrap();
        while read(&mut acknowledged) {}
        child.wait().unwrap();

        let vault = open(&path);
        for (value, token) in &acknowledged {
            let original =
                vault.open(*token).unwrap().unwrap_or_else(|| panic!("round {round}: {value} is lost"));
            assert_eq!(original.value.expose(), value.as_bytes());
            assert_eq!(
                vault.tokenize(&[item(1, value.as_bytes())]).unwrap(),
                [*token],
                "round {round}: {value}"
            );
        }
    }
    assert!(acknowledged.len() >= 20 * ROUNDS as usize);
}
