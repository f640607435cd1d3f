//! Packs, compiled: the patterns, the prefilter over all of them, the keywords and the fields.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use super::automaton::Heads;
use super::facts::Facts;
use super::fields::Fields;
use super::keywords::Keywords;
use super::matcher::Matcher;
use super::names::{Names, Topic};
use super::pack::{Detector, MAX_MATCH_BYTES, Pack, PackErrors, Pattern};
use super::prefilter::Prefilter;
use super::protected;
use super::query::Query;
use super::scan::DetectScratch;
use super::slow::SlowPattern;
use crate::codec::{Leaf, Place};
use crate::kind::Kind;

/// What a detector of an engine is, for listings.
#[derive(Clone, Debug)]
pub struct DetectorInfo {
    /// Its unique id.
    pub id: String,
    /// What it finds.
    pub kind: Kind,
    /// The pack it stands in.
    pub pack: String,
    /// Needs look-around and runs on a slower engine.
    pub slow: bool,
    /// The patterns as written, one a line.
    pub pattern: String,
    /// Words that count as context.
    pub keywords: Vec<String>,
    /// Field names that count as context.
    pub fields: Vec<String>,
    /// The name of its check.
    pub check: Option<String>,
    /// Takes the whole value of its fields.
    pub whole_field: bool,
    /// Examples, «» around the spans.
    pub examples: Vec<String>,
    /// Texts in which it finds nothing.
    pub counter_examples: Vec<String>,
}

/// A detector with everything resolved to numbers.
pub(super) struct Rule {
    pub(super) detector: Detector,
    pub(super) keyword_ids: Vec<u16>,
    pub(super) value: Option<Matcher>,
}

/// Packs, compiled. Immutable, and shared by all workers.
pub struct Engine {
    /// Tells a worker that its memory belongs to another engine.
    pub(super) serial: u64,
    pub(super) rules: Vec<Rule>,
    pub(super) matchers: Vec<Matcher>,
    pub(super) slow: Vec<(SlowPattern, u16)>,
    /// What the model of names is asked for, and by which detectors.
    pub(super) models: Vec<(Topic, u16)>,
    /// The detector of names that were found before in the same record.
    pub(super) again: Option<u16>,
    /// The first of the roster's detectors.
    pub(super) roster: u16,
    pub(super) prefilter: Prefilter,
    pub(super) keywords: Keywords,
    pub(super) fields: Fields,
    /// Every detector of network addresses is built in.
    own_addresses: bool,
    infos: Vec<DetectorInfo>,
    reach: usize,
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

macro_rules! packs {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../detectors/", $name)))),*]
    };
}

/// The packs that are part of the binary.
pub(super) const BUILTIN: &[(&str, &str)] = packs![
    "ssn.toml" "mrn.toml" "date.toml" "age.toml" "phone.toml" "email.toml" "ip.toml" "url.toml" "zip.toml" "card.toml"
    "address.toml" "facility.toml" "place.toml" "geo.toml" "photo.toml"
    "name.toml" "town.toml" "plan.toml" "license.toml" "device.toml" "unique.toml"
];

/// What is known of the built-in packs without working it out.
static FACTS: LazyLock<Option<Facts<'static>>> = LazyLock::new(|| Facts::builtin(BUILTIN));

#[expect(clippy::panic, reason = "a build that ships a broken pack must not scrub with the rest of them")]
static BUILTIN_PACKS: LazyLock<Vec<Pack>> = LazyLock::new(|| {
    let packs = match &*FACTS {
        Some(facts) => Pack::parse_known(BUILTIN, facts),
        None => BUILTIN.iter().map(|(file, text)| Pack::parse(file, text)).collect(),
    };
    packs.unwrap_or_else(|e| panic!("built-in pack {e}"))
});

/// Whether a detector has the patterns of the built-in one of its name.
fn is_builtin(d: &Detector) -> bool {
    let texts = |d: &Detector| d.patterns.iter().map(|p| p.text.clone()).collect::<Vec<_>>();
    BUILTIN_PACKS.iter().flat_map(|p| &p.detectors).any(|b| b.id == d.id && texts(b) == texts(d))
}

static BUILTIN_ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let heads = FACTS.as_ref().and_then(|facts| Some(Heads::of(facts.heads()?, facts.words())));
    Arc::new(Engine::compile(&BUILTIN_PACKS, heads))
});

impl Engine {
    /// The built-in packs, compiled once.
    pub fn builtin() -> Arc<Engine> {
        BUILTIN_ENGINE.clone()
    }

    /// The built-in packs, for [`Engine::new`] together with others.
    pub fn builtin_packs() -> Vec<Pack> {
        BUILTIN_PACKS.clone()
    }

    /// Compiles packs; a detector of a later pack overrides one of the same id.
    ///
    /// # Errors
    /// When a look-around pattern is too large to compile.
    pub fn new(packs: &[Pack]) -> Result<Engine, PackErrors> {
        Ok(Engine::compile(packs, None))
    }

