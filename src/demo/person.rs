//! Invented patients: no name, number or address here belongs to anyone.

use super::random::Random;

const GIVEN: &[&str] = &[
    "Maria",
    "Jorge",
    "Aisha",
    "Dmitri",
    "Keiko",
    "Priya",
    "Tomasz",
    "Lucia",
    "Hannah",
    "Samuel",
    "Ingrid",
    "Rahul",
    "Beatriz",
    "Oluwaseun",
    "Katarina",
    "Miguel",
    "Fatima",
    "Henrik",
    "Yolanda",
    "Desmond",
    "Camille",
    "Anton",
    "Leila",
    "Gustavo",
    "Miriam",
    "Stefan",
    "Naomi",
    "Bartholomew",
    "Eleanor",
    "Rosalind",
];
const FAMILY: &[&str] = &[
    "Kowalski",
    "Delacroix",
    "Okonkwo",
    "Petrov",
    "Yamamoto",
    "Raghavan",
    "Lindqvist",
    "Moreau",
    "O'Sullivan",
    "Fitzgerald",
    "Abernathy",
    "Castellanos",
    "Vandermeer",
    "Achebe",
    "Rosenthal",
    "Nakashima",
    "Bergstrom",
    "Iyer",
    "McAllister",
    "Quintero",
    "Thornquist",
    "Baranov",
    "Escobedo",
    "Haverford",
    "Papadakis",
    "Szymanski",
    "Tremblay",
    "Villanueva",
    "Wojcik",
    "Zimmerman",
    "Núñez",
    "García-Ortiz",
];
const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Someone, with everything a hospital's systems write about them.
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) mrn: String,
    pub(super) ssn: [String; 3],
    pub(super) born: Date,
    pub(super) phone: [String; 3],
    pub(super) email: String,
    pub(super) ip: String,
    pub(super) card: String,
    pub(super) state: &'static str,
    pub(super) zip: String,
}

/// A day.
#[derive(Clone, Copy)]
pub(super) struct Date {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

impl Person {
    pub(super) fn new(random: &mut Random) -> Person {
        let (given, family) = (random.pick(GIVEN), random.pick(FAMILY));
        let area = match random.number(1, 665) {
            area @ 1..=99 => area + 100,
            area => area,
        };
        let (state, prefix) = random.pick(&[
            ("IL", "606"),
            ("CA", "941"),
            ("TX", "770"),
            ("NY", "112"),
            ("WA", "981"),
            ("OH", "432"),
        ]);
        let length = random.pick(&[7, 8]);
        let mrn = format!("{}{}", random.number(1, 9), random.digits(length - 1));
        let ascii: String = family.chars().filter(char::is_ascii_alphabetic).collect();
        let email = match random.number(1, 3) {
            1 => format!("{given}.{ascii}"),
            2 => format!("{ascii}{}", random.number(60, 99)),
            _ => format!("{}_{ascii}", &given[..1]),
        };
        let domain = random.pick(&["example.com", "example.org", "example.net"]);
        let network = random.pick(&[24, 50, 67, 73, 98, 108]);
        Person {
            given,
            family,
            mrn,
            ssn: [
                format!("{area:03}"),
                format!("{:02}", random.number(1, 99)),
                format!("{:04}", random.number(1, 9999)),
            ],
            born: Date::between(random, 1932, 2014),
            phone: [
                random.pick(&["206", "312", "415", "503", "614", "713"]).into(),
                "555".into(),
                random.digits(4),
            ],
            email: format!("{}@{domain}", email.to_lowercase()),
            ip: format!(
                "{network}.{}.{}.{}",
                random.number(1, 254),
                random.number(1, 254),
                random.number(1, 254)
            ),
            card: card(random),
            state,
            zip: format!("{prefix}{:02}", random.number(1, 89)),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// `KOWALSKI, MARIA`.
    pub(super) fn last_first(&self) -> String {
        format!("{}, {}", self.family, self.given).to_uppercase()
    }

    pub(super) fn ssn(&self, random: &mut Random) -> String {
        self.ssn.join(random.pick(&["-", "-", " "]))
    }

    pub(super) fn phone(&self, random: &mut Random) -> String {
        let [area, exchange, line] = &self.phone;
        match random.number(1, 4) {
            1 => format!("({area}) {exchange}-{line}"),
            2 => format!("{area}-{exchange}-{line}"),
            3 => format!("{area}.{exchange}.{line}"),
            _ => format!("+1{area}{exchange}{line}"),
        }
    }

    /// The card in the groups people write it in, or without.
    pub(super) fn card(&self, random: &mut Random) -> String {
        let groups: Vec<&str> = [0, 4, 8, 12].map(|i| &self.card[i..i + 4]).into();
        groups.join(random.pick(&["", " ", "-"]))
    }
}

impl Date {
    pub(super) fn between(random: &mut Random, first_year: u32, last_year: u32) -> Date {
        let year = random.number(first_year, last_year);
        Date { year, month: random.number(1, 12), day: random.number(1, 28) }
    }

    pub(super) fn iso(self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub(super) fn american(self) -> String {
        format!("{:02}/{:02}/{}", self.month, self.day, self.year)
    }

    pub(super) fn long(self) -> String {
        format!("{} {}, {}", MONTHS[self.month as usize - 1], self.day, self.year)
    }

    /// `14-Mar-1962`.
    pub(super) fn medium(self) -> String {
        format!("{:02}-{}-{}", self.day, &MONTHS[self.month as usize - 1][..3], self.year)
    }
}

/// Sixteen digits whose last is the check digit of ISO/IEC 7812-1.
fn card(random: &mut Random) -> String {
    let mut digits = format!("{}{}", random.pick(&["4024", "4539", "5112", "5425"]), random.digits(11));
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0') * (2 - i as u32 % 2);
            d / 10 + d % 10
        })
        .sum();
    digits.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_forms_of_real_ones() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let p = Person::new(&mut random);
            let area: u32 = p.ssn[0].parse().unwrap();
            assert!((100..666).contains(&area) && p.ssn[1] != "00" && p.ssn[2] != "0000");
            let luhn: u32 = p.card.bytes().rev().enumerate().fold(0, |sum, (i, b)| {
                let d = u32::from(b - b'0') * (1 + i as u32 % 2);
                sum + d / 10 + d % 10
            });
            assert!(luhn.is_multiple_of(10) && p.card.len() == 16, "{}", p.card);
            assert!(p.email.is_ascii() && p.email.contains('@') && !p.email.contains('\''));
            assert!((7..=8).contains(&p.mrn.len()) && !p.mrn.starts_with('0'));
            assert_eq!(p.zip.len(), 5);
        }
    }

    #[test]
    fn dates_are_written_as_people_do() {
        let d = Date { year: 1962, month: 3, day: 4 };
        assert_eq!(
            [d.iso(), d.american(), d.long(), d.medium()],
            ["1962-03-04", "03/04/1962", "March 4, 1962", "04-Mar-1962"]
        );
    }
}
