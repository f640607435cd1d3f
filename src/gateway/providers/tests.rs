use super::*;
use crate::config::{PROVIDERS, builtin_provider};
use crate::gateway::{AttachmentAction, MailPolicy, SubjectAction, TextAction, TextPolicy};
use crate::keys::encoding::base64;
use crate::policy::{Allowed, Policy, Profile as Stance};

/// A number that is found wherever it stands, and must not go out.
const PLANTED: &str = "219-10-9999";
const JSON: &str = "application/json; charset=utf-8";

fn settings() -> Settings {
    let policy = Policy {
        profile: Stance::Notification,
        allowed: Some(std::sync::Arc::new(Allowed { greeting: true, ..Allowed::default() })),
        ..Policy::default()
    };
    Settings { policy, ..Settings::new() }
}

fn redacting() -> GatewayPolicy {
    GatewayPolicy {
        text: TextPolicy { phi: TextAction::Redact, ..TextPolicy::default() },
        mail: MailPolicy { subject: SubjectAction::Redact, ..MailPolicy::default() },
        ..GatewayPolicy::default()
    }
}

fn judge(provider: &str, policy: &GatewayPolicy, incoming: Incoming<'_>) -> Judged {
    let profile = Profile::new(builtin_provider(provider).unwrap(), &settings());
    profile.judge(policy, incoming, None, &mut Scratch::default())
}

fn post<'a>(path: &'a str, content_type: &'a str, body: &'a str) -> Incoming<'a> {
    Incoming { method: "POST", path, query: None, content_type, body: body.as_bytes() }
}

#[test]
fn every_provider_is_understood_and_refuses_in_its_own_words() {
    for (name, _) in PROVIDERS {
        let provider = builtin_provider(name).expect(name);
        assert_eq!(provider.name, *name);
        if provider.refusal.content_type == "application/json" {
            let body = provider.refusal.body.replace("{why}", "a reason");
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
        }
        assert!(*name == "generic" || !provider.requests.is_empty());
    }
}

