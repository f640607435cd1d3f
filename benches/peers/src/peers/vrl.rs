//! Vector Remap Language as a library: its own filter for SSNs and a dozen patterns. JSON is parsed and encoded again, as it has to be
//! to redact within; other text is one string.

use std::collections::BTreeMap;

use vrl::compiler::runtime::Runtime;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Program, TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

use super::{Contestant, Finds, NAMES, TWELVE};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

pub struct Vrl {
    program: Program,
    runtime: Runtime,
    json: bool,
    out: Vec<u8>,
}

impl Vrl {
    pub fn new(json: bool) -> Vrl {
        // The first of the twelve is what the filter finds.
        let patterns =
            TWELVE[1..].iter().map(|at| format!("r'{}'", common::RULES[*at].replace('\'', "\\x27")));
        let filters = format!("[\"us_social_security_number\", {}]", patterns.collect::<Vec<_>>().join(", "));
        let source = if json {
            format!("encode_json(redact(object!(parse_json!(string!(.))), filters: {filters}))")
        } else {
            format!("redact(string!(.), filters: {filters})")
        };
        let compiled = compile(&source, &vrl::stdlib::all());
        let program = compiled.unwrap_or_else(|e| panic!("the program compiles: {e:?}")).program;
        Vrl { program, runtime: Runtime::new(RuntimeState::default()), json, out: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) -> Value {
        let mut target = TargetValue {
            value: Value::from(line),
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        let done = self.runtime.resolve(&mut target, &self.program, &TimeZone::default());
        self.runtime.clear();
        done.unwrap_or_else(|e| panic!("the program runs: {e}"))
    }
}

impl Contestant for Vrl {
    fn name(&self) -> &'static str {
        NAMES[5]
    }

    fn version(&self) -> String {
        let way = if self.json { "parse_json, redact, encode_json" } else { "redact" };
        format!("{}; {way} with us_social_security_number and {} patterns", version!("vrl"), TWELVE.len() - 1)
    }

    fn finds(&self) -> Finds {
        Finds::Structured
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        self.out.clear();
        for line in labelled.text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let value = self.line(line);
            self.out.extend_from_slice(value.as_bytes().expect("a string came out"));
            self.out.push(b'\n');
        }
        self.out.len()
    }

    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        let records = labelled.records.iter();
        let outputs = records.map(|told| {
            let value = self.line(&labelled.text[told.start..told.end]);
            value.as_bytes().expect("a string came out").to_vec()
        });
        Some(Removed::Outputs(outputs.collect()))
    }
}
