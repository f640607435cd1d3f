//! Records of a shape that was seen before: no walk, and no look at values in which nothing was found before.

use std::mem;

use super::exempt;
use super::leaves::remember;
use super::part::{PartScrubber, Scratch, Unreadable};
use crate::codec::{Codec, CodecScratch, Format, Shapes};
use crate::detect::Values;
use crate::kind::Kind;
use crate::transform::may_hold_tokens;

/// A worker's memory of what repeats itself.
#[derive(Default)]
pub(super) struct Repeats {
    /// The scrubber that it is good for: another one may find more.
    scrubber: u64,
    shapes: Shapes,
    values: Values,
}

impl Repeats {
    /// From here on serves this scrubber.
    pub(super) fn serve(&mut self, scrubber: u64) {
        if self.scrubber != scrubber {
            *self = Repeats { scrubber, ..Repeats::default() };
        }
    }
}

impl PartScrubber<'_> {
    /// Decides on the edits of a whole payload by its shape, as [`PartScrubber::walk`] would; whether a rule says to drop the
    /// record, or `None` if it has no known shape.
    pub(super) fn by_shape(
        &self,
        codec: &Codec,
        bytes: &[u8],
        scratch: &mut Scratch,
        findings: &mut [u64; Kind::COUNT],
    ) -> Result<Option<bool>, Unreadable> {
        let Scratch { repeats: Repeats { shapes, values, .. }, leaf: leaf_scratch, edits, whose, .. } =
            scratch;
        if codec.format == Format::Plain || !shapes.read(bytes) {
            return Ok(None);
        }
        edits.clear();
        whose.begin_payload();
        let leaves = self.leaves();
        let mut dropped = false;
        let mut time_seen = !self.settings.policy.profile.keeps_logs_useful();
        for value in (0..).map_while(|i| shapes.value(i)) {
            let leaf = &shapes.leaf(value, bytes);
            if let Some(keys) = &self.settings.keys {
                whose.look(keys, leaf);
            }
            let event_time = !time_seen && exempt::is_event_time(leaf);
            time_seen |= event_time;
            let place = value.place << 1 | u64::from(event_time);
            // What a name before this value says of it, however it is written, no other record says.
            let by_itself = leaf_scratch.known.is_empty() && !leaves.may_refuse(leaf);
            if by_itself && values.is_silent(leaf, place, &mut leaf_scratch.detect) {
                continue;
            }
            leaves.settle(leaf, None, event_time, true, leaf_scratch)?;
            if !leaf_scratch.decided.is_empty() {
                let count = |kind: Kind, _| findings[kind as usize] += 1;
                dropped |= edits.add(leaf, leaf_scratch, self.settings.this_year, count);
                if let Some(keys) = &self.settings.keys {
                    whose.found(keys, leaf, &leaf_scratch.decided);
                }
                remember(&self.settings.engine, leaf.text, leaf_scratch);
            } else if by_itself && !(self.settings.keys.is_some() && may_hold_tokens(leaf.text)) {
                // Of a token the check counts, not the form.
                let query = leaves.query(leaf, event_time);
                values.learn(leaf, place, &self.settings.engine, query, &mut leaf_scratch.detect);
            }
        }
        Ok(Some(dropped))
    }

    /// Learns the shape of a payload that was walked through.
    pub(super) fn learn_shape(&self, codec: &Codec, bytes: &[u8], scratch: &mut Scratch) {
        if codec.format == Format::Plain {
            return;
        }
        let Scratch { repeats, leaf: leaf_scratch, codec: CodecScratch { json, .. }, .. } = scratch;
        let leaves = self.leaves();
        let known = mem::take(&mut leaf_scratch.known);
        repeats.shapes.learn(bytes, json, &mut |key| {
            leaves.settle(key, None, false, true, leaf_scratch).is_ok() && leaf_scratch.decided.is_empty()
        });
        leaf_scratch.known = known;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use proptest::prelude::*;

    use crate::detect::roster::{Builder, Column, Roster};
    use crate::detect::{Engine, Pack};
    use crate::kind::KindSet;
    use crate::policy::{Action, Policy, Profile, Rule};
    use crate::scrubber::{Scratch, Scrubber, Settings};

    fn with_policy(policy: Policy) -> Scrubber {
        Scrubber::new(Settings { policy, ..Settings::new() })
    }

    fn scrub(scrubber: &Scrubber, text: &str, scratch: &mut Scratch) -> String {
        String::from_utf8(scrubber.scrub_text(text.as_bytes(), scratch).unwrap()).unwrap()
    }

    /// A scratch that has seen a text often enough to have learnt all of it.
    fn taught(scrubber: &Scrubber, texts: &[&str]) -> Scratch {
        let mut scratch = Scratch::default();
        for text in texts.iter().cycle().take(6 * texts.len()) {
            scrub(scrubber, text, &mut scratch);
        }
        scratch
    }

    /// What was learnt of one record is not held against another that only looks alike.
    #[test]
    fn what_was_learnt_holds_for_what_it_was_learnt_from() {
        let cases = [
            // By their form these say nothing, by their digits they may.
            (r#"{"x":"of 123-00-6789 it"}"#, r#"{"x":"of 219-10-9999 it"}"#, r#"{"x":"of [SSN] it"}"#),
            (r#"{"x":1234567890123456}"#, r#"{"x":4111111111111111}"#, r#"{"x":"[ACCOUNT]"}"#),
            (r#"{"x":"10.1.2.33"}"#, r#"{"x":"12.1.2.33"}"#, r#"{"x":"[IP]"}"#),
            (r#"{"x":"10.11.22.33"}"#, r#"{"x":"00.11.22.33"}"#, r#"{"x":"[IP]"}"#),
            (r#"{"ip":"192.168.1.2"}"#, r#"{"ip":"193.168.1.2"}"#, r#"{"ip":"[IP]"}"#),
            (r#"{"x":4111111111111111.5}"#, r#"{"x":4111111111111111.0}"#, r#"{"x":"[ACCOUNT]"}"#),
            (
                r#"{"x":0000004111111111111111.5}"#,
                r#"{"x":0000004111111111111111.0}"#,
                r#"{"x":"[ACCOUNT]"}"#,
            ),
            (r#"{"x":1.111111111111111E15}"#, r#"{"x":4.111111111111111E15}"#, r#"{"x":"[ACCOUNT]"}"#),
            (r#"{"x":"6011000990139420"}"#, r#"{"x":"6011000990139424"}"#, r#"{"x":"[ACCOUNT]"}"#),
            // The same text at another path.
            (
                r#"{"x":"zqx","patient_name":"null"}"#,
                r#"{"x":"null","patient_name":"zqx"}"#,
                r#"{"x":"null","patient_name":"[NAME]"}"#,
            ),
            (r#"{"x":["1962-03-14"]}"#, r#"{"dob":["1962-03-14"]}"#, r#"{"dob":["[DATE]"]}"#),
            // Of a record's times the first one is its own.
            (
                r#"{"time":"2026-03-01T00:00:01Z","ts":"up"}"#,
                r#"{"time":"2026-03-01T00:00:02Z","ts":"2026-03-01T00:00:01Z"}"#,
                r#"{"time":"2026-03-01T00:00:02Z","ts":"[DATE]"}"#,
            ),
            // A name in the same record says more of a word than the word does.
            (
                r#"{"a":"Patient: Li Chen","b":"then wexlorth phoned"}"#,
                r#"{"a":"Patient: Ana Wexlorth","b":"then wexlorth phoned"}"#,
                r#"{"a":"Patient: [NAME]","b":"then [NAME] phoned"}"#,
            ),
            (
                r#"{"a":"Patient: Li Chen","b":"then wExLorth phoned"}"#,
                r#"{"a":"Patient: Ana Wexlorth","b":"then wExLorth phoned"}"#,
                r#"{"a":"Patient: [NAME]","b":"then [NAME] phoned"}"#,
            ),
            (
                r#"{"a":"Patient: Li Chen","wexlorth":"b"}"#,
                r#"{"a":"Patient: Ana Wexlorth","wexlorth":"b"}"#,
                r#"{"a":"Patient: [NAME]","[NAME]":"b"}"#,
            ),
        ];
        let scrubber = with_policy(Policy::default());
        for (teach, ask, want) in cases {
            assert_eq!(scrub(&scrubber, ask, &mut taught(&scrubber, &[teach])), want, "after {teach}");
            assert_eq!(scrub(&scrubber, ask, &mut taught(&scrubber, &[teach, ask])), want, "after both");
        }
    }

    /// What one scrubber learnt is not held against another one's records.
    #[test]
    fn scrubbers_do_not_share_what_they_learnt() {
        let text = r#"{"x":"of 219-10-9999 it","pod_ip":"10.1.2.3"}"#;
        let rule = Rule { kinds: KindSet::ALL, path: None, min_confidence: 0.0, action: Action::Keep };
        let keeps = with_policy(Policy { rules: vec![rule], ..Policy::default() });
        let mut scratch = taught(&keeps, &[text]);
        assert_eq!(scrub(&keeps, text, &mut scratch), text);
        let logs = with_policy(Policy::default());
        assert_eq!(scrub(&logs, text, &mut scratch), r#"{"x":"of [SSN] it","pod_ip":"10.1.2.3"}"#);
        let strict = with_policy(Policy { profile: Profile::SafeHarbor, ..Policy::default() });
        assert_eq!(scrub(&strict, text, &mut scratch), r#"{"x":"of [SSN] it","pod_ip":"[IP]"}"#);
    }

    /// A patient on a roster is found whatever was learnt of numbers that look alike; and one who is on it from now on is.
    #[test]
    fn patients_on_a_roster_are_found() {
        let mut builder = Builder::new(&[7; 32], [3; 32]).unwrap();
        builder.add(
            &[(Column::First, b"Ana".as_slice()), (Column::Last, b"Chase"), (Column::Mrn, b"55129912")],
            &mut |_, reason| panic!("{reason}"),
        );
        let roster = Roster::open(builder.finish().unwrap().file, &[7; 32]).unwrap();
        let shared = ArcSwap::from_pointee(with_policy(Policy::default()));
        let learnt = [
            r#"{"x":"item 12345678 went","y":12345678,"z":"trace of chase ana","id":"5512991200ab00cd"}"#,
            r#"{"x":"item 55129912 went","y":55129912,"z":"trace of chase ana","id":"5512991200ab00cd"}"#,
        ];
        let mut scratch = taught(&shared.load(), &learnt);
        assert_eq!(scrub(&shared.load(), learnt[1], &mut scratch), learnt[1]);
        let roster = Arc::new(roster);
        Scrubber::amend(&shared, |settings| settings.roster = Some(roster.clone()));
        for _ in 0..8 {
            let out = scrub(&shared.load(), learnt[0], &mut scratch);
            assert_eq!(
                out,
                r#"{"x":"item 12345678 went","y":12345678,"z":"trace of [NAME]","id":"5512991200ab00cd"}"#
            );
            let out = scrub(&shared.load(), learnt[1], &mut scratch);
            assert_eq!(
                out,
                r#"{"x":"item [MRN] went","y":"[MRN]","z":"trace of [NAME]","id":"5512991200ab00cd"}"#
            );
        }
    }

    /// A detector of one's own may see more in an address than the built-in ones do.
    #[test]
    fn a_part_of_a_private_address_may_be_found() {
        let pack = r#"
[[detector]]
id = "rack"
kind = "ip"
pattern = '\b77\.\d{1,3}\b'
weights = { base = 4.0 }
examples = ["«77.1»", "rack «77.12»"]
counter_examples = ["78.1", "77"]
"#;
        let packs = [Engine::builtin_packs(), vec![Pack::parse("rack.toml", pack).unwrap()]].concat();
        let engine = Arc::new(Engine::new(&packs).unwrap());
        let scrubber = Scrubber::new(Settings { engine, ..Settings::new() });
        let mut scratch = taught(&scrubber, &[r#"{"x":"10.1.70.1"}"#]);
        assert_eq!(scrub(&scrubber, r#"{"x":"10.1.77.2"}"#, &mut scratch), r#"{"x":"10.1.[IP]"}"#);
    }

    fn value() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            4 => prop_oneof![
                Just("took # ms"), Just("INFO"), Just("http-nio-##"), Just("10.#.#.##"), Just("172.1#.##.4"), Just("###-##-####"),
                Just("### ## ####"), Just("(###) ###-####"), Just("MRN ########"), Just("/api/v2/x/#####"), Just("20##-0#-1#"),
                Just("20##-0#-1#T1#:##:##.##Z"), Just("attempt # of #"), Just("4### 1111 1111 111#"), Just("#/#/####"),
                Just("##dec##"), Just("order ##########"), Just("chart ####### moved"), Just("room ###, bed #"), Just("Boston, MA #####"),
            ].prop_map(str::to_owned),
            2 => "[0-9a-f]{16}|[0-9a-f]{32}|#{6}[0-9a-f]{10}",
            1 => prop_oneof![
                Just("Patient: Maria Keller"), Just("keller called"), Just("Maria"), Just("Dr. House, room ##"), Just("a_## b"),
                Just("x%2D##"), Just("https://a.example/?q=##&name=ann"), Just("v#.#.#"), Just("a@b#.org"),
            ].prop_map(str::to_owned),
        ];
        let number = prop_oneof![
            Just("###"),
            Just("#.##0"),
            Just("#########"),
            Just("#########.0"),
            Just("#e#"),
            Just("-##.#")
        ];
        prop_oneof![3 => text.prop_map(|t| format!("\"{t}\"")), 1 => number.prop_map(str::to_owned)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// A worker that has seen many records does with the next one what a new worker does.
        #[test]
        fn what_is_remembered_changes_nothing(
            shapes in proptest::collection::vec(
                proptest::collection::vec((prop_oneof![
                    Just("msg"), Just("ts"), Just("id"), Just("pod_ip"), Just("mrn"), Just("name"), Just("zip"), Just("trace_id"),
                    Just("phone"), Just("data"),
                ], value()), 1..6),
                1..4,
            ),
            digits in proptest::collection::vec(proptest::collection::vec(0..10u8, 40), 12),
            strict in any::<bool>(),
        ) {
            let profile = if strict { Profile::SafeHarbor } else { Profile::Logs };
            let scrubber = with_policy(Policy { profile, ..Policy::default() });
            let mut scratch = Scratch::default();
            for digits in &digits {
                for shape in &shapes {
                    let members: Vec<String> = shape.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                    let mut digits = digits.iter().cycle();
                    let fill = |c: char| if c == '#' { (b'0' + digits.next().unwrap()) as char } else { c };
                    let text: String = format!("{{{}}}", members.join(",")).chars().map(fill).collect();
                    let want = scrub(&scrubber, &text, &mut Scratch::default());
                    prop_assert_eq!(scrub(&scrubber, &text, &mut scratch), want, "{}", text);
                }
            }
        }
    }
}
