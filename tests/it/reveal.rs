//! Tokens from a pipeline into a vault and back, on the command line: with roles, a second person, a broken glass, and the record.
#![cfg(unix)]

use crate::kit::{Cmd, Dir, contains};

const PIPELINE: &str = "[source.stdin]\n[sink.stdout]\n[policy]\nprofile = \"safe-harbor\"\n[keys]\nring = \"ring\"\n[vault]\npath = \"vault.redb\"\n\
                        [[policy.rule]]\nkind = [\"ssn\", \"mrn\"]\naction = \"token\"\n";

/// A ring, a vault, a pipeline that fills it, and two operators.
fn house() -> Dir {
    let dir = Dir::new();
    dir.cmd().args("keys init ring --kek file:kek --create-kek").run().code(0);
    dir.file("p.toml", PIPELINE);
    dir.cmd().args("vault init --config p.toml --audit audit").run().code(0);
    let mut operators = String::new();
    for (id, role) in [("ana", "officer"), ("ben", "officer"), ("cho", "clerk")] {
        dir.secret(&format!("{id}.key"), format!("{:02x}", id.as_bytes()[0]).repeat(32));
        let out = dir.cmd().args(&format!("vault operator-key file:{id}.key")).run().code(0).quiet();
        let key = String::from_utf8(out.stdout).unwrap();
        operators +=
            &format!("[[operator]]\nid = \"{id}\"\npublic_key = \"{}\"\nroles = [\"{role}\"]\n", key.trim());
    }
    operators +=
        "[[role]]\nname = \"officer\"\nbreak_glass = true\n[[role]]\nname = \"clerk\"\nkinds = [\"mrn\"]\n";
    operators += "[limits]\nbulk_from = 2\nalert = [\"/bin/sh\", \"-c\", \"cat >> alerts\"]\n";
    dir.file("operators.toml", operators);
    dir
}

fn tokens(dir: &Dir, input: &str) -> Vec<String> {
    let out = dir.cmd().args("run p.toml").stdin(input).run().code(0);
    let text = String::from_utf8(out.stdout).unwrap();
    text.split([' ', ',', '\n'])
        .filter(|w| w.starts_with('[') && w.contains(":t1:"))
        .map(str::to_owned)
        .collect()
}

fn vault(dir: &Dir, verb: &str, who: &str) -> Cmd {
    let place = if verb == "approve" { "--audit audit" } else { "--config p.toml --audit audit" };
    dir.cmd().args(&format!(
        "vault {verb} {place} --operators operators.toml --operator {who} --operator-key file:{who}.key"
    ))
}