/// What the official libraries send, with something planted in each field that holds text: provider, path, type, body, and what has
/// to be there afterwards.
#[test]
fn texts_are_scrubbed_and_addresses_stay() {
    let mail =
        base64(b"Subject: SSN 219-10-9999\r\nTo: pat@example.org\r\n\r\nSSN 219-10-9999, MRN 4471902\r\n");
    let attached = base64(b"name,ssn\r\nMaria Lopez,219-10-9999\r\n");
    let raw = format!(
        r#"{{"Content":{{"Raw":{{"Data":"{mail}"}}}},"Destination":{{"ToAddresses":["Pat <pat@example.org>"]}}}}"#
    );
    let sendgrid = format!(
        r#"{{"from":{{"email":"clinic@example.org"}},"personalizations":[{{"to":[{{"email":"maria.lopez@example.org","name":"Maria Lopez"}}],"dynamic_template_data":{{"first":"x","ssn":"SSN {PLANTED}"}}}}],"subject":"SSN {PLANTED}","template_id":"d-f43daeeaef504760851f727007e0b5d0","content":[{{"type":"text/plain","value":"Dear Maria Lopez,\nSSN {PLANTED}"}},{{"type":"text/html","value":"<p>SSN 219-<b>10</b>-9999</p>"}}],"attachments":[{{"content":"{attached}","type":"text/csv","filename":"SSN {PLANTED}.csv"}}]}}"#
    );
    let cases: Vec<(&str, &str, &str, String, Vec<&str>)> = vec![
        (
            "twilio",
            "/2010-04-01/Accounts/AC123/Messages.json",
            FORM,
            "To=%2B12125550187&From=%2B12125550100&Body=SSN+219-10-9999&ContentVariables=%7B%221%22%3A%22SSN+219-10-9999%22%7D".to_owned(),
            vec!["To=%2B12125550187&From=%2B12125550100&Body=SSN+%28SSN%29&"],
        ),
        (
            "sendgrid",
            "/v3/mail/send",
            JSON,
            sendgrid,
            vec![
                r#""email":"maria.lopez@example.org""#,
                r#""subject":"SSN [SSN]""#,
                r"Dear Maria Lopez,\nSSN [SSN]",
                "<p>SSN [SSN]<b></b></p>",
                r#""filename":"SSN [SSN].csv""#,
                "d-f43daeeaef504760851f727007e0b5d0",
            ],
        ),
        (
            "mailgun",
            "/v3/example.org/messages",
            FORM,
            "from=Clinic+%3Cclinic%40example.org%3E&to=pat%40example.org&subject=SSN+219-10-9999&text=SSN+219-10-9999&html=%3Cb%3E219%3C%2Fb%3E-10-9999+SSN".to_owned(),
            vec!["to=pat%40example.org", "subject=SSN+%5BSSN%5D"],
        ),
        (
            "postmark",
            "/email",
            JSON,
            format!(r#"{{"From":"clinic@example.org","To":"Pat <pat@example.org>","Subject":"SSN {PLANTED}","TextBody":"SSN {PLANTED}","HtmlBody":"<p title='SSN {PLANTED}'>x</p>","MessageStream":"outbound"}}"#),
            vec!["<pat@example.org>", r#""TextBody":"SSN [SSN]""#],
        ),
        ("ses", "/v2/email/outbound-emails", JSON, raw, vec!["pat@example.org"]),
        (
            "sns",
            "/",
            FORM,
            "Action=Publish&Version=2010-03-31&PhoneNumber=%2B12125550187&Message=SSN+219-10-9999&MessageAttributes.entry.1.Value.StringValue=SSN+219-10-9999&MessageAttributes.entry.2.Value.BinaryValue=RGVhciBNYXJpYSBMb3BleiwgeW91ciBTU04gaXMgMjE5LTEwLTk5OTk%3D".to_owned(),
            vec!["PhoneNumber=%2B12125550187&Message=SSN+%28SSN%29"],
        ),
        (
            "vonage",
            "/v1/messages",
            JSON,
            format!(r#"{{"to":"12125550187","from":"12125550100","channel":"sms","message_type":"text","text":"SSN {PLANTED}"}}"#),
            vec![r#""to":"12125550187""#, r#""text":"SSN (SSN)""#],
        ),
        (
            "sinch",
            "/xms/v1/plan/batches",
            JSON,
            format!(r#"{{"from":"12125550100","to":["12125550187"],"body":"SSN {PLANTED}","parameters":{{"ssn":{{"default":"SSN {PLANTED}"}}}}}}"#),
            vec![r#""to":["12125550187"]"#, r#""body":"SSN (SSN)""#],
        ),
        (
            "messagebird",
            "/messages",
            JSON,
            format!(r#"{{"originator":"Clinic","recipients":["12125550187"],"body":"SSN {PLANTED}"}}"#),
            vec![r#""recipients":["12125550187"]"#],
        ),
        (
            "fcm",
            "/v1/projects/p/messages:send",
            JSON,
            format!(r#"{{"message":{{"token":"abcDEF0123456789:token","notification":{{"title":"SSN {PLANTED}","body":"SSN {PLANTED}"}},"data":{{"k":"SSN {PLANTED}"}}}}}}"#),
            vec![r#""token":"abcDEF0123456789:token""#],
        ),
        (
            "apns",
            "/3/device/00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0",
            FORM,
            format!(r#"{{"aps":{{"alert":{{"title":"SSN {PLANTED}","body":"SSN {PLANTED}"}},"badge":9}},"ssn":"SSN {PLANTED}"}}"#),
            vec![r#""badge":9"#],
        ),
        (
            "slack",
            "/services/T0/B0/xyz",
            JSON,
            format!(r#"{{"text":"SSN {PLANTED}","blocks":[{{"type":"section","text":{{"type":"mrkdwn","text":"SSN {PLANTED}"}}}}]}}"#),
            vec![r#""text":"SSN [SSN]""#, r#""type":"mrkdwn""#],
        ),
    ];
    for (provider, path, content_type, body, wanted) in cases {
        let judged = judge(provider, &redacting(), post(path, content_type, &body));
        assert_eq!(judged.refused, None, "{provider}");
        let out = String::from_utf8(judged.body.expect(provider)).unwrap();
        assert!(!out.contains(PLANTED) && !out.contains("219"), "{provider}: {out}");
        // Nor in what is base64 in it.
        for word in
            out.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)).filter(|w| w.len() > 40)
        {
            let mut bytes =
                vec![0; word.len() / 4 * 3 - word.chars().rev().take_while(|c| *c == '=').count()];
            if crate::keys::encoding::unbase64(word.as_bytes(), &mut bytes) {
                assert!(!String::from_utf8_lossy(&bytes).contains("219-10"), "{provider}: {out}");
            }
        }
        for part in wanted {
            assert!(out.contains(part), "{provider}: no {part} in {out}");
        }
        // What went out is clean.
        let again = judge(provider, &redacting(), post(path, content_type, &out));
        assert_eq!((again.refused, again.body), (None, None), "{provider}: {out}");
    }
}

#[test]
fn a_request_without_phi_is_as_it_was() {
    let body = "To=%2B12125550187&From=%2B12125550100&Body=The+clinic+opens+at+nine&a+b=%7e";
    let judged = judge("twilio", &redacting(), post("/2010-04-01/Accounts/AC123/Messages.json", FORM, body));
    assert!(judged.body.is_none() && judged.refused.is_none() && judged.findings.sum() == 0);
    assert_eq!((judged.tenant.as_deref(), judged.is_message), (Some("AC123"), true));
}

#[test]
fn the_policy_says_what_becomes_of_texts() {
    let path = "/2010-04-01/Accounts/AC123/Messages.json";
    let body = "To=%2B12125550187&Body=SSN+219-10-9999";
    let with = |phi, dry_run| GatewayPolicy {
        text: TextPolicy { phi, dry_run, ..TextPolicy::default() },
        ..GatewayPolicy::default()
    };
    let judged = judge("twilio", &with(TextAction::Template, false), post(path, FORM, body));
    let out = String::from_utf8(judged.body.unwrap()).unwrap();
    assert_eq!(out, "To=%2B12125550187&Body=You+have+a+new+message.+Sign+in+to+read+it.");
    let judged = judge("twilio", &with(TextAction::Refuse, false), post(path, FORM, body));
    assert_eq!((judged.refused, judged.body), (Some("it holds what may not go out"), None));
    // What is filled into a template counts, too.
    let filled = "To=%2B12125550187&ContentVariables=%7B%221%22%3A%22SSN+219-10-9999%22%7D";
    let judged = judge("twilio", &with(TextAction::Refuse, false), post(path, FORM, filled));
    assert_eq!(judged.refused, Some("it holds what may not go out"));
    let judged = judge("twilio", &with(TextAction::Refuse, true), post(path, FORM, body));
    assert_eq!((judged.refused, judged.overlooked), (None, Some("it holds what may not go out")));
    assert!(judged.body.is_none() && judged.findings.sum() == 1);
}

#[test]
fn what_is_not_known_is_refused() {
    let known = "/2010-04-01/Accounts/AC123/Messages.json";
    let plain = redacting();
    let json = r#"{"Body":"hello"}"#;
    let cases: [(Incoming<'_>, Option<&str>); 14] = [
        (post("/2010-04-01/Accounts/AC123/Calls.json", FORM, "Twiml=hello"), Some(UNKNOWN)),
        (post("/2010-04-01/Accounts/AC123/Messages%2Ejson", FORM, "Body=hello"), Some(UNKNOWN)),
        (post(known, "application/octet-stream", "hello"), Some(OTHER_TYPE)),
        (post(known, "text/plain", "hello"), Some(OTHER_TYPE)),
        (post(known, JSON, "Body=SSN+219%2D10%2D9999"), Some(NO_JSON)),
        (post(known, JSON, "{\"Body\":\"hello\"} {}"), Some(NO_JSON)),
        (post(known, FORM, "Body=%ff"), Some(NOT_UTF_8)),
        (post(known, FORM, "Body=%f"), Some(NOT_UTF_8)),
        (
            post(known, "multipart/form-data; boundary=b", "--c\r\n"),
            Some("its parts can be read in more than one way"),
        ),
        (post(known, FORM, "Body=hello"), None),
        (post(known, JSON, json), None),
        (
            Incoming {
                method: "GET",
                body: b"",
                query: Some("To=%2B12125550187&DateSent=2026-03-05"),
                ..post(known, "", "")
            },
            None,
        ),
        (
            Incoming { method: "GET", body: b"", query: Some("Body=SSN+219-10-9999"), ..post("/x", "", "") },
            Some(IN_QUERY),
        ),
        (Incoming { method: "DELETE", body: b"", ..post(known, "", "") }, None),
    ];
    for (incoming, want) in cases {
        let judged = judge("twilio", &plain, incoming);
        assert_eq!(judged.refused, want, "{} {}", incoming.path, String::from_utf8_lossy(incoming.body));
    }
}

#[test]
fn a_query_is_read_like_a_form() {
    let incoming = Incoming {
        method: "GET",
        query: Some("api_key=abc&to=12125550187&text=SSN+219-10-9999"),
        ..post("/sms/json", "", "")
    };
    let judged = judge("vonage", &redacting(), incoming);
    assert_eq!(judged.query.as_deref(), Some("api_key=abc&to=12125550187&text=SSN+%28SSN%29"));
}

#[test]
fn files_of_a_form_are_read_as_parts_of_a_mail() {
    let head = "Content-Disposition: form-data; name=\"text\"\r\n\r\n";
    let body = |file: &str| format!("--b\r\n{head}SSN 219-10-9999\r\n--b\r\n{file}\r\n--b--\r\n");
    let csv = "Content-Disposition: form-data; name=\"attachment\"; filename=\"SSN 219-10-9999.csv\"\r\nContent-Type: text/csv\r\n\r\nname,ssn\r\nx,219-10-9999";
    let picture = "Content-Disposition: form-data; name=\"attachment\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\u{89}PNG";
    let of = "multipart/form-data; boundary=b";
    let path = "/v3/example.org/messages";
    let judged = judge("mailgun", &redacting(), post(path, of, &body(csv)));
    let out = String::from_utf8(judged.body.unwrap()).unwrap();
    assert!(
        !out.contains(PLANTED) && out.contains("SSN [SSN].csv") && out.contains("x,[SSN]\r\n--b--"),
        "{out}"
    );
    let judged = judge("mailgun", &redacting(), post(path, of, &body(picture)));
    assert_eq!(judged.refused, Some("an attachment is no text, and cannot be scanned"));
    let mime = "Content-Disposition: form-data; name=\"message\"; filename=\"m.eml\"\r\nContent-Type: message/rfc822\r\n\r\nSubject: SSN 219-10-9999\r\n\r\nSSN 219-10-9999";
    let judged = judge("mailgun", &redacting(), post("/v3/example.org/messages.mime", of, &body(mime)));
    let out = String::from_utf8(judged.body.unwrap()).unwrap();
    assert!(!out.contains(PLANTED) && out.contains("Subject: SSN [SSN]"), "{out}");
}

#[test]
fn attachments_follow_the_policy() {
    let picture = base64(b"\x89PNG\r\n\x1a\n");
    let body = format!(
        r#"{{"subject":"note","content":[{{"type":"text/plain","value":"hello"}}],"attachments":[{{"content":"{picture}","type":"image/png","filename":"a.png"}}]}}"#
    );
    let with = |attachments| GatewayPolicy {
        mail: MailPolicy { attachments, ..MailPolicy::default() },
        ..GatewayPolicy::default()
    };
    let run = |attachments| judge("sendgrid", &with(attachments), post("/v3/mail/send", JSON, &body));
    assert_eq!(
        run(AttachmentAction::Refuse).refused,
        Some("an attachment is no text, and cannot be scanned")
    );
    let allowed = run(AttachmentAction::Allow);
    assert_eq!((allowed.refused, allowed.body), (None, None));
    for (action, keep) in [(AttachmentAction::Strip, false), (AttachmentAction::Quarantine, true)] {
        let judged = run(action);
        let out = String::from_utf8(judged.body.unwrap()).unwrap();
        assert!(out.contains(&base64(b"[ATTACHMENT REMOVED]")) && !out.contains(&picture), "{out}");
        assert_eq!(judged.keep, keep);
    }
}

#[test]
fn a_number_is_a_text_as_well() {
    let body = r#"{"to":"12125550187","from":"1","text":219109999,"channel":"sms"}"#;
    let judged = judge("vonage", &redacting(), post("/v1/messages", JSON, body));
    let out = judged.body.map(|b| String::from_utf8(b).unwrap());
    // A bare number tells nothing; what matters is that it was looked at like the text it is.
    assert!(judged.refused.is_none(), "{out:?}");
    let body = r#"{"to":"12125550187","text":{"ssn":219109999}}"#;
    let judged = judge("vonage", &redacting(), post("/v1/messages", JSON, body));
    assert!(!String::from_utf8(judged.body.unwrap()).unwrap().contains("219109999"));
}

#[test]
fn markup_and_addresses_are_read_where_no_list_says_so() {
    let split = "<p>SSN 219-<b>10</b>-9999</p>";
    let content = r#""content":[{"type":"text/plain","value":"hello"}]"#;
    let sendgrid = |field: &str| match field.starts_with("\"content\"") {
        true => format!(r#"{{"subject":"note",{field}}}"#),
        false => format!(r#"{{"subject":"note",{field},{content}}}"#),
    };
    let calendar = r#""content":[{"type":"text/calendar","value":"BEGIN:VCALENDAR\r\nSUMMARY:SSN 219-10\r\n -9999\r\nEND:VCALENDAR\r\n"}]"#;
    let html = base64(format!("<html><body>{split}</body></html>").as_bytes());
    let cases: Vec<String> = vec![
        sendgrid(&format!(r#""personalizations":[{{"dynamic_template_data":{{"a":"{split}"}}}}]"#)),
        sendgrid(&format!(r#""sections":{{"a":"MRN&#58; 4471902 {split}"}}"#)),
        sendgrid(&format!(r#""sections":{{"type":"text/plain","a":"{split}"}}"#)),
        sendgrid(calendar),
        sendgrid(&format!(r#""attachments":[{{"content":"{html}","filename":"notes.html"}}]"#)),
        sendgrid(r#""from":{"email":"\"Maria Lopez SSN 219-10-9999\" <clinic@example.org>"}"#),
    ];
    for body in &cases {
        let judged = judge("sendgrid", &redacting(), post("/v3/mail/send", JSON, body));
        let out =
            String::from_utf8(judged.body.unwrap_or_else(|| panic!("{body}: {:?}", judged.refused))).unwrap();
        assert!(
            !out.contains("219") && !out.contains("9999") && !out.contains("4471902") && !out.contains(&html),
            "{out}"
        );
    }
    let bulk = format!(
        r#"{{"DefaultContent":{{"Template":{{"TemplateContent":{{"Subject":"SSN {PLANTED}","Html":"{split}"}},"Attachments":[{{"RawContent":"{html}","ContentType":"text/html"}}]}}}}}}"#
    );
    let judged = judge("ses", &redacting(), post("/v2/email/outbound-bulk-emails", JSON, &bulk));
    let out = String::from_utf8(judged.body.unwrap()).unwrap();
    assert!(!out.contains("219") && !out.contains("9999") && !out.contains(&html), "{out}");
}

#[test]
fn what_stays_must_tell_of_nobody() {
    let path = "/2010-04-01/Accounts/AC123/Messages.json";
    for (body, refused) in [
        ("To=%2B1+212+555+0187&Body=hello", None),
        ("To=whatsapp%3A%2B12125550187&Body=hello", None),
        ("To=%2B1;Body=SSN+219-10-9999", Some("an address or a setting holds what may not go out")),
        (
            "To=%2B12125550187&MediaUrl=https%3A%2F%2Fimages.example%2Fmaria-lopez.png",
            Some("it links to what is not among the links that are allowed"),
        ),
    ] {
        assert_eq!(judge("twilio", &redacting(), post(path, FORM, body)).refused, refused, "{body}");
    }
}

#[test]
fn a_type_that_is_said_twice_is_refused() {
    let body = r#"{"content":[{"type":"text/html","value":"SSN 219-<b>10</b>-9999"}],"content":[{"type":"text/plain","value":"hello"}]}"#;
    let judged = judge("sendgrid", &redacting(), post("/v3/mail/send", JSON, body));
    assert_eq!(judged.refused, Some("a type is said twice: it can be read in more than one way"));
}
