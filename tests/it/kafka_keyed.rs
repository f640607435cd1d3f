//! Keys and a vault behind a pipeline between topics: the tokens of the filter, one token for a value however often it is killed, and
//! nothing lost when what the keys come from is away.

use std::collections::{HashMap, HashSet};

use crate::brokers::{Broker, Kind};
use crate::kafka::{Client, Seen, word};
use crate::kit::{Dir, contains};
use crate::kit_pipeline::Pipeline;

/// A pipeline with a ring, and with these tables beside.
fn pipeline(dir: &Dir, broker: &Broker, more: &str) {
    Pipeline::on(broker).member().with("[keys]\nring = \"ring\"\n").with(more).write(dir, "pipeline.toml");
}

/// The one token of a type that stands in a text.
fn token<'t>(text: &'t str, sort: &str) -> &'t str {
    let at = text.find(sort).unwrap_or_else(|| panic!("no {sort} in {text}"));
    let rest = &text[at..];
    &rest[..=rest.find(']').unwrap()]
}

#[test]
fn a_pipeline_between_topics_gives_the_tokens_of_the_filter() {
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    dir.cmd().args("keys init ring --kek file:kek --create-kek").run().code(0);
    pipeline(&dir, &broker, "[policy]\nprofile = \"pseudonymised\"\n");
    let text = "SSN 219-10-9999 on file";
    let filtered = dir.cmd().args("--quiet --keys ring --profile pseudonymised").stdin(text).run().code(0);
    let filtered = String::from_utf8(filtered.stdout).unwrap();
    let want = token(&filtered, "[SSN:p1:");

    let mut message = Seen::text(0, "{\"ssn\":219109999}");
    message.key = Some(b"ssn 219 10 9999".to_vec());
    message.headers = vec![("note".into(), Some(text.as_bytes().to_vec()))];
    client.produce("app", [Seen::text(0, text), message]);
    let running = dir.cmd().args("run pipeline.toml").spawn();
    let seen = client.read("clean.app", 2);
    assert_eq!(seen[0].str(), filtered);
    assert_eq!(seen[1].str(), format!("{{\"ssn\":\"{want}\"}}"));
    assert_eq!(seen[1].key.as_deref(), Some(format!("ssn {want}").as_bytes()));
    assert_eq!(seen[1].headers[0].1.as_deref(), Some(filtered.as_bytes()));

    // A rotation is picked up by those who run: both say the new version from then on, and the old tokens pass as they are.
    dir.cmd().args("keys generate ring").run().code(0);
    dir.cmd().args("keys rotate ring").run().code(0);
    let mut running = running;
    running.signal("HUP");
    running.wait_for_stderr("reloaded");
    client.produce("app", [Seen::text(0, text), Seen::text(0, &filtered)]);
    let seen = client.read("clean.app", 4);
    let again = dir.cmd().args("--quiet --keys ring --profile pseudonymised").stdin(text).run().code(0);
    assert_eq!(seen[2].str().as_bytes(), again.stdout);
    assert!(seen[2].str().contains("[SSN:p2:"), "{}", seen[2].str());
    assert_eq!(seen[3].str(), filtered);
    running.signal("TERM");
    running.wait().code(0);
}

/// Record `n` speaks of one of so many people, so that values come again before and after a kill.
const PEOPLE: usize = 700;

fn mrn(n: usize) -> String {
    format!("{}", 40_000_000 + n % PEOPLE * 104_729)
}

