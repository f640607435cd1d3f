//! FHIR R4 AuditEvent resources.

use serde_json::{Value, json};

use super::super::event::Event;
use super::super::line::Record;
use super::address;
use crate::keys::encoding::hex;

/// The code system of DICOM PS3.16, CID 400 and on, which FHIR names for types of audit events.
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// The resource, of an entry that discloses something.
pub(super) fn audit_event(record: &Record) -> Option<Value> {
    let (entry, actor) = (&record.entry, &record.entry.actor);
    if !entry.event.discloses() {
        return None;
    }
    let (code, display) = ("110110", "Patient Record");
    let mut subtype = vec![json!({ "code": entry.event.name(), "display": entry.event.about() })];
    if entry.event == Event::BreakGlass {
        let emergency = "Emergency Override Started";
        subtype.push(json!({ "system": DICOM, "code": "110127", "display": emergency }));
    }
    // 0 success; 4 minor failure, such as a refusal; 8 serious failure.
    let outcome = match entry.outcome.name() {
        "ok" => "0",
        "refused" => "4",
        _ => "8",
    };
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": hex(&record.hash),
        "type": { "system": DICOM, "code": code, "display": display },
        "subtype": subtype,
        "action": "R",
        "recorded": record.time(),
        "outcome": outcome,
        "agent": agents(record),
        "source": {
            "observer": { "display": actor.host.as_deref().unwrap_or("unknown") },
            "type": [{ "system": SOURCE_TYPE, "code": "4", "display": "Application Server" }],
        },
        "entity": entities(record),
    });
    let members = event.as_object_mut()?;
    if let Some(reason) = entry.outcome.reason() {
        members.insert("outcomeDesc".to_owned(), json!(reason));
    }
    let mut purpose = entry.purpose.as_ref().map(|p| json!({ "text": p }));
    if entry.event == Event::BreakGlass {
        let coding = json!([{ "system": ACT_REASON, "code": "BTG", "display": "break the glass" }]);
        purpose.get_or_insert_with(|| json!({}))["coding"] = coding;
    }
    members.extend(purpose.map(|p| ("purposeOfEvent".to_owned(), json!([p]))));
    Some(event)
}

/// Who asked, and who approved.
fn agents(record: &Record) -> Vec<Value> {
    let actor = &record.entry.actor;
    let mut agent = json!({ "who": { "identifier": { "value": actor.shown() } }, "requestor": true });
    if let Some(user) = &actor.user {
        agent["altId"] = json!(user);
    }
    // 1 is the name of a machine, 2 an IP address.
    agent["network"] = match (address(record), &actor.host) {
        (Some(ip), _) => json!({ "address": ip.to_string(), "type": "2" }),
        (None, host) => json!({ "address": host.as_deref().unwrap_or("unknown"), "type": "1" }),
    };
    let approver = record.entry.what.approver.as_ref();
    let approver = approver.map(|a| json!({ "who": { "identifier": { "value": a } }, "requestor": false }));
    [agent].into_iter().chain(approver).collect()
}

/// What was disclosed: tokens, or what there is to say about them all. An entity has a name or a query, not both; and a
/// detail is never a value.
fn entities(record: &Record) -> Vec<Value> {
    let what = &record.entry.what;
    let kinds = what.kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join(",");
    let count = what.count.map(|n| n.to_string());
    let details =
        [("count", count), ("kinds", (!kinds.is_empty()).then_some(kinds)), ("tenant", what.tenant.clone())];
    let details = details.into_iter().filter_map(|(n, v)| Some(json!({ "type": n, "valueString": v? })));
    let details = details.collect::<Vec<_>>();
    let entity = || {
        json!({
            "type": { "system": ENTITY_TYPE, "code": "2", "display": "System Object" },
            "role": { "system": OBJECT_ROLE, "code": "4", "display": "Domain Resource" },
        })
    };
    let tokens = what.tokens.iter().map(|token| {
        let mut of_token = entity();
        of_token["what"] = json!({ "identifier": { "value": token } });
        of_token
    });
    let mut all = tokens.collect::<Vec<_>>();
    if !details.is_empty() || what.object.is_some() {
        let mut whole = entity();
        if let Some(object) = &what.object {
            whole["name"] = json!(object);
        }
        if !details.is_empty() {
            whole["detail"] = json!(details);
        }
        all.push(whole);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::line::tests::full;
    use super::super::tests::record;
    use super::*;
    use crate::audit::{Actor, Entry, Outcome};

    #[test]
    fn a_reveal_as_an_audit_event() {
        let event = audit_event(&record(full())).unwrap();
        for (path, value) in [
            ("/resourceType", json!("AuditEvent")),
            ("/type/code", json!("110110")),
            ("/action", json!("R")),
            ("/recorded", json!("2026-01-02T03:04:05.678Z")),
            ("/outcome", json!("4")),
            ("/outcomeDesc", json!("no approval")),
            ("/agent/0/who/identifier/value", json!("ana")),
            ("/agent/0/requestor", json!(true)),
            ("/agent/0/network", json!({ "address": "192.0.2.7", "type": "2" })),
            ("/agent/1/who/identifier/value", json!("bo")),
            ("/source/observer/display", json!("vault-1")),
            ("/entity/0/what/identifier/value", json!("mrn.7Q2k")),
            ("/entity/2/detail/1", json!({ "type": "kinds", "valueString": "mrn,name" })),
        ] {
            assert_eq!(event.pointer(path), Some(&value), "{path}");
        }
        assert!(event["purposeOfEvent"][0]["text"].as_str().unwrap().starts_with("billing"));
    }

    #[test]
    fn breaking_the_glass_is_coded() {
        let glass = Entry::new(Event::BreakGlass, Actor::default());
        let event = audit_event(&record(glass)).unwrap();
        assert_eq!(event.pointer("/purposeOfEvent/0/coding/0/code"), Some(&json!("BTG")));
        assert_eq!(event.pointer("/subtype/1/code"), Some(&json!("110127")));
        assert_eq!(event["outcome"], "0");
        let failed = Entry {
            outcome: Outcome::failed("no key"),
            ..Entry::new(Event::QuarantineOpen, Actor::default())
        };
        let event = audit_event(&record(failed)).unwrap();
        assert_eq!((&event["outcome"], event.pointer("/type/code")), (&json!("8"), Some(&json!("110110"))));
        assert_eq!(event.get("purposeOfEvent"), None);
        assert_eq!(audit_event(&record(Entry::new(Event::KeyRotate, Actor::default()))), None);
    }
}
