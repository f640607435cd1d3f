//! Paths of requests.

use std::str::FromStr;

/// A path with places in it: `/2010-04-01/Accounts/{tenant}/Messages.json`. A place is one segment, whatever stands in it; that of `{tenant}`
/// says whose the request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Any,
    Tenant,
}

impl FromStr for Route {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Route, &'static str> {
        let rest = text.strip_prefix('/').ok_or("begins with no `/`")?;
        let segments = rest.split('/').map(|segment| match segment {
            "{tenant}" => Ok(Segment::Tenant),
            _ if segment.starts_with('{') && segment.ends_with('}') => Ok(Segment::Any),
            _ if segment.contains(['{', '}', '?', '#']) => Err("has a place that is no whole segment"),
            _ => Ok(Segment::Fixed(segment.to_owned())),
        });
        Ok(Route(segments.collect::<Result<_, _>>()?))
    }
}

impl Route {
    /// Whether a path is one of these, and whose it says the request is. The path is compared as it stands: a spelling with
    /// `%` in place of a letter is another path here, and is refused.
    pub(super) fn matches(&self, path: &str) -> Option<Option<String>> {
        let mut given = path.strip_prefix('/')?.split('/');
        let mut tenant = None;
        for segment in &self.0 {
            let part = given.next()?;
            match segment {
                Segment::Fixed(fixed) if fixed == part => {}
                Segment::Fixed(_) => return None,
                // `.` and `..` would be another path behind the proxy.
                Segment::Any | Segment::Tenant if matches!(part, "" | "." | "..") => return None,
                Segment::Any => {}
                Segment::Tenant => tenant = Some(part.to_owned()),
            }
        }
        given.next().is_none().then_some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_whole_and_as_they_stand() {
        let route: Route = "/v1/{tenant}/messages/{id}/send".parse().unwrap();
        for (path, want) in [
            ("/v1/AC1/messages/7/send", Some(Some("AC1".to_owned()))),
            ("/v1/AC1/messages/7/send/", None),
            ("/v1/AC1/messages/7", None),
            ("/v1//messages/7/send", None),
            ("/v1/../messages/7/send", None),
            ("/v1/AC1/mess%61ges/7/send", None),
            ("v1/AC1/messages/7/send", None),
        ] {
            assert_eq!(route.matches(path), want, "{path}");
        }
        assert_eq!("/".parse::<Route>().unwrap().matches("/"), Some(None));
        for (text, why) in [("v1", "no `/`"), ("/a{b}", "whole segment"), ("/a?b", "whole segment")] {
            assert!(text.parse::<Route>().unwrap_err().contains(why), "{text}");
        }
    }
}
