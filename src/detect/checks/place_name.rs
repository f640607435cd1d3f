//! What stands behind `lives in` and may not stay: no state and no country, which may (45 CFR 164.514(b)(2)(i)(B) speaks of what is
//! smaller than a state), no month, and none of the words that name no place.

use super::place_words;

/// States, provinces and countries by what running text calls them, lower case, sorted; and what else stands behind
/// such a verb. Names of cities as well (`Washington`, `New York`, `Mexico`, `Luxembourg`) are left out.
#[rustfmt::skip]
const STAY: &[&str] = &[
    "africa", "alabama", "alaska", "alberta", "algeria", "america", "antarctica", "april", "argentina", "arizona", "arkansas", "asia", "august", "australia",
    "austria", "bangladesh", "belgium", "bolivia", "brazil", "britain", "british columbia", "bulgaria", "california", "cambodia", "canada", "chile", "china",
    "colombia", "colorado", "connecticut", "croatia", "cuba", "cyprus", "czech republic", "december", "delaware", "denmark", "ecuador", "egypt",
    "england", "estonia", "ethiopia", "europe", "february", "finland", "florida", "france", "georgia", "germany", "ghana", "great britain", "greece",
    "haiti", "hawaii", "honduras", "hungary", "iceland", "icu", "idaho", "illinois", "india", "indiana", "indonesia", "iowa", "iran", "iraq", "ireland",
    "israel", "italy", "jamaica", "january", "japan", "july", "june", "kansas", "kentucky", "kenya", "korea", "latvia", "lebanon", "lithuania",
    "louisiana", "maine", "malaysia", "manitoba", "march", "maryland", "massachusetts", "mexico", "michigan", "minnesota", "mississippi", "missouri", "montana",
    "morocco", "nebraska", "nepal", "netherlands", "nevada", "new hampshire", "new jersey", "new mexico", "new zealand", "nicaragua", "nigeria",
    "north carolina", "north dakota", "norway", "nova scotia", "november", "october", "ohio", "oklahoma", "ontario", "oregon", "pakistan", "panama",
    "pennsylvania", "peru", "philippines", "poland", "portugal", "production", "puerto rico", "quebec", "rhode island", "romania", "russia",
    "saskatchewan", "saudi arabia", "scotland", "september", "serbia", "slovakia", "slovenia", "somalia", "south africa", "south carolina", "south dakota",
    "south korea", "spain", "staging", "sudan", "sweden", "switzerland", "syria", "taiwan", "tennessee", "texas", "thailand", "tunisia", "turkey",
    "uganda", "uk", "ukraine", "united kingdom", "united states", "uruguay", "us", "usa", "utah", "venezuela", "vermont", "vietnam", "virginia",
    "wales", "west virginia", "wisconsin", "wyoming", "yemen",
];

pub(super) fn passes(text: &[u8]) -> bool {
    // Abbreviations of states, but for those that are how a city is called.
    if text.len() == 2 && text.iter().all(u8::is_ascii_uppercase) && !matches!(text, b"LA" | b"DC" | b"SF") {
        return false;
    }
    let mut lower = [0; 20];
    let Some(lower) = lower.get_mut(..text.len()) else { return place_words::passes(text) };
    lower.copy_from_slice(text);
    lower.make_ascii_lowercase();
    STAY.binary_search_by(|s| s.as_bytes().cmp(lower)).is_err() && place_words::passes(text)
}

#[cfg(test)]
mod tests {
    use super::{STAY, passes};

    #[test]
    fn the_list_is_sorted_lower_case_and_fits() {
        assert!(STAY.windows(2).all(|w| w[0] < w[1]));
        assert!(STAY.iter().all(|w| w.len() <= 20 && !w.bytes().any(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn cities_go_and_states_stay() {
        for text in ["Chicago", "Port Helen", "New York", "LA", "Texas City", "Sankt P\u{f6}lten-am-langen-Flusse"]
        {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["Texas", "NEW JERSEY", "France", "The", "March", "Monday", "ICU", "NJ", ""] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
