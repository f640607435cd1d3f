//! What stands behind `lives in` and may not stay: no state and no country, which may (45 CFR 164.514(b)(2)(i)(B) speaks of what is
//! smaller than a state), no month, and none of the words that name no place.

use super::place_words;

/// States, provinces and countries by what running text calls them, lower case, sorted; and what else stands behind
/// such a verb, states of machines among it. Names of cities as well (`Washington`, `New York`, `Mexico`, `Luxembourg`) are left out.
#[rustfmt::skip]
const STAY: &[&str] = &[
    "active", "africa", "alabama", "alaska", "alberta", "algeria", "america", "antarctica", "april", "archive", "archived", "argentina", "arizona",
    "arkansas", "asia", "august", "australia", "austria", "available", "backlog", "bangladesh", "belgium", "blocked", "bolivia", "brazil", "britain",
    "british columbia", "bulgaria", "california", "cambodia", "canada", "canceled", "cancelled", "chile", "china", "closed", "colombia", "colorado",
    "complete", "completed", "connecticut", "croatia", "cuba", "cyprus", "czech republic", "december", "degraded", "delaware", "deleted", "denmark",
    "done", "draft", "ecuador", "egypt", "england", "error", "estonia", "ethiopia", "europe", "failed", "failover", "february", "finished", "finland",
    "florida", "follower", "france", "georgia", "germany", "ghana", "great britain", "greece", "green", "haiti", "hawaii", "hold", "honduras",
    "hungary", "iceland", "icu", "idaho", "idle", "illinois", "inactive", "inbox", "india", "indiana", "indonesia", "iowa", "iran", "iraq", "ireland",
    "israel", "italy", "jamaica", "january", "japan", "july", "june", "kansas", "kentucky", "kenya", "korea", "latvia", "leader", "lebanon",
    "lithuania", "louisiana", "maine", "malaysia", "manitoba", "march", "maryland", "massachusetts", "mexico", "michigan", "minnesota", "mississippi",
    "missouri", "montana", "morocco", "nebraska", "nepal", "netherlands", "nevada", "new hampshire", "new jersey", "new mexico", "new zealand",
    "nicaragua", "nigeria", "north carolina", "north dakota", "norway", "nova scotia", "november", "october", "offline", "ohio", "oklahoma", "online",
    "ontario", "open", "oregon", "pakistan", "panama", "pending", "pennsylvania", "peru", "philippines", "poland", "portugal", "primary",
    "processing", "production", "progress", "puerto rico", "quebec", "queue", "read", "ready", "red", "rejected", "released", "review",
    "rhode island", "romania", "running", "russia", "saskatchewan", "saudi arabia", "scotland", "secondary", "september", "serbia", "slovakia",
    "slovenia", "somalia", "south africa", "south carolina", "south dakota", "south korea", "spain", "staging", "standby", "started", "stopped",
    "sudan", "sweden", "switzerland", "syria", "taiwan", "tennessee", "texas", "thailand", "trash", "tunisia", "turkey", "uganda", "uk", "ukraine",
    "united kingdom", "united states", "unknown", "uruguay", "us", "usa", "utah", "venezuela", "vermont", "vietnam", "virginia", "waiting", "wales",
    "west virginia", "wisconsin", "wyoming", "yellow", "yemen",
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
        for text in
            ["Chicago", "Port Helen", "New York", "LA", "Texas City", "Sankt P\u{f6}lten-am-langen-Flusse"]
        {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["Texas", "NEW JERSEY", "France", "The", "March", "Monday", "ICU", "NJ", "Ready", ""] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
