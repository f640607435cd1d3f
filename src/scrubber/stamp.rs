//! Says on each record what was done to it: the profile, its version and a hash of the policy.

use crate::policy::Policy;

/// Where the stamp goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StampPlace {
    /// A Kafka header, behind those that the record has.
    Header(String),
    /// A member of a JSON record, behind all others: of two of one name readers take the last. Records that are no JSON object get none.
    Field(String),
}

/// A stamp, ready to be put on records.
#[derive(Clone, Debug)]
pub struct Stamp {
    place: StampPlace,
    text: String,
    /// The member as it is put into an object, without a comma.
    member: Vec<u8>,
}

impl Stamp {
    /// A stamp of what this policy does: `safe-harbor/3 sha256:` and 16 hexadecimal digits.
    pub fn new(place: StampPlace, policy: &Policy) -> Stamp {
        let profile = policy.profile;
        let text = format!("{}/{} sha256:{}", profile.name(), profile.version(), policy.fingerprint());
        let member = match &place {
            StampPlace::Field(name) => format!("{}:\"{text}\"", serde_json::Value::from(name.as_str())),
            StampPlace::Header(_) => String::new(),
        };
        Stamp { place, text, member: member.into_bytes() }
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Name and value of the header, if it is one.
    pub(super) fn header(&self) -> Option<(&[u8], &[u8])> {
        match &self.place {
            StampPlace::Header(name) => Some((name.as_bytes(), self.text.as_bytes())),
            StampPlace::Field(_) => None,
        }
    }

    /// What is put into a record, and where: before the bracket that closes a JSON object. `None` if it goes elsewhere, or stands
    /// there already.
    pub(super) fn member(&self, payload: &[u8]) -> Option<(usize, Vec<u8>)> {
        if self.member.is_empty() {
            return None;
        }
        let inside = payload.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?.trim_ascii();
        if inside.ends_with(&self.member) || !matches!(inside.first(), None | Some(b'"')) {
            return None;
        }
        let comma: &[u8] = if inside.is_empty() { b"" } else { b"," };
        Some((payload.trim_ascii_end().len() - 1, [comma, &self.member].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(payload: &str) -> Option<String> {
        let stamp = Stamp::new(StampPlace::Field("_by".into()), &Policy::default());
        let (at, member) = stamp.member(payload.as_bytes())?;
        let out = [&payload.as_bytes()[..at], &member, &payload.as_bytes()[at..]].concat();
        Some(String::from_utf8(out).unwrap().replace(stamp.text(), "X"))
    }

    #[test]
    fn objects_get_a_member() {
        for (payload, want) in [
            (r#"{"a":1}"#, Some(r#"{"a":1,"_by":"X"}"#)),
            (r#" { "a":1 }"#, Some(r#" { "a":1 ,"_by":"X"}"#)),
            ("{}", Some(r#"{"_by":"X"}"#)),
            ("{ }\n", Some("{ \"_by\":\"X\"}\n")),
            // Whoever writes it first does not have the last word.
            (r#"{"_by":"Y","a":1}"#, Some(r#"{"_by":"Y","a":1,"_by":"X"}"#)),
            (r#"{"a":1"#, None),
            ("[1]", None),
            ("plain", None),
            ("{plain}", None),
            ("", None),
            ("{", None),
        ] {
            assert_eq!(stamped(payload).as_deref(), want, "{payload}");
        }
        let once = stamped(r#"{"a":1}"#).unwrap();
        let stamp = Stamp::new(StampPlace::Field("_by".into()), &Policy::default());
        assert_eq!(stamp.member(once.replace('X', stamp.text()).as_bytes()), None, "a second time");
        assert_eq!(Stamp::new(StampPlace::Header("h".into()), &Policy::default()).member(b"{}"), None);
    }

    #[test]
    fn names_are_escaped() {
        let stamp = Stamp::new(StampPlace::Field("a\"b".into()), &Policy::default());
        assert!(stamp.member(b"{}").unwrap().1.starts_with(br#""a\"b":"logs/1 sha256:"#));
    }
}
