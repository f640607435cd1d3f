//! OCSF events: reveals and everything about the vault are API Activity, keys and policies Entity Management, sign-ons
//! Authentication.

use serde_json::{Map, Value, json};

use super::super::event::Event;
use super::super::line::Record;
use super::address;
use crate::keys::encoding::hex;

/// The version of the schema. Only attributes are used that it has had since 1.3.
const VERSION: &str = "1.9.0";

/// A class and an activity of it, by their numbers in the schema.
#[derive(Clone, Copy)]
enum Class {
    /// 6003: create 1, read 2, update 3, delete 4.
    Api(u32, &'static str),
    /// 3004: create 1, read 2, update 3, delete 4; the type of the entity.
    Entity(u32, &'static str, &'static str),
    /// 3002: logon 1, logoff 2.
    Authentication(u32, &'static str),
}

fn class(event: Event) -> Class {
    use Class::{Api, Authentication, Entity};
    const KEY: &str = "encryption key";
    match event {
        Event::PolicyLoad => Entity(3, "Update", "policy"),
        Event::KeyGenerate => Entity(1, "Create", KEY),
        Event::KeyRotate | Event::KeyRetire | Event::KeyRewrap => Entity(3, "Update", KEY),
        Event::KeyDestroy => Entity(4, "Delete", KEY),
        Event::VaultReveal
        | Event::VaultRevealBulk
        | Event::BreakGlass
        | Event::QuarantineOpen
        | Event::VaultBackup
        | Event::AuditExport => Api(2, "Read"),
        Event::VaultRestore | Event::AuditRecover | Event::ApprovalGrant => Api(3, "Update"),
        Event::VaultExpire | Event::VaultDelete | Event::AuditPrune => Api(4, "Delete"),
        Event::ApprovalRequest | Event::AuditRotate | Event::VaultInit => Api(1, "Create"),
        Event::Login => Authentication(1, "Logon"),
    }
}

/// Informational 1, low 2, medium 3, high 4.
fn severity(record: &Record) -> (u32, &'static str) {
    let refused = record.entry.outcome.reason().is_some();
    match record.entry.event {
        Event::BreakGlass => (4, "High"),
        Event::KeyDestroy => (3, "Medium"),
        _ if refused => (3, "Medium"),
        Event::VaultRevealBulk | Event::AuditPrune | Event::AuditRecover => (2, "Low"),
        _ => (1, "Informational"),
    }
}

/// The event.
pub(super) fn event(record: &Record) -> Value {
    let entry = &record.entry;
    let (class, what) = (class(entry.event), &entry.what);
    let (class_uid, class_name, category_uid, category, activity, activity_name) = match class {
        Class::Api(id, name) => (6003, "API Activity", 6, "Application Activity", id, name),
        Class::Entity(id, name, _) => {
            (3004, "Entity Management", 3, "Identity & Access Management", id, name)
        }
        Class::Authentication(id, name) => {
            (3002, "Authentication", 3, "Identity & Access Management", id, name)
        }
    };
    let (severity_id, severity) = severity(record);
    let ok = entry.outcome.reason().is_none();
    let user = user(record);
    let mut event = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_name": category,
        "category_uid": category_uid,
        "class_name": class_name,
        "class_uid": class_uid,
        "type_name": format!("{class_name}: {activity_name}"),
        "type_uid": class_uid * 100 + activity,
        "severity": severity,
        "severity_id": severity_id,
        "status": if ok { "Success" } else { "Failure" },
        "status_id": if ok { 1 } else { 2 },
        "time": record.time_ms,
        "message": entry.event.about(),
        "metadata": {
            "version": VERSION,
            "uid": hex(&record.hash),
            "sequence": record.seq,
            "event_code": entry.event.name(),
            "log_name": "audit",
            "original_time": record.time(),
            "product": {
                "name": "Scrubjay",
                "vendor_name": "Scrubjay",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "actor": { "user": user },
        "src_endpoint": endpoint(record),
    });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = event.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if let Some(reason) = entry.outcome.reason() {
        put("status_detail", reason.into());
    }
    match class {
        Class::Api(..) => {
            put("api", json!({ "operation": entry.event.name(), "service": { "name": "scrubjay" } }));
            let tokens = what.tokens.iter().map(|t| json!({ "uid": t, "type": "token" }));
            let object = what.object.iter().map(|o| json!({ "name": o, "type": "object" }));
            let resources = tokens.chain(object).collect::<Vec<_>>();
            if !resources.is_empty() {
                put("resources", resources.into());
            }
        }
        Class::Entity(_, _, kind) => {
            let name = what.object.as_deref().or(what.key.as_deref()).unwrap_or(kind);
            let versions = what.key_versions.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let mut entity = json!({ "name": name, "type": kind });
            if let Some(entity) = entity.as_object_mut() {
                entity.extend(what.key.iter().map(|k| ("uid".to_owned(), json!(k))));
                entity.extend((!versions.is_empty()).then(|| ("version".to_owned(), json!(versions))));
            }
            put("entity", entity);
            if let Some(purpose) = &entry.purpose {
                put("comment", json!(purpose));
            }
        }
        Class::Authentication(..) => put("user", user.clone()),
    }
    let rest = unmapped(record);
    if !rest.is_empty() {
        put("unmapped", Value::Object(rest));
    }
    event
}

/// What the schema has no attribute for.
fn unmapped(record: &Record) -> Map<String, Value> {
    let (entry, what) = (&record.entry, &record.entry.what);
    let kinds = what.kinds.iter().map(|k| k.name()).collect::<Vec<_>>();
    let all = [
        ("purpose", entry.purpose.as_ref().map(|p| json!(p))),
        ("kinds", (!kinds.is_empty()).then(|| json!(kinds))),
        ("count", what.count.map(|n| json!(n))),
        ("tenant", what.tenant.as_ref().map(|t| json!(t))),
        ("approver", what.approver.as_ref().map(|a| json!(a))),
        ("digest", what.digest.map(|d| json!(hex(&d)))),
        ("tty", entry.actor.tty.as_ref().map(|t| json!(t))),
        ("login_uid", entry.actor.login_uid.map(|uid| json!(uid))),
        ("clock_behind_ms", record.clock_behind_ms.map(|ms| json!(ms))),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The operator's id is the user's, where there is one; the system's user name is a name.
fn user(record: &Record) -> Value {
    let actor = &record.entry.actor;
    let uid = actor.operator.clone().or_else(|| actor.uid.map(|uid| uid.to_string()));
    let mut user = Map::new();
    user.insert("name".to_owned(), json!(actor.user.clone().unwrap_or_else(|| actor.shown())));
    user.extend(uid.map(|uid| ("uid".to_owned(), json!(uid))));
    Value::Object(user)
}

/// Where the actor came from; the host of the program, where from nowhere else.
fn endpoint(record: &Record) -> Value {
    let host = record.entry.actor.host.as_deref().unwrap_or("unknown");
    match address(record) {
        Some(ip) => json!({ "ip": ip.to_string() }),
        None => json!({ "hostname": host }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::line::tests::full;
    use super::super::tests::record;
    use super::*;
    use crate::audit::{Actor, Entry};

    #[test]
    fn a_reveal_is_api_activity() {
        let event = event(&record(full()));
        for (path, value) in [
            ("/class_uid", json!(6003)),
            ("/type_uid", json!(600_302)),
            ("/activity_id", json!(2)),
            ("/severity_id", json!(3)),
            ("/status_id", json!(2)),
            ("/status_detail", json!("no approval")),
            ("/time", json!(1_767_323_045_678u64)),
            ("/metadata/version", json!("1.9.0")),
            ("/metadata/sequence", json!(7)),
            ("/actor/user", json!({ "name": "svc", "uid": "ana" })),
            ("/api/operation", json!("vault_reveal")),
            ("/src_endpoint", json!({ "ip": "192.0.2.7" })),
            ("/resources/0", json!({ "uid": "mrn.7Q2k", "type": "token" })),
            ("/unmapped/approver", json!("bo")),
        ] {
            assert_eq!(event.pointer(path), Some(&value), "{path}");
        }
    }

    #[test]
    fn a_rotation_is_entity_management() {
        let event = event(&record(Entry { event: Event::KeyRotate, ..full() }));
        assert_eq!(event["class_uid"], 3004);
        assert_eq!(event["type_uid"], 300_403);
        let entity =
            json!({ "name": "request 12", "type": "encryption key", "uid": "north/vault", "version": "2,3" });
        assert_eq!(event["entity"], entity);
        assert!(event["comment"].as_str().unwrap().starts_with("billing"));
    }

    /// What the schema requires of each class must be there, whatever the entry says.
    #[test]
    fn what_is_required_is_there() {
        for kind in Event::ALL {
            for entry in [Entry { event: *kind, ..full() }, Entry::new(*kind, Actor::default())] {
                let event = event(&record(entry));
                let class: &[&str] = match event["class_uid"].as_u64() {
                    Some(6003) => &["actor", "api", "src_endpoint"],
                    Some(3004) => &["entity"],
                    Some(3002) => &["user"],
                    _ => panic!("{kind:?}"),
                };
                let all = ["activity_id", "category_uid", "metadata", "severity_id", "time", "type_uid"];
                for name in all.iter().chain(class) {
                    assert!(!event[name].is_null(), "{kind:?}: {name}");
                }
                assert_eq!(
                    event["type_uid"].as_u64().unwrap(),
                    event["class_uid"].as_u64().unwrap() * 100 + event["activity_id"].as_u64().unwrap()
                );
                assert_eq!(event["category_uid"].as_u64(), event["class_uid"].as_u64().map(|c| c / 1000));
            }
        }
    }
}
