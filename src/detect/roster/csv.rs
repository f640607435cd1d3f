//! Patients out of a CSV file (RFC 4180): quoted fields, line ends of either kind, a byte order mark. What is wrong is
//! told by line and column, never with the value.

use std::fmt;

use super::build::Builder;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The given name.
    First,
    /// The middle name.
    Middle,
    /// The surname.
    Last,
    /// The whole name, `Last, First Middle` or `First Middle Last`.
    Full,
    /// A former surname.
    Maiden,
    /// What the patient is called.
    Preferred,
    /// The date of birth.
    Birth,
    /// The record number.
    Mrn,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// The street line of the address.
    Address,
}

impl Column {
    /// All of them by their names in `--columns`.
    pub const NAMES: [(&'static str, Column); 11] = [
        ("first", Column::First),
        ("middle", Column::Middle),
        ("last", Column::Last),
        ("full", Column::Full),
        ("maiden", Column::Maiden),
        ("preferred", Column::Preferred),
        ("dob", Column::Birth),
        ("mrn", Column::Mrn),
        ("phone", Column::Phone),
        ("email", Column::Email),
        ("address", Column::Address),
    ];

    /// By the usual spellings of headers: letters only, lower case, without `patient` in front.
    fn of_header(header: &[u8]) -> Option<Column> {
        let letters: Vec<u8> =
            header.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
        let rest = ["patients", "patient", "pt", "member", "primary"].iter().find_map(|p| {
            letters.strip_prefix(p.as_bytes()).filter(|rest| !rest.is_empty() && *p != "pt" || rest.len() > 3)
        });
        let by = |letters: &[u8]| {
            Some(match letters {
                b"first" | b"firstname" | b"given" | b"givenname" | b"givennames" | b"fname"
                | b"forename" => Column::First,
                b"middle" | b"middlename" | b"middlenames" | b"mname" | b"middleinitial" | b"mi"
                | b"secondname" => Column::Middle,
                b"last" | b"lastname" | b"surname" | b"family" | b"familyname" | b"lname" => Column::Last,
                b"name" | b"fullname" | b"full" | b"displayname" | b"legalname" | b"patient" => Column::Full,
                b"maiden" | b"maidenname" | b"formername" | b"previousname" | b"birthname"
                | b"formerlastname" | b"previouslastname" => Column::Maiden,
                b"preferred"
                | b"preferredname"
                | b"nickname"
                | b"alias"
                | b"preferredfirstname"
                | b"knownas" => Column::Preferred,
                b"dob" | b"birthdate" | b"dateofbirth" | b"birthday" | b"bdate" | b"birthdt" => Column::Birth,
                b"mrn"
                | b"medicalrecordnumber"
                | b"medicalrecordno"
                | b"recordnumber"
                | b"medrecno"
                | b"chartnumber"
                | b"mrnumber"
                | b"medicalrecord"
                | b"id"
                | b"identifier" => Column::Mrn,
                b"phone" | b"phonenumber" | b"telephone" | b"telephonenumber" | b"mobile"
                | b"mobilephone" | b"cell" | b"cellphone" | b"homephone" | b"workphone" | b"tel"
                | b"phonehome" | b"phonemobile" | b"phonework" | b"contactnumber" => Column::Phone,
                b"email" | b"emailaddress" | b"mail" => Column::Email,
                b"address" | b"addressline" | b"street" | b"streetaddress" | b"homeaddress" | b"addr"
                | b"mailingaddress" | b"addressstreet" => Column::Address,
                _ => return None,
            })
        };
        // An id alone is as often a row's as a patient's.
        by(&letters).filter(|_| letters != b"id" && letters != b"identifier").or_else(|| by(rest?))
    }
}

/// Something wrong in a file: where, and why, never what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// Why, and what to do.
    pub reason: String,
}

/// What is wrong in a file, in its order; after [`MOST`] problems nobody looks further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvError(pub Vec<Problem>);

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> =
            self.0.iter().map(|p| format!("{}:{}: {}", p.line, p.column, p.reason)).collect();
        f.write_str(&all.join("\n"))
    }
}

impl std::error::Error for CsvError {}

/// So many problems are told.
const MOST: usize = 20;

/// Reads the patients of a CSV file into `builder`; how many values could not be used. `columns` says what headers hold,
/// beside those that are known; with `lenient`, values that cannot be used are passed over.
///
/// # Errors
/// What is wrong, by line and column.
pub fn read_csv(
    text: &[u8],
    columns: &[(String, Column)],
    lenient: bool,
    builder: &mut Builder,
) -> Result<u64, CsvError> {
    let mut reader =
        Reader { text: text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text), at: 0, line: 1, start: 0 };
    let one = |p: Problem| CsvError(vec![p]);
    let mut row = Row::default();
    let mut rows = std::iter::from_fn(|| {
        reader.row(&mut row).map_err(one).map(|more| more.then(|| std::mem::take(&mut row))).transpose()
    });
    let Some(header) = rows.next().transpose()? else {
        return Err(one(Problem {
            line: 1,
            column: 1,
            reason: "the file is empty; its first line names the columns".into(),
        }));
    };
    let meaning = meaning(&header, columns).map_err(one)?;
    let (mut problems, mut unused) = (Vec::new(), 0);
    for row in rows {
        let row = row?;
        if row.fields.len() == 1 && row.fields[0].0.is_empty() {
            continue;
        }
        if row.fields.len() != meaning.len() {
            let reason = format!("{} fields, where the first line has {}", row.fields.len(), meaning.len());
            problems.push(Problem { line: row.line, column: 1, reason });
        } else {
            let values =
                meaning.iter().zip(&row.fields).filter_map(|(m, f)| Some(((*m)?, f.0.as_slice(), f)));
            let values: Vec<_> = values.filter(|(_, value, _)| !is_nothing(value)).collect();
            let given: Vec<(Column, &[u8])> = values.iter().map(|(c, v, _)| (*c, *v)).collect();
            builder.add(&given, &mut |i, reason| match (lenient, values.get(i)) {
                (false, Some((_, _, (_, line, column)))) if problems.len() < MOST => {
                    problems.push(Problem { line: *line, column: *column, reason: reason.to_owned() });
                }
                _ => unused += 1,
            });
        }
        if problems.len() >= MOST {
            break;
        }
    }
    if problems.is_empty() { Ok(unused) } else { Err(CsvError(problems)) }
}

