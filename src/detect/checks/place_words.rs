//! Places: what tells `Lincoln Medical Center` from `the Medical Center` and `Pain Clinic`.
//!
//! The pattern has found words in capitals around a word that says what sort of place it is. A name has a word more, which
//! is none of those that stand in front of such a word in running text, in headings and on signs.

/// Words that name no place, lower case, sorted. Compiled by the project from general vocabulary: what begins a sentence or
/// a heading, sorts of places, departments and specialties.
#[rustfmt::skip]
const GENERIC: &[&str] = &[
    "a", "about", "access", "acute", "address", "admission", "admit", "admitted", "admitting", "adult", "adventist",
    "after", "again", "alert", "all", "allergy", "also", "ambulance", "ambulatory", "american", "an", "and",
    "another", "anticoagulation", "any", "api", "app", "application", "apr", "april", "are", "around", "as",
    "assisted", "at", "attending", "attorney", "aug", "august", "avenue", "back", "bay", "be", "because", "bed",
    "been", "before", "behavioral", "billing", "birth", "birthing", "block", "blvd", "bone", "borough", "both",
    "boulevard", "brief", "brigadier", "but", "by", "call", "called", "can", "cancer", "cardiac", "cardiology",
    "care", "case", "ccu", "census", "center", "centers", "centre", "charge", "check", "chemotherapy", "chest",
    "chronic", "class", "client", "clinic", "clinical", "clinics", "cluster", "common", "community", "consul",
    "consulting", "contact", "container", "control", "coumadin", "county", "course", "crescent", "critical", "cross",
    "ct", "ctr", "current", "customer", "cvicu", "daily", "database", "date", "day", "dear", "dec", "december",
    "declining", "default", "dental", "department", "dermatology", "diabetes", "diabetic", "diagnosis", "dialysis",
    "did", "director", "discharge", "discharged", "disease", "disk", "dispensary", "dollar", "dr", "during", "each",
    "ear", "ed", "effect", "eight", "either", "electronic", "emergency", "employee", "endpoint", "ent",
    "environmental", "er", "error", "european", "every", "excellent", "eye", "eyes", "facilities", "facility", "fact",
    "failed", "family", "feb", "february", "federal", "few", "final", "find", "first", "five", "follow-up",
    "followup", "for", "former", "four", "fracture", "free", "fri", "friday", "from", "front", "full", "gate",
    "general", "geriatric", "global", "go", "good", "grade", "group", "gut", "gynecology", "had", "half", "has",
    "have", "he", "head", "health", "healthcare", "heart", "hello", "her", "here", "high", "his", "history", "home",
    "hospice", "hospital", "hospitals", "host", "house", "how", "i", "icu", "if", "imaging", "immunization",
    "improved", "improving", "in", "index", "infirmary", "information", "infusion", "initial", "inpatient",
    "inspector", "instance", "institute", "institutes", "insurance", "intensive", "interim", "international", "into",
    "is", "it", "its", "jan", "january", "job", "jul", "july", "jun", "june", "just", "kafka", "lab", "labs", "lane",
    "last", "late", "leave", "left", "lieutenant", "living", "local", "long-term", "love", "main", "major", "many",
    "mar", "march", "maternity", "may", "md", "med", "medical", "medication", "medicine", "meeting", "meetings",
    "memorial", "memory", "mental", "micu", "mobile", "mon", "monday", "monitor", "monitoring", "more", "most", "mr",
    "mri", "mrs", "ms", "my", "name", "national", "near", "nearby", "nearest", "need", "network", "neurology", "next",
    "nicu", "no", "node", "normal", "not", "note", "nov", "november", "now", "np", "nursing", "obs", "observation",
    "obstetrics", "occupational", "oct", "october", "of", "off", "office", "officer", "on", "oncology", "one",
    "online", "only", "op", "open", "operative", "or", "oral", "order", "organization", "orthopaedics", "orthopedic",
    "orthopedics", "ot", "other", "our", "out", "outpatient", "outside", "overall", "own", "oxygen", "pa", "pacu",
    "pain", "parish", "parkway", "past", "patient", "patient's", "patients", "pcp", "pediatric", "pediatrics",
    "pharmacy", "phase", "phone", "physical", "picu", "please", "pod", "podiatry", "poor", "position", "post-op",
    "postmaster", "postoperative", "practice", "pre-op", "preadmission", "precinct", "prenatal", "preoperative",
    "prevention", "previous", "primary", "prior", "private", "process", "progress", "provider", "psychiatric",
    "psychiatry", "pt", "public", "pulmonary", "quality", "queue", "radiology", "recent", "recovery", "redis",
    "referral", "referring", "regional", "rehab", "rehabilitation", "report", "research", "reservation",
    "residential", "returned", "right", "rn", "road", "room", "run", "running", "rural", "safety", "same", "sat",
    "saturday", "school", "second", "secretary", "section", "see", "seen", "senior", "sep", "september", "server",
    "service", "services", "session", "seven", "several", "she", "sicu", "side", "since", "six", "skilled", "skin",
    "sleep", "solicitor", "some", "spine", "sports", "stable", "stage", "starting", "state", "status", "step-down",
    "stopped", "street", "stroke", "student", "such", "sun", "sunday", "surgeon", "surgery", "surgical", "system",
    "systems", "task", "teaching", "telemetry", "ten", "terminal", "terrace", "tertiary", "thank", "thanks", "that",
    "the", "their", "then", "therapy", "there", "these", "they", "third", "this", "those", "thread", "three", "thu",
    "thursday", "to", "today", "touch", "tower", "township", "tract", "transfer", "trauma", "travel", "treatment",
    "triage", "trouble", "tue", "tuesday", "two", "type", "ultrasound", "unit", "until", "up", "upon", "urgent",
    "urology", "user", "vaccination", "value", "vascular", "very", "veterinary", "via", "virtual", "visit", "visited",
    "visiting", "walk-in", "ward", "was", "we", "wed", "wednesday", "weekly", "welcome", "well", "wellness", "went",
    "were", "what", "when", "where", "which", "while", "who", "whose", "why", "wide", "will", "wing", "with", "women",
    "women's", "worker", "wound", "x-ray", "yes", "you", "your", "zone",
];

pub(super) fn passes(text: &[u8]) -> bool {
    // The typographic apostrophe is three bytes long; a word with one of another script is a name anyway.
    let words = text.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'-') || *b >= 0x80));
    words.map(|w| w.trim_ascii()).any(is_name)
}

/// Has two letters, and is none of the words that are none.
fn is_name(word: &[u8]) -> bool {
    let letters = word.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let mut lower = [0; 24];
    let Some(lower) = lower.get_mut(..word.len()) else { return true };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    letters >= 2 && GENERIC.binary_search_by(|g| g.as_bytes().cmp(lower)).is_err()
}

#[cfg(test)]
mod tests {
    use super::{GENERIC, passes};

    #[test]
    fn the_list_is_sorted_lower_case_and_fits() {
        assert!(GENERIC.windows(2).all(|w| w[0] < w[1]));
        assert!(GENERIC.iter().all(|w| w.len() <= 24 && !w.bytes().any(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn names_have_a_word_more() {
        for text in [
            "Lincoln Medical Center",
            "St. Brigid's",
            "Wexley General",
            "The Harborlight Clinic",
            "MERIDIAN HEALTH",
            "Universit\u{e4}tsklinikum",
            "NYU Langone Health",
            "Cook County",
        ] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in [
            "The Medical Center",
            "General Hospital",
            "Pain Clinic",
            "Our Outpatient Clinic",
            "URGENT CARE",
            "3 A Clinics",
            "",
            "4 - 5",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
