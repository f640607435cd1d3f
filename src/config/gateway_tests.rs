use std::path::Path;

use super::*;
use crate::gateway::providers::Role;
use crate::gateway::{AttachmentAction, SubjectAction, TextAction};
use crate::policy::Profile;

const SMTP: &str = "[source.smtp]\nlisten = \"127.0.0.1:10032\"\n[sink.smtp]\nrelay = \"127.0.0.1:10028\"\n";
const HTTP: &str = "[source.http]\nlisten = \"127.0.0.1:10080\"\n";

fn parse(text: &str) -> Result<Pipeline, Vec<String>> {
    let parsed = Pipeline::parse(Path::new("dir/p.toml"), text);
    parsed.map_err(|found| {
        found
            .iter()
            .map(|d| {
                let (line, column) = d.line_column();
                let said = d.to_string();
                format!(
                    "{line}:{column} {}",
                    said.split_once(&format!(":{line}:{column}: ")).map_or(&*said, |(_, rest)| rest)
                )
            })
            .collect()
    })
}

#[test]
fn notifications_have_a_profile_of_their_own() {
    let usual = parse(SMTP).unwrap();
    assert_eq!(usual.treatment.policy.profile, Profile::Notification);
    assert!(usual.treatment.policy.allowed.is_none() && usual.warnings.is_empty());
    assert_eq!(usual.gateway, Default::default());
    assert_eq!(
        (usual.gateway.mail.subject, usual.gateway.text.phi),
        (SubjectAction::Template, TextAction::Template)
    );
    let named = parse(&format!("{SMTP}[policy]\nprofile = \"logs\"\n")).unwrap();
    assert_eq!(named.treatment.policy.profile, Profile::Logs);
    let all = parse(&format!(
        "{SMTP}[mail]\nsubject = \"refuse\"\nattachments = \"strip\"\n[sms]\nphi = \"redact\"\ntemplate = \"Look: x\"\n\
         [notification]\ndry_run = true\ngreeting = true\nlinks = [\"https://p.example/m/{{id}}\"]\ntemplate_header = \"X-T\"\n\
         [[notification.template]]\nname = \"r\"\ntext = \"Your visit is on {{date}}.\"\n"
    ));
    let Pipeline { gateway, treatment, warnings, .. } = all.unwrap();
    assert_eq!(
        (gateway.mail.subject, gateway.mail.attachments),
        (SubjectAction::Refuse, AttachmentAction::Strip)
    );
    assert_eq!((gateway.text.phi, &*gateway.text.template), (TextAction::Redact, "Look: x"));
    assert!(gateway.mail.dry_run && gateway.text.dry_run);
    let allowed = treatment.policy.allowed.unwrap();
    assert!(allowed.greeting && allowed.links.len() == 1 && allowed.templates[0].name == "r");
    assert_eq!(warnings.len(), 1);
}

#[test]
fn what_goes_out_unseen_is_warned_of() {
    for (more, want) in [
        ("[notification]\ndry_run = true\n", "every notification goes out as it came"),
        ("[mail]\nattachments = \"allow\"\n", "go out unseen"),
        ("[mail]\nencrypted = \"allow\"\n", "goes out unseen"),
    ] {
        let warnings = parse(&format!("{SMTP}{more}")).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].to_string().contains(want), "{warnings:?}");
    }
    let open = SMTP.replace("127.0.0.1:10032", "0.0.0.0:10032");
    let login = "tls = \"starttls\"\nuser = \"u\"\npassword = \"env:P\"\n";
    assert_eq!(parse(&format!("{open}{login}")).unwrap().warnings.len(), 1);
    assert_eq!(parse(&format!("{SMTP}{login}")).unwrap().warnings.len(), 0);
}

#[test]
fn every_edge_is_understood() {
    let milter = parse("[source.milter]\nlisten = \"unix:run/m.sock\"\nmode = \"0600\"\n").unwrap();
    let SourceConfig::Milter(source) = milter.source else { panic!() };
    assert_eq!(source.listen, MilterListen::Unix { path: "dir/run/m.sock".into(), mode: 0o600 });
    assert_eq!(milter.sink, SinkConfig::Asker);

    let http = parse(&format!("{HTTP}provider = \"twilio\"\n")).unwrap();
    assert_eq!(http.sink.http().unwrap().upstream, "https://api.twilio.com");
    let own = "provider = \"twilio\"\n[[source.http.request]]\npath = \"/x/{tenant}\"\nbody = \"form\"\ntext = [\"$.t\"]\nkeep = [\"$.to\"]\n[sink.http]\nupstream = \"http://127.0.0.1:9/base\"\n";
    let http = parse(&format!("{HTTP}{own}")).unwrap();
    let SourceConfig::Http(source) = http.source else { panic!() };
    let roles: Vec<Role> = source.provider.requests[0].fields.iter().map(|(_, role)| *role).collect();
    assert_eq!(roles, [Role::Keep, Role::Text]);
    let asked = parse(&format!("{HTTP}api = true\n")).unwrap();
    assert_eq!(asked.sink, SinkConfig::Asker);
    let ses = parse(&format!("{HTTP}provider = \"ses\"\n[sink.http]\nregion = \"us-east-1\"\n")).unwrap();
    assert_eq!(ses.sink.http().unwrap().upstream, "https://email.us-east-1.amazonaws.com");

    let smpp = "[source.smpp]\nlisten = \"127.0.0.1:2775\"\nalphabet = \"latin1\"\ntrusted_tlvs = [\"0x1400\"]\n[sink.smpp]\nsmsc = \"s:2776\"\ntls = true\n";
    let SourceConfig::Smpp(source) = parse(smpp).unwrap().source else { panic!() };
    assert_eq!((source.alphabet, &source.trusted_tlvs[..]), (Alphabet::Latin1, &[0x1400][..]));
}