/// What people write where there is nothing.
fn is_nothing(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let words: [&[u8]; 9] = [b"", b"-", b".", b"n/a", b"na", b"none", b"null", b"unknown", b"nil"];
    words.iter().any(|w| value.eq_ignore_ascii_case(w))
}

/// What each column holds.
fn meaning(header: &Row, columns: &[(String, Column)]) -> Result<Vec<Option<Column>>, Problem> {
    let wrong = |column, reason: String| Problem { line: header.line, column, reason };
    let same =
        |given: &str, field: &[u8]| given.as_bytes().trim_ascii().eq_ignore_ascii_case(field.trim_ascii());
    for (i, (name, _)) in columns.iter().enumerate() {
        if !header.fields.iter().any(|(field, ..)| same(name, field)) {
            return Err(wrong(1, format!("no column has the name that entry {} of --columns gives", i + 1)));
        }
    }
    let mapped = |field: &[u8]| columns.iter().find(|(name, _)| same(name, field)).map(|c| c.1);
    let all: Vec<_> =
        header.fields.iter().map(|(f, ..)| mapped(f).or_else(|| Column::of_header(f))).collect();
    if all.iter().all(Option::is_none) {
        let other = [b';', b'\t', b'|']
            .iter()
            .any(|sep| header.fields.len() == 1 && header.fields[0].0.contains(sep));
        let help = match other {
            true => "the fields of a CSV file are separated by commas; save it so".to_owned(),
            false => {
                let names: Vec<_> = Column::NAMES.iter().map(|n| n.0).collect();
                format!(
                    "name the columns on the first line, or say what they hold: --columns 'HEADER=WHAT,...', WHAT being one of {}",
                    names.join(", ")
                )
            }
        };
        return Err(wrong(1, format!("no column is known by its name; {help}")));
    }
    Ok(all)
}

/// Fields with the line and column each begins at.
#[derive(Default)]
struct Row {
    line: usize,
    fields: Vec<(Vec<u8>, usize, usize)>,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
    /// Where the line begins.
    start: usize,
}

impl Reader<'_> {
    fn problem(&self, at: usize, reason: &str) -> Problem {
        Problem { line: self.line, column: at - self.start + 1, reason: reason.to_owned() }
    }

    fn end_line(&mut self) {
        self.line += 1;
        self.start = self.at;
    }

    /// The next row; whether there was one.
    fn row(&mut self, row: &mut Row) -> Result<bool, Problem> {
        if self.at >= self.text.len() {
            return Ok(false);
        }
        *row = Row { line: self.line, fields: Vec::new() };
        loop {
            let (line, column) = (self.line, self.at - self.start + 1);
            let mut field = Vec::new();
            match self.text.get(self.at) {
                Some(b'"') => self.quoted(&mut field)?,
                _ => {
                    let rest = &self.text[self.at..];
                    let len =
                        rest.iter().position(|b| matches!(b, b',' | b'\n' | b'"')).unwrap_or(rest.len());
                    field.extend_from_slice(&rest[..len]);
                    self.at += len;
                    if self.text.get(self.at) == Some(&b'"') {
                        let reason = "a quote inside of a field that does not begin with one; quote the whole field, and double the quotes in it";
                        return Err(self.problem(self.at, reason));
                    }
                    if field.ends_with(b"\r") && self.text.get(self.at) != Some(&b',') {
                        field.pop();
                    }
                }
            }
            if let Err(e) = std::str::from_utf8(&field) {
                let reason = "not UTF-8 text; save the file as UTF-8".to_owned();
                return Err(Problem { line, column: column + e.valid_up_to(), reason });
            }
            row.fields.push((field, line, column));
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    self.end_line();
                    return Ok(true);
                }
                _ => return Ok(true),
            }
        }
    }

    /// A field in quotes, with what ends it left to read.
    fn quoted(&mut self, field: &mut Vec<u8>) -> Result<(), Problem> {
        let open = self.problem(self.at, "a quote is opened here and never closed");
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None => return Err(open),
                Some(b'"') if self.text.get(self.at + 1) == Some(&b'"') => {
                    field.push(b'"');
                    self.at += 2;
                }
                Some(b'"') => break,
                Some(&b) => {
                    field.push(b);
                    self.at += 1;
                    if b == b'\n' {
                        self.end_line();
                    }
                }
            }
        }
        self.at += 1;
        if self.text.get(self.at) == Some(&b'\r') && matches!(self.text.get(self.at + 1), Some(b'\n') | None)
        {
            self.at += 1;
        }
        match self.text.get(self.at) {
            None | Some(b',' | b'\n') => Ok(()),
            Some(_) => Err(self.problem(
                self.at,
                "something stands behind a closing quote; a quote inside of a field is written twice",
            )),
        }
    }
}
