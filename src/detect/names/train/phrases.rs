//! Phrases that slots are filled with, and how words are changed to fit.

use super::Random;

pub(super) fn coined(a: &str, b: &str, r: &mut Random) -> String {
    let head: String = a.chars().take(2 + r.below(4)).collect();
    let tail: Vec<char> = b.chars().rev().take(2 + r.below(5)).collect();
    head.chars().chain(tail.into_iter().rev()).filter(char::is_ascii_lowercase).collect()
}

pub(super) fn title(word: &str) -> String {
    word.split(' ')
        .map(|w| {
            let mut c = w.chars();
            c.next().map_or(String::new(), |first| first.to_uppercase().chain(c).collect())
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// `mcdonald` is `McDonald`, mostly.
pub(super) fn surname_case(word: &str, r: &mut Random) -> String {
    if let Some(rest) = word.strip_prefix("mc")
        && rest.len() > 2
        && r.chance(80)
    {
        return format!("Mc{}", title(rest));
    }
    title(word)
}

pub(super) fn initial(r: &mut Random) -> char {
    char::from(b"ABCDEFGHIJKLMNOPRSTVWZ"[r.below(22)])
}

pub(super) fn date(r: &mut Random) -> String {
    let (y, m, d) = (1930 + r.below(97), 1 + r.below(12), 1 + r.below(28));
    match r.below(6) {
        0 => format!("{y}-{m:02}-{d:02}"),
        1 => format!("{m:02}/{d:02}/{y}"),
        2 => format!("{} {d}, {y}", MONTHS[m - 1]),
        3 => format!("{d} {} {y}", &MONTHS[m - 1][..3]),
        4 => format!("{} {d}th", MONTHS[m - 1]),
        _ => format!("{m}/{d}/{:02}", y % 100),
    }
}

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const WEEKDAYS: [&str; 10] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Mon", "Tue", "Fri"];
pub(super) const STATES: [&str; 24] = [
    "CA California",
    "TX Texas",
    "NY New York",
    "FL Florida",
    "IL Illinois",
    "PA Pennsylvania",
    "OH Ohio",
    "GA Georgia",
    "NC North Carolina",
    "MI Michigan",
    "NJ New Jersey",
    "VA Virginia",
    "WA Washington",
    "AZ Arizona",
    "MA Massachusetts",
    "TN Tennessee",
    "IN Indiana",
    "MO Missouri",
    "MD Maryland",
    "WI Wisconsin",
    "CO Colorado",
    "MN Minnesota",
    "OR Oregon",
    "UT Utah",
];
pub(super) const PEOPLES: [&str; 20] = [
    "American",
    "English",
    "Spanish",
    "German",
    "French",
    "Chinese",
    "Mexican",
    "Indian",
    "Italian",
    "Polish",
    "Korean",
    "Vietnamese",
    "African American",
    "Caucasian",
    "Hispanic",
    "Portuguese",
    "Russian",
    "Japanese",
    "Arabic",
    "Dutch",
];
pub(super) const PRODUCTS: [&str; 24] = [
    "iPhone 15",
    "Galaxy Tab",
    "Windows 11",
    "Kindle",
    "PlayStation",
    "Office 365",
    "Chrome",
    "Photoshop",
    "Excel",
    "Model S",
    "Corolla",
    "Echo Dot",
    "Fitbit",
    "Apple Watch",
    "MyChart",
    "Epic Hyperspace",
    "Cerner PowerChart",
    "Tide",
    "Coke",
    "Big Mac",
    "Nutella",
    "Lego",
    "Monopoly",
    "Scrabble",
];
pub(super) const DEVICES: [&str; 20] = [
    "Foley catheter",
    "Bovie",
    "Swan-Ganz catheter",
    "Hickman line",
    "Medtronic pacemaker",
    "Zimmer knee",
    "Bookwalter retractor",
    "Yankauer suction",
    "Kerrison rongeur",
    "Jackson-Pratt drain",
    "Doppler",
    "Holter monitor",
    "LigaSure",
    "Port-A-Cath",
    "Penrose drain",
    "Steri-Strips",
    "Kerlix",
    "Ace wrap",
    "Velcro splint",
    "Weitlaner",
];
pub(super) const TESTS: [&str; 20] = [
    "CBC",
    "BMP",
    "Hemoglobin A1c",
    "TSH",
    "MRI",
    "CT",
    "Apgar",
    "Glasgow Coma Scale",
    "PHQ-9",
    "Pap smear",
    "Western blot",
    "Gram stain",
    "EKG",
    "Chest X-ray",
    "Lipid panel",
    "Mini-Cog",
    "Snellen",
    "Schober",
    "Tinel",
    "Lachman",
];
pub(super) const JOBS: [&str; 16] = [
    "nurse",
    "software engineer",
    "Registered Nurse",
    "Director of Nursing",
    "teacher",
    "accountant",
    "Sales Manager",
    "plumber",
    "Chief Financial Officer",
    "truck driver",
    "Case Manager",
    "Project Manager",
    "Vice President",
    "Attorney",
    "cashier",
    "Physical Therapist",
];
pub(super) const ORGANISATIONS: [&str; 24] = [
    "Kaiser Permanente",
    "Blue Cross Blue Shield",
    "Aetna",
    "Johnson & Johnson",
    "Wells Fargo",
    "JPMorgan Chase",
    "Merrill Lynch",
    "United Healthcare",
    "Walgreens",
    "CVS",
    "the FDA",
    "the CDC",
    "Medicare",
    "NASA",
    "Harvard",
    "Stanford",
    "the New York Times",
    "Goldman Sachs",
    "Morgan Stanley",
    "Ernst & Young",
    "Procter & Gamble",
    "Eli Lilly",
    "Abbott",
    "the Red Cross",
];