#[test]
fn what_does_not_fit_is_said() {
    let smtp = |more: &str| format!("{SMTP}{more}");
    let http = |more: &str| format!("{HTTP}{more}");
    let cases: Vec<(String, &str)> = vec![
        ("[source.stdin]\n[sink.stdout]\n[mail]\n".into(), "3:2 [mail] does not go with this source"),
        ("[source.stdin]\n[sink.stdout]\n[sms]\n".into(), "3:2 [sms] does not go with this source"),
        (smtp("[on_error]\naction = \"halt\"\n"), "6:10 a notification that cannot be scanned is refused"),
        (smtp("[codec]\nformat = \"json\"\n"), "6:10 `codec.format` does not go with this source"),
        (smtp("[policy]\nstamp = { field = \"f\" }\n"), "1:9 `policy.stamp` does not go with this source"),
        (smtp("[limits]\nmax_record_bytes = \"1 MiB\"\n"), "1:9 `limits.max_record_bytes` does not go"),
        (smtp("[mail]\nattachments = \"quarantine\"\n"), "5:2 attachments cannot go into quarantine"),
        (smtp("ca_file = \"ca.pem\"\n"), "5:11 `sink.smtp.ca_file` goes with TLS"),
        (SMTP.replace(":10028", ":10032"), "2:10 `sink.smtp.relay` is this proxy itself"),
        (
            SMTP.replace("[sink", "hostname = \"a b\"\n[sink"),
            "3:12 `source.smtp.hostname` must be the name of a host",
        ),
        (
            SMTP.replace("[sink", "max_message_bytes = \"9 MiB\"\nmemory_bytes = \"2 MiB\"\n[sink"),
            "2:10 `source.smtp.memory_bytes` is less",
        ),
        (
            smtp("[mail]\nsubject_template = \"\u{e4}\"\n"),
            "6:20 `mail.subject_template` must be printable ASCII",
        ),
        (smtp("[notification]\nlinks = [\"x\"]\n"), "6:10 `notification.links` must be a list of links"),
        (
            smtp("[[notification.template]]\nname = \"t\"\ntext = \"{a}\"\n"),
            "7:8 `notification.template.text` must be",
        ),
        (http(""), "2:10 no request would be let through"),
        (http("provider = \"acme\"\n"), "3:12 `source.http.provider` must be one that is known"),
        (http("provider = \"none.toml\"\n"), "3:12 `source.http.provider` must be one that is known"),
        (
            http("provider = \"twilio\"\nclient_ca_file = \"ca.pem\"\n"),
            "4:18 `client_ca_file` needs a certificate",
        ),
        (
            http("provider = \"twilio\"\n[sink.http]\nupstream = \"api\"\n"),
            "5:12 `sink.http.upstream` must be an address",
        ),
        (
            http("[[source.http.request]]\npath = \"x\"\n[sink.http]\nupstream = \"http://a\"\n"),
            "4:8 `source.http.request.path` must be the path",
        ),
        ("[source.milter]\nlisten = \"x\"\n".into(), "2:10 `source.milter.listen` must be an IP address"),
        (
            "[source.milter]\nlisten = \"127.0.0.1:1\"\nmode = \"9\"\n".into(),
            "3:8 `source.milter.mode` must be the mode",
        ),
        (
            "[source.milter]\nlisten = \"127.0.0.1:1\"\n[sink.stdout]\n".into(),
            "3:7 [source.milter] goes with no sink",
        ),
        (
            "[source.smpp]\nlisten = \"127.0.0.1:1\"\n[sink.smpp]\nsmsc = \"s\"\n".into(),
            "4:8 `sink.smpp.smsc` must be a host and a port",
        ),
        (
            "[source.smpp]\nlisten = \"127.0.0.1:1\"\ntrusted_tlvs = [\"14\"]\n[sink.smpp]\nsmsc = \"s:1\"\n"
                .into(),
            "3:17 `source.smpp.trusted_tlvs` must be tags",
        ),
    ];
    for (text, want) in cases {
        let found = parse(&text).expect_err(&text);
        assert!(found.len() == 1 && found[0].starts_with(want), "{text}\n{found:?}\n{want}");
    }
}
