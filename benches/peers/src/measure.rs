//! Round after round every contestant takes its turn on the same text: what a busy machine does to one of them it does to all.

use std::time::Duration;

use crate::corpus::{Corpus, Labelled, Words};
use crate::options::Measure;
use crate::peers::{self, Contestant, Finds};
use crate::recall::{Score, score};
use crate::{chart, report};

/// How one contestant did on one corpus.
pub struct Outcome {
    pub name: &'static str,
    pub finds: Finds,
    /// CPU time of each round that counts, sorted.
    pub times: Vec<Duration>,
    /// None of who removes nothing.
    pub score: Option<Score>,
    /// 10^6 bytes a second, by the median.
    pub speed: f64,
}

/// All of a corpus.
pub struct Table {
    pub corpus: Corpus,
    pub bytes: usize,
    pub records: usize,
    pub results: Vec<Outcome>,
}

pub fn run(options: &Measure) -> Result<(), String> {
    let words = Words::new();
    let mut tables = Vec::new();
    let mut versions = Vec::new();
    for &corpus in &options.corpora {
        let labelled = Labelled::make(corpus, options.bytes, options.seed, &words);
        let mut contestants = peers::all(corpus, &options.only);
        if contestants.is_empty() {
            return Err(format!("nobody is called that; there are {}", peers::NAMES.join(", ")));
        }
        versions = contestants.iter().map(|c| (c.name(), c.version())).collect();
        let table = measure(corpus, &labelled, &mut contestants, options.rounds);
        report::print_table(&table);
        for result in table.results.iter().filter(|_| options.missed > 0) {
            report::print_missed(&labelled, result, options.missed);
        }
        tables.push(table);
    }
    report::print_versions(&versions);
    for note in peers::left_out(&options.only) {
        println!("Left out: {note}");
    }
    if let Some(file) = &options.json {
        let done = std::fs::write(file, report::json(&tables, &versions, options));
        done.map_err(|e| format!("{}: {e}", file.display()))?;
    }
    if options.chart {
        chart::write(&tables)?;
    }
    Ok(())
}

fn measure(
    corpus: Corpus,
    labelled: &Labelled,
    contestants: &mut [Box<dyn Contestant>],
    rounds: usize,
) -> Table {
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        eprint!("\r{}: round {round} of {rounds} ", corpus.name());
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = contestant.turn(labelled);
            // The first round only warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    eprintln!();
    let results = contestants
        .iter_mut()
        .zip(times)
        .map(|(contestant, mut times)| {
            times.sort();
            let speed = labelled.text.len() as f64 / 1e6 / times[times.len() / 2].as_secs_f64();
            let score = contestant.removed(labelled).map(|removed| score(labelled, &removed));
            Outcome { name: contestant.name(), finds: contestant.finds(), times, score, speed }
        })
        .collect();
    Table { corpus, bytes: labelled.text.len(), records: labelled.records.len(), results }
}
