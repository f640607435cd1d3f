//! `[keys]`.

use toml::Spanned;

use super::policy::path_pattern;
use crate::authored::{Reader, Table};
use crate::policy::PathPattern;
use crate::scrubber::Tenant;
use crate::transform::TokenForm;

/// `[keys]`
#[derive(Default)]
pub(in crate::config) struct KeysSpec {
    pub(in crate::config) ring: Option<Spanned<String>>,
    pub(in crate::config) tenant: Option<Tenant>,
    pub(in crate::config) subject: Option<PathPattern>,
    pub(in crate::config) form: TokenForm,
}

const FORMS: &[(&str, TokenForm)] = &[("square", TokenForm::Square), ("round", TokenForm::Round)];
const TENANT_HELP: &str =
    "write tenant = \"clinic-a\", tenant = { header = \"x-tenant\" } or tenant = { path = \"$.tenant\" }";

impl KeysSpec {
    pub(super) fn read(reader: &Reader, t: &Table<'_>) -> KeysSpec {
        let spec = KeysSpec {
            ring: t.string("ring"),
            tenant: tenant(reader, t),
            subject: path_pattern(reader, t, "subject"),
            form: t.one_of("form", FORMS, &[]).map_or(TokenForm::default(), Spanned::into_inner),
        };
        t.finish(&[]);
        spec
    }
}

fn tenant(reader: &Reader, t: &Table<'_>) -> Option<Tenant> {
    let wrong = |span, must: &str| {
        t.wrong("tenant", span, must, "here", Some(TENANT_HELP.to_owned()));
        None
    };
    match t.string_or_table("tenant")? {
        Ok(name) if name.get_ref().trim().is_empty() || name.get_ref().len() > Tenant::MAX_BYTES => {
            wrong(name.span(), &format!("a name of 1 to {} bytes", Tenant::MAX_BYTES))
        }
        Ok(name) => Some(Tenant::Fixed(name.into_inner().trim().to_owned())),
        Err(table) => {
            let header = table.string("header");
            let path = path_pattern(reader, &table, "path");
            let has_path = table.has("path");
            table.finish(&[]);
            match (header, path) {
                (Some(header), None) if !has_path => Some(Tenant::Header(header.into_inner())),
                (None, Some(path)) => Some(Tenant::Path(path)),
                // What is wrong with the path has been said.
                (None, None) if has_path => None,
                _ => wrong(table.span(), "a name, or one place where it stands"),
            }
        }
    }
}