#[test]
fn killed_at_any_time_a_value_keeps_its_one_token() {
    const COUNT: usize = 12_000;
    const ROUNDS: usize = 5;
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 2, &[]);
    dir.cmd().args("keys init ring --kek file:kek --create-kek").run().code(0);
    let rule = "[vault]\npath = \"vault.redb\"\n[[policy.rule]]\nkind = [\"mrn\"]\naction = \"token\"\n";
    pipeline(&dir, &broker, rule);
    dir.cmd().args("vault init --config pipeline.toml").run().code(0);
    let record = |n: usize| Seen::text((n % 2) as i32, &format!("{} MRN: {}", word(n), mrn(n)));
    for round in 0..ROUNDS {
        let (first, end) = (round * COUNT / ROUNDS, (round + 1) * COUNT / ROUNDS);
        let before = client.count("clean.app");
        client.produce("app", (first..end).map(record));
        let running = dir.cmd().args("run pipeline.toml").spawn();
        while client.count("clean.app") < before + 50 {
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        std::thread::sleep(std::time::Duration::from_millis(round as u64 * 13));
        running.signal("KILL");
        assert_eq!(running.wait().exit_code(), None, "it was killed");
    }
    let running = dir.cmd().args("run pipeline.toml").spawn();
    let all = |seen: &[Seen]| {
        let events: HashSet<&str> = seen.iter().filter_map(|m| m.str().split(" MRN").next()).collect();
        events.len() == COUNT
    };
    let seen = client.read_until("clean.app", all);
    running.signal("TERM");
    running.wait().code(0);

    let names: HashMap<String, usize> = (0..COUNT).map(|n| (word(n), n)).collect();
    let mut tokens: HashMap<String, String> = HashMap::new();
    for message in &seen {
        let text = message.str();
        let token = token(text, "[MRN:t1:");
        let n = names[text.split(" MRN").next().unwrap()];
        assert_eq!(text, format!("{} MRN: {token}", word(n)));
        let known = tokens.entry(mrn(n)).or_insert_with(|| token.to_owned());
        assert_eq!(known, token, "a second token for one value");
    }
    assert_eq!(tokens.len(), PEOPLE);
    // None that went out was given out before it was on disk: each leads back.
    dir.secret("ana.key", "61".repeat(32));
    let key = dir.cmd().args("vault operator-key file:ana.key").run().code(0);
    let key = String::from_utf8(key.stdout).unwrap();
    dir.file(
        "operators.toml",
        format!(
            "[[operator]]\nid = \"ana\"\npublic_key = \"{}\"\nroles = [\"officer\"]\n[[role]]\nname = \"officer\"\n\
             [limits]\nper_hour = 1000\nbulk_from = 257\n",
            key.trim()
        ),
    );
    let all: Vec<_> = tokens.iter().collect();
    for some in all.chunks(250) {
        let reveal = "vault reveal --config pipeline.toml --audit audit --operators operators.toml --operator ana \
                      --operator-key file:ana.key";
        let reveal = dir.cmd().args(reveal).args("--purpose").arg("counting them all");
        let shown = some.iter().fold(reveal, |cmd, (_, token)| cmd.arg(token)).run().code(0);
        for (value, token) in some {
            assert!(contains(&shown.stdout, format!("{token}\tmrn\t{value}\n")), "{token} leads elsewhere");
        }
    }
}

/// The key-encryption key is in an HSM that goes away under a pipeline: what runs goes on, what starts does not, what is loaded anew stays
/// as it was, and every record comes out once it is back.
#[cfg(feature = "pkcs11")]
#[test]
fn an_hsm_that_is_gone_stops_no_pipeline_and_starts_none() {
    let dir = Dir::new();
    let Some(hsm) = crate::kit_token::SoftHsm::start(&dir) else { return };
    let cmd = || hsm.seen_by(dir.cmd());
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    cmd().args("keys init ring --create-kek --kek").arg(hsm.kek()).run().code(0);
    pipeline(&dir, &broker, "[policy]\nprofile = \"pseudonymised\"\n");

    let mut running = cmd().args("run pipeline.toml").spawn();
    running.wait_for_stderr("assigned");
    hsm.pull();
    client.produce("app", [Seen::text(0, "SSN 219-10-9999")]);
    let first = client.read("clean.app", 1).remove(0);
    assert!(first.str().starts_with("SSN [SSN:p1:"), "{}", first.str());
    running.signal("HUP");
    running.wait_for_stderr("what was loaded before stays");
    client.produce("app", [Seen::text(0, "SSN 219-10-9999 again")]);
    assert_eq!(client.read("clean.app", 2)[1].str(), format!("{} again", first.str()));
    running.signal("TERM");
    running.wait().code(0);

    client.produce("app", [Seen::text(0, "SSN 219-10-9998")]);
    let refused = cmd().args("run pipeline.toml").run().code(2);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("the key-encryption key of the key ring ring") && said.contains("PKCS#11"),
        "{said}"
    );
    assert_eq!(client.count("clean.app"), 2, "nothing goes out without the key");

    hsm.put_back();
    let running = cmd().args("run pipeline.toml").spawn();
    let third = client.read("clean.app", 3).remove(2);
    assert!(third.str().starts_with("SSN [SSN:p1:") && third.str() != first.str(), "{}", third.str());
    running.signal("TERM");
    running.wait().code(0);
}
