//! The command line.

use std::path::PathBuf;

use crate::corpus::Corpus;

pub const HELP: &str = "\
./dev peers [OPTIONS]               measure everyone, on every corpus
  --bytes N          bytes of each corpus (16000000)
  --rounds N         rounds that count; one more warms up (9)
  --corpus NAME,...  json, text, notifications, hl7
  --only NAME,...    contestants whose names begin so
  --seed N           the corpora's seed (1)
  --json FILE        raw figures
  --chart            write docs/assets/benchmarks.svg
  --missed N         print N examples a kind of what each contestant misses (invented values)
./dev peers generate CORPUS BYTES [--seed N] [--truth FILE]
                                    write a corpus to stdout, and where identifiers stand in it to FILE
./dev peers test                    test the corpora
";

pub enum Command {
    Help,
    Generate(Generate),
    Measure(Measure),
}

pub struct Generate {
    pub corpus: Corpus,
    pub bytes: usize,
    pub seed: u64,
    pub truth: Option<PathBuf>,
}

pub struct Measure {
    pub bytes: usize,
    pub rounds: usize,
    pub seed: u64,
    pub corpora: Vec<Corpus>,
    /// Beginnings of names; empty is everyone.
    pub only: Vec<String>,
    pub json: Option<PathBuf>,
    pub chart: bool,
    pub missed: usize,
}

pub fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut args = args.peekable();
    if args.next_if(|a| a == "generate").is_some() {
        return generate(args);
    }
    let mut options = Measure {
        bytes: 16_000_000,
        rounds: 9,
        seed: 1,
        corpora: Corpus::ALL.to_vec(),
        only: Vec::new(),
        json: None,
        chart: false,
        missed: 0,
    };
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} wants a value"));
        match name.as_str() {
            "--bytes" => options.bytes = number(&name, value()?)?,
            "--rounds" => options.rounds = number(&name, value()?)?,
            "--seed" => options.seed = number(&name, value()?)? as u64,
            "--missed" => options.missed = number(&name, value()?)?,
            "--corpus" => options.corpora = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--only" => options.only = value()?.split(',').map(String::from).collect(),
            "--json" => options.json = Some(value()?.into()),
            "--chart" => options.chart = true,
            "help" | "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("no such option: {name}\n{HELP}")),
        }
    }
    Ok(Command::Measure(options))
}

fn generate(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let (Some(corpus), Some(bytes)) = (args.next(), args.next()) else {
        return Err(format!("generate wants a corpus and a number of bytes\n{HELP}"));
    };
    let bytes = number("BYTES", bytes)?;
    let mut options = Generate { corpus: corpus.parse()?, bytes, seed: 1, truth: None };
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--seed" => options.seed = number(&name, value)? as u64,
            "--truth" => options.truth = Some(value.into()),
            _ => return Err(format!("no such option: {name}\n{HELP}")),
        }
    }
    Ok(Command::Generate(options))
}

fn number(name: &str, value: String) -> Result<usize, String> {
    match value.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(format!("{name} is a whole number from 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn options_are_read() {
        let Ok(Command::Measure(m)) = parsed("--only scrubjay,meta-regex --corpus text --bytes 4000000")
        else {
            panic!("not a measurement");
        };
        assert_eq!((m.bytes, m.only.len(), m.corpora), (4_000_000, 2, vec![Corpus::Text]));
        let Ok(Command::Generate(g)) = parsed("generate hl7 1000 --seed 4") else {
            panic!("not to generate")
        };
        assert_eq!((g.corpus, g.bytes, g.seed), (Corpus::Hl7, 1000, 4));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for line in ["--bytes", "--bytes 0", "--corpus xml", "generate json", "generate json x", "--nonsense"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
