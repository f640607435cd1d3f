//! Writes a corpus as it is made, so that any size will do.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::corpus::{Generator, Record, Words, escape};
use crate::options::Generate;

pub fn run(options: &Generate) -> Result<(), String> {
    let named =
        |e: io::Error| options.truth.as_ref().map_or(e.to_string(), |f| format!("{}: {e}", f.display()));
    let mut truth = options.truth.as_ref().map(File::create).transpose().map_err(named)?.map(BufWriter::new);
    match write(options, &mut BufWriter::new(io::stdout().lock()), &mut truth) {
        // Whoever reads has enough, as `head` has.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| e.to_string()),
    }
}

fn write(options: &Generate, out: &mut impl Write, truth: &mut Option<impl Write>) -> io::Result<()> {
    let words = Words::new();
    let mut generator = Generator::new(options.corpus, options.seed, &words);
    let mut record = Record::default();
    let (mut written, mut number) = (0, 0u64);
    while written < options.bytes {
        generator.next_into(&mut record);
        number += 1;
        out.write_all(record.text.as_bytes())?;
        out.write_all(b"\n")?;
        written += record.text.len() + 1;
        let Some(truth) = truth else { continue };
        for p in &record.planted {
            let (start, end, kind) = (p.start, p.end, p.kind.name());
            let value = escape(record.value(p), false);
            writeln!(
                truth,
                "{{\"record\":{number},\"start\":{start},\"end\":{end},\"kind\":\"{kind}\",\"value\":\"{value}\"}}"
            )?;
        }
    }
    out.flush()?;
    truth.as_mut().map_or(Ok(()), Write::flush)
}