    /// `heads` are those of all patterns, where they are known.
    fn compile(packs: &[Pack], heads: Option<Heads>) -> Engine {
        let mut by_id: BTreeMap<&str, (&str, &Detector)> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for pack in packs {
            for d in &pack.detectors {
                if by_id.insert(&d.id, (&pack.file, d)).is_none() {
                    order.push(&d.id);
                }
            }
        }
        let chosen: Vec<(&str, &Detector)> = order.iter().map(|id| by_id[id]).collect();
        let keywords = Keywords::new(chosen.iter().flat_map(|(_, d)| d.keywords.iter().cloned()).collect());
        let mut engine = Engine {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            rules: Vec::new(),
            matchers: Vec::new(),
            slow: Vec::new(),
            models: Vec::new(),
            again: None,
            roster: 0,
            prefilter: Prefilter::of(None, 0),
            keywords,
            fields: Fields::default(),
            own_addresses: chosen.iter().all(|(_, d)| d.kind != Kind::Ip || is_builtin(d)),
            infos: Vec::new(),
            reach: super::roster::REACH,
        };
        for (file, d) in &chosen {
            engine.add(file, d);
        }
        engine.roster = engine.rules.len() as u16;
        for (id, kind) in super::roster::DETECTORS {
            engine.add("roster", &Detector::of_roster(id, kind));
        }
        // Folding has a head of its own.
        let count = engine.matchers.len() + 1;
        let searched = chosen.iter().flat_map(|(_, d)| &d.patterns).filter(|p| !p.places.needs_look_around());
        engine.prefilter = match heads {
            Some(heads) => Prefilter::of(Some(heads), count),
            None => match searched.map(|p| p.places.starts(&p.text)).collect() {
                Some(starts) => Prefilter::new(starts),
                None => Prefilter::of(None, count),
            },
        };
        engine
    }

    fn add(&mut self, file: &str, d: &Detector) {
        let number = self.rules.len() as u16;
        for p in &d.patterns {
            if p.places.needs_look_around() {
                if let Ok(slow) = SlowPattern::new(&p.text, false) {
                    self.slow.push((slow, number));
                }
            } else {
                let inner = p.places.inner().copied();
                self.matchers.push(Matcher::new(p.text.clone(), inner, number, p.max_len));
            }
            // A match, and the context on either side of it.
            self.reach = self.reach.max(p.max_len + 2 * (d.window as usize).max(protected::REACH));
        }
        if d.model == Some(Topic::Again) {
            self.again = Some(number);
        } else if let Some(topic) = d.model {
            self.models.push((topic, number));
            self.reach = self.reach.max(Names::REACH);
        }
        self.fields.add(number, &d.fields, &d.not_fields);
        let keyword_ids = self.keywords.wants(number, &d.keywords);
        let whole = |p: &Pattern| Matcher::new(format!(r"\A(?:{})\z", p.text), None, number, p.max_len);
        let value = d.value.as_ref().map(whole);
        self.infos.push(DetectorInfo {
            id: d.id.clone(),
            kind: d.kind,
            pack: file.to_string(),
            slow: d.patterns.iter().any(|p| p.places.needs_look_around()),
            pattern: d.patterns.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n"),
            keywords: d.keywords.clone(),
            fields: d.fields.clone(),
            check: d.check.map(|c| c.name().to_string()),
            whole_field: d.whole_field,
            examples: d.examples.clone(),
            counter_examples: d.counter_examples.clone(),
        });
        self.rules.push(Rule { detector: d.clone(), keyword_ids, value });
    }

    /// Its detectors; a [`super::DetectorId`] is an index into them.
    pub fn detectors(&self) -> &[DetectorInfo] {
        &self.infos
    }

    /// Whether nothing can be found in a leaf in which there is no candidate: no look-around pattern goes through it, and
    /// its field does not say what it holds.
    #[inline]
    pub(crate) fn is_silent(&self, leaf: &Leaf<'_>, scratch: &mut DetectScratch) -> bool {
        self.adopt(scratch);
        self.slow.is_empty()
            && (leaf.place == Place::Key
                || self.fields.look_up(leaf.path, &self.keywords, &mut scratch.fields).named.is_empty())
    }

    /// Whether of a value that is one address of four numbers, and is let stand, no detector takes a part: custom detectors of
    /// addresses may.
    pub(super) fn spares_whole(&self, query: Query) -> bool {
        query.spares_private_addresses && self.own_addresses
    }

    /// How many bytes around a place can have a say in what is found there: windows of long lines overlap by
    /// this. At most [`MAX_MATCH_BYTES`] and context.
    pub fn reach(&self) -> usize {
        self.reach.min(2 * MAX_MATCH_BYTES)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Engine({} detectors, {} patterns)",
            self.rules.len(),
            self.matchers.len() + self.slow.len()
        )
    }
}