fn entries(dir: &Dir) -> String {
    let out = dir.cmd().args("audit tail -n 100 --dir audit").run().code(0);
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_token_leads_back_for_those_who_may_and_is_on_record() {
    let dir = house();
    let all = tokens(&dir, "SSN 219-10-9999, MRN 4471902, SSN 219 10 9999\n");
    assert_eq!(all.len(), 3);
    assert_eq!(all[0], all[2], "one value, one token");
    // After a restart it is the same.
    assert_eq!(tokens(&dir, "SSN 219109999\n"), all[..1]);
    let out = vault(&dir, "reveal", "ana")
        .arg(&all[0])
        .args("--purpose")
        .arg("call from Ana Keller, SSN 219-10-9999")
        .run()
        .code(0);
    assert!(contains(&out.stdout, "ssn\t219-10-9999\n"), "{}", String::from_utf8_lossy(&out.stderr));
    vault(&dir, "reveal", "cho")
        .arg(&all[1])
        .args("--purpose")
        .arg("correct the chart")
        .run()
        .code(0)
        .stdout_has("mrn\t4471902\n");
    // One of a version that the ring does not have is told from what is no token.
    let newer = all[0].replace(":t1:", ":t9:");
    vault(&dir, "reveal", "ana")
        .arg(&newer)
        .args("--purpose")
        .arg("correct the chart")
        .run()
        .code(2)
        .stdout("")
        .stderr_has("is of version 9 of the key, which is not in this ring");
    // A clerk may see medical record numbers only.
    let refused =
        vault(&dir, "reveal", "cho").arg(&all[0]).args("--purpose").arg("correct the chart").run().code(2);
    assert!(refused.stdout.is_empty(), "{}", String::from_utf8_lossy(&refused.stderr));
    // Another's key, no purpose, no record.
    dir.cmd()
        .args("vault reveal --config p.toml --audit audit --operators operators.toml --operator ana --operator-key file:cho.key")
        .arg(&all[0])
        .args("--purpose xxxxxxxxxx")
        .run()
        .code(2)
        .stdout("")
        .stderr_has("no operator \"ana\" with this key");
    vault(&dir, "reveal", "ana").arg(&all[0]).run().code(2).stdout("").stderr_has("--purpose");
    dir.cmd()
        .args("vault reveal --config p.toml --operators operators.toml --operator ana --operator-key file:ana.key")
        .arg(&all[0])
        .args("--purpose xxxxxxxxxx")
        .run()
        .code(2)
        .stdout("")
        .stderr_has("always put on record");
    let log = entries(&dir);
    assert!(
        log.contains("vault_reveal")
            && log.contains("refused")
            && log.contains(r#""event":"login","who":{"operator":"ana""#)
            && log.contains("no operator with this key")
            && log.contains("no role for this kind and tenant"),
        "{log}"
    );
    // What the operator wrote was scrubbed, and no value stands in the log.
    for (path, bytes) in dir.files().iter().filter(|(path, _)| path.to_string_lossy().contains("/audit/")) {
        assert!(
            !contains(bytes, "219-10-9999") && !contains(bytes, "Keller") && !contains(bytes, "4471902"),
            "{}",
            path.display()
        );
    }
    dir.cmd().args("audit verify --dir audit").run().code(0);
}

/// `[audit]` of the file that names ring and vault is the log of the commands, too.
#[test]
fn a_file_names_the_audit_log_and_the_tenant() {
    let dir = house();
    dir.secret("audit.key", "cd".repeat(32));
    let keys = "[keys]\ntenant = \"north\"\n";
    let audit = "[audit]\ndir = \"log\"\nkey = \"file:audit.key\"\ncheckpoint_entries = 1\n";
    let of_north =
        PIPELINE.replace("safe-harbor", "logs").replace("[keys]\n", keys).replace("token\"", "seal\"");
    dir.file("p.toml", format!("{of_north}{audit}"));
    let run = dir.cmd().args("run p.toml").stdin("SSN 219-10-9999\n").run().code(0);
    let text = String::from_utf8(run.stdout).unwrap();
    let sealed = text.trim_end().strip_prefix("SSN ").unwrap();
    assert!(sealed.starts_with("[SSN:s1:"), "{text}");
    let reveal = |more: &str| {
        let own = "--config p.toml --operators operators.toml --operator ana --operator-key file:ana.key";
        dir.cmd()
            .args(&format!("vault reveal {own} {more} --purpose"))
            .arg("correct the chart")
            .arg(sealed)
            .run()
    };
    reveal("").code(0).stdout_has("219-10-9999");
    reveal("--tenant south").code(2).stdout("");
    // The filter takes the same file as its policy, and puts on record that it does.
    dir.cmd().args("--policy p.toml").stdin("SSN 219-10-9999\n").run().code(0).stdout(&*text);
    dir.cmd().args("vault expire --config p.toml").run().code(0);
    let log = String::from_utf8(dir.cmd().args("audit tail -n 100 --dir log").run().code(0).stdout).unwrap();
    let events = |name: &str| log.matches(&format!(r#""event":"{name}""#)).count();
    assert_eq!((events("policy_load"), events("vault_reveal"), events("vault_expire")), (2, 2, 1), "{log}");
    assert!(log.contains(r#""tenant":"north""#), "{log}");
    dir.cmd().args("audit verify --dir log --key file:audit.key").run().code(0).stdout_has("checkpoint");
    // Without a log it is done, and said that it is not on record.
    dir.file("p.toml", of_north);
    let expired = || dir.cmd().args("vault expire --config p.toml");
    expired().run().code(0).stderr_has("this is not put on record");
    let out = expired().env("SCRUBJAY_AUDIT_DIR", "log").run().code(0);
    assert!(!contains(&out.stderr, "not put on record"));
    let run = dir.cmd().args("run p.toml").env("SCRUBJAY_AUDIT_DIR", "log").stdin("x\n").run();
    run.code(0);
    let log = String::from_utf8(dir.cmd().args("audit tail -n 100 --dir log").run().code(0).stdout).unwrap();
    assert_eq!(log.matches(r#""event":"policy_load""#).count(), 3, "{log}");
}

#[test]
fn erasure_takes_the_value_and_is_on_record() {
    let dir = house();
    let all = tokens(&dir, "SSN 219-10-9999, MRN 4471902\n");
    let delete = || dir.cmd().args("vault delete --config p.toml --audit audit --operator ana").arg(&all[0]);
    delete().run().code(2).stdout("").stderr_has("1 value would be erased for good; add --yes");
    delete().arg("SSN").args("--yes").run().code(2).stderr_has("place 2 is no vault token of this key ring");
    delete()
        .args("--yes --purpose")
        .arg("request of SSN 219-10-9999")
        .run()
        .code(0)
        .stderr_has("1 value erased");
    delete().args("--yes").run().code(0).stderr_has("0 values erased").stderr_has("1 value not there");
    let reveal = vault(&dir, "reveal", "ana").arg(&all[0]).args("--purpose").arg("look for it again");
    reveal.run().code(2).stdout("").stderr_has("it was erased");
    // The other one stays, and the same value gets a new token.
    vault(&dir, "reveal", "ana").arg(&all[1]).args("--purpose").arg("correct the chart").run().code(0);
    assert_ne!(tokens(&dir, "SSN 219-10-9999\n")[0], all[0]);
    let log = entries(&dir);
    assert!(log.contains("vault_init") && log.contains("vault_delete") && !log.contains("219-10"), "{log}");
}

/// A vault is one ring's: with another one values would get second tokens, and each ring would open some of them.
#[test]
fn a_vault_opens_with_the_ring_it_was_made_with_only() {
    let dir = house();
    tokens(&dir, "SSN 219-10-9999, MRN 4471902\n");
    dir.secret("backup.key", "ab".repeat(32));
    dir.cmd().args("vault backup --config p.toml b --key file:backup.key").run().code(0);
    dir.cmd().args("keys init other --kek file:kek2 --create-kek").run().code(0);
    dir.file("q.toml", PIPELINE.replace("\"ring\"", "\"other\""));
    let run = dir.cmd().args("run q.toml").stdin("SSN 219-10-9999\n").run();
    run.code(2).stdout("").stderr_has("the vault is of another key ring");
    dir.file("r.toml", PIPELINE.replace("\"ring\"", "\"other\"").replace("vault.redb", "new.redb"));
    dir.cmd().args("vault init --config r.toml").run().code(0);
    let restored = dir.cmd().args("vault restore --config r.toml b --key file:backup.key").run();
    restored.code(2).stderr_has("the backup is of another key ring");
    dir.cmd().args("vault stats --config r.toml").run().code(0).stdout_has("0 values");
}

/// What is signed goes on record as it is: it is scrubbed before, and looked at again.
#[test]
fn an_approval_holds_no_phi_is_good_once_and_comes_from_one_who_may() {
    let dir = house();
    let all = tokens(&dir, "SSN 219-10-9999, SSN 219-10-9998\n");
    let two = |cmd: Cmd| all.iter().fold(cmd, Cmd::arg);
    let ask = || {
        let cmd = dir.cmd().args("vault request --operator ana --purpose").arg("audit of the claims");
        dir.file("request.json", two(cmd).run().code(0).stdout);
    };
    ask();
    let edited = String::from_utf8(dir.read("request.json")).unwrap();
    dir.file("edited.json", edited.replace("audit of the claims", "SSN 219-10-9999 called"));
    let approve = |who: &str, file: &str| vault(&dir, "approve", who).arg(file).run();
    approve("ben", "edited.json").code(2).stdout("").stderr_has("holds what looks like PHI");
    // Cho's role is about record numbers only.
    let reveal = || vault(&dir, "reveal", "ana").args("--approval approval.json").run();
    dir.file("approval.json", approve("cho", "request.json").code(0).stdout);
    reveal().code(2).stdout("").stderr_has("no role of cho, who approved");
    dir.file("approval.json", approve("ben", "request.json").code(0).stdout);
    reveal().code(0).stdout_has("219-10-9998");
    reveal().code(2).stdout("").stderr_has("an approval is good once");
}

#[test]
fn many_need_a_second_person_and_emergencies_an_alert() {
    let dir = house();
    let all = tokens(&dir, "SSN 219-10-9999, SSN 219-10-9998\n");
    let two = |cmd: Cmd| all.iter().fold(cmd, Cmd::arg);
    two(vault(&dir, "reveal", "ana"))
        .args("--purpose")
        .arg("audit of the claims")
        .run()
        .code(2)
        .stderr_has("need a second person");
    let request = two(dir
        .cmd()
        .args("vault request --operator ana --audit audit --purpose")
        .arg("audit of the claims"))
    .run()
    .code(0)
    .quiet();
    dir.file("request.json", request.stdout);
    vault(&dir, "approve", "ana")
        .arg("request.json")
        .run()
        .code(2)
        .stdout("")
        .stderr_has("nobody approves what they ask for themselves");
    let approval = vault(&dir, "approve", "ben")
        .arg("request.json")
        .run()
        .code(0)
        .stderr_has("ana asks for 2 tokens: audit of the claims");
    dir.file("approval.json", approval.stdout);
    let shown = vault(&dir, "reveal", "ana").args("--approval approval.json").run().code(0);
    assert!(contains(&shown.stdout, "219-10-9999") && contains(&shown.stdout, "219-10-9998"));
    // The glass.
    let broken = |who: &str| {
        two(vault(&dir, "reveal", who))
            .args("--break-glass --purpose")
            .arg("patient unconscious in the ER")
            .run()
    };
    broken("ana").code(2).stdout("").stderr_has("the glass is not broken");
    vault(&dir, "break-glass", "ana")
        .args("--purpose")
        .arg("patient unconscious in the ER")
        .run()
        .code(0)
        .stderr_has("somebody was told");
    broken("ana").code(0).stdout_has("219-10-9999");
    broken("ben").code(2).stdout("");
    let alerts = String::from_utf8(dir.read("alerts")).unwrap();
    assert_eq!(alerts.lines().count(), 2, "{alerts}");
    assert!(!alerts.contains("219-10"));
    let log = entries(&dir);
    for event in ["vault_reveal_bulk", "break_glass", "approval_request", "approval_grant"] {
        assert!(log.contains(event), "{event}: {log}");
    }
    assert!(log.contains("approved by oneself"), "{log}");
}

#[test]
fn a_vault_is_tended() {
    let dir = house();
    let before = tokens(&dir, "SSN 219-10-9999, MRN 4471902\n");
    dir.cmd().args("vault stats --config p.toml").run().code(0).quiet().stdout_has("2 values");
    dir.secret("backup.key", "ab".repeat(32));
    dir.cmd()
        .args("vault backup out.bak --config p.toml --key file:backup.key")
        .run()
        .code(0)
        .stderr_has("2 values in out.bak");
    assert!(
        !contains(&dir.read("out.bak"), "219-10-9999") && !contains(&dir.read("vault.redb"), "219-10-9999")
    );
    dir.cmd()
        .args("vault restore out.bak --config p.toml --key file:backup.key")
        .run()
        .code(2)
        .stderr_has("not empty");
    std::fs::remove_file(dir.path().join("vault.redb")).unwrap();
    // A vault that is not there is never made in passing: its tokens would be others.
    dir.cmd().args("run p.toml").stdin("SSN 219-10-9999\n").run().code(2).stdout("").stderr_has("vault.redb");
    dir.cmd().args("vault init --config p.toml").run().code(0);
    dir.cmd()
        .args("vault restore out.bak --config p.toml --key file:backup.key")
        .run()
        .code(0)
        .stderr_has("2 values restored");
    assert_eq!(tokens(&dir, "SSN 219-10-9999, MRN 4471902\n"), before);
    // After a rotation new values have tokens of the new version; those sealed anew keep theirs.
    dir.cmd().args("keys rotate ring --audit audit --operator ana").run().code(0);
    dir.cmd()
        .args("vault rewrap --config p.toml --from 1 --audit audit")
        .run()
        .code(0)
        .stderr_has("2 values sealed anew under version 2");
    let out = dir.cmd().args("run p.toml").stdin("SSN 219-10-9998\n").run().code(0);
    assert!(contains(&out.stdout, "[SSN:t2:"));
    vault(&dir, "reveal", "ana")
        .arg(&before[0])
        .args("--purpose")
        .arg("after the rotation")
        .run()
        .code(0)
        .stdout_has("219-10-9999");
    dir.cmd().args("keys destroy ring 1 --yes --audit audit").run().code(0);
    // The vault knows its own, though the key of the check is gone.
    vault(&dir, "reveal", "ana")
        .arg(&before[0])
        .args("--purpose")
        .arg("after the destruction")
        .run()
        .code(0)
        .stdout_has("219-10-9999");
    let log = entries(&dir);
    assert!(log.contains("key_rotate") && log.contains("key_rewrap") && log.contains("key_destroy"), "{log}");
}

#[test]
fn loading_a_policy_is_on_record_or_does_not_happen() {
    let dir = house();
    dir.file("q.toml", format!("{PIPELINE}[audit]\ndir = \"audit\"\n"));
    dir.cmd().args("run q.toml").stdin("SSN 219-10-9999\n").run().code(0);
    let log = entries(&dir);
    assert!(log.contains("policy_load") && log.contains("q.toml"), "{log}");
    // A file stands where the directory should be.
    dir.file("r.toml", format!("{PIPELINE}[audit]\ndir = \"operators.toml\"\n"));
    dir.cmd().args("run r.toml").stdin("SSN 219-10-9999\n").run().code(2).stdout("");
}

#[test]
fn one_vault_serves_two_pipelines_of_a_process_and_no_other_process() {
    let dir = house();
    dir.file("q.toml", PIPELINE);
    let mut running = dir.cmd().args("run p.toml").spawn();
    running.wait_for_stderr("p.toml: running");
    dir.cmd()
        .args("run q.toml")
        .stdin("SSN 219-10-9999\n")
        .run()
        .code(2)
        .stdout("")
        .stderr_has("in use by another process");
    running.finish().code(0);
}
