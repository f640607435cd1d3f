//! Operators and what they may reveal: a TOML file that the privacy officer keeps.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::authored::{Diagnostic, Reader, Table};
use crate::keys::SecretRef;
use crate::keys::encoding::unhex;
use crate::kind::{Kind, KindSet};
use crate::secret::Sensitive;

use super::RevealError;

/// Tokens that an operator may reveal in an hour, where it is not said.
const PER_HOUR: u64 = 20;
/// From so many tokens at once on a second person is needed, where it is not said.
const BULK_FROM: usize = 10;
/// Minutes that the glass stays broken, where it is not said.
const BREAK_GLASS_MINUTES: i64 = 30;

/// The operators, their roles and their limits.
#[derive(Clone, Debug)]
pub struct Operators {
    operators: Vec<Operator>,
    /// What holds for all of them.
    pub limits: Limits,
    digest: [u8; 32],
}

/// What holds for all operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens that one operator may reveal in an hour.
    pub per_hour: u64,
    /// So many tokens at once need the approval of a second person.
    pub bulk_from: usize,
    /// Minutes that the glass stays broken.
    pub break_glass_minutes: i64,
    /// A command that is given what happened, as JSON, when the glass is broken.
    pub alert: Vec<String>,
}

/// One operator.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) id: String,
    pub(super) public_key: [u8; 32],
    pub(super) roles: Vec<Role>,
}

/// What somebody may reveal.
#[derive(Clone, Debug)]
pub(super) struct Role {
    name: String,
    kinds: KindSet,
    /// None is every tenant.
    tenants: Option<Vec<String>>,
    break_glass: bool,
}

/// An operator who has proved to be who they say: only [`Operators::authenticate`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<'o> {
    pub(super) operator: &'o Operator,
}

impl Operators {
    /// Understands the text of a file of operators.
    ///
    /// # Errors
    /// Each thing that is wrong with it, and where.
    pub fn parse(file: &Path, text: &str) -> Result<Operators, Vec<Diagnostic>> {
        let reader = Reader::without_secrets(file.display().to_string(), text);
        let built = reader.parse(text).map(|root| read(&reader, &reader.root(&root)));
        reader.finish()?;
        let mut operators = built.ok_or_else(Vec::new)?;
        operators.digest.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Ok(operators)
    }

    /// SHA-256 of the file: it goes on record with each reveal, so that it can be shown who had which role then.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The operator of this id, who shows to have the key that the file says.
    ///
    /// # Errors
    /// When there is no such operator, or the key is another one; which of both is not told.
    pub fn authenticate(&self, id: &str, key: &SecretRef) -> Result<Authenticated<'_>, RevealError> {
        let seed = key.read_key().map_err(|e| RevealError::Refused(e.to_string()))?;
        let pair = pair(&seed)?;
        let operator = self.operators.iter().find(|o| o.id == id);
        let known = operator.filter(|o| o.public_key == pair.public_key().as_ref());
        known.map(|operator| Authenticated { operator }).ok_or_else(|| {
            RevealError::Refused(format!("no operator {id:?} with this key is in the file of operators"))
        })
    }

    /// Whether a role of this operator is about this kind and tenant.
    pub(super) fn may_reveal(&self, id: &str, kind: Kind, tenant: &str) -> bool {
        let operator = self.operators.iter().find(|o| o.id == id);
        operator.is_some_and(|operator| Authenticated { operator }.may_reveal(kind, tenant))
    }

    /// Whether an operator signed this.
    pub(super) fn has_signed(&self, id: &str, message: &[u8], signature: &[u8]) -> bool {
        let signer = self.operators.iter().find(|o| o.id == id);
        signer.is_some_and(|o| {
            UnparsedPublicKey::new(&ED25519, o.public_key).verify(message, signature).is_ok()
        })
    }
}

/// The key pair of a seed (RFC 8032).
pub(super) fn pair(seed: &Sensitive<[u8; 32]>) -> Result<Ed25519KeyPair, RevealError> {
    Ed25519KeyPair::from_seed_unchecked(seed.expose())
        .map_err(|_| RevealError::Refused("the operator's key is no Ed25519 seed".to_owned()))
}

impl Authenticated<'_> {
    /// Who it is.
    pub fn id(&self) -> &str {
        &self.operator.id
    }

    /// Whether a role of theirs is about this kind and tenant.
    pub(super) fn may_reveal(&self, kind: Kind, tenant: &str) -> bool {
        let own = |role: &Role| role.tenants.as_ref().is_none_or(|all| all.iter().any(|t| t == tenant));
        self.operator.roles.iter().any(|role| role.kinds.contains(kind) && own(role))
    }

    /// Whether they may reveal in an emergency what they else may not.
    pub(super) fn may_break_glass(&self) -> bool {
        self.operator.roles.iter().any(|role| role.break_glass)
    }
}

fn read(reader: &Reader, root: &Table<'_>) -> Operators {
    let mut roles: Vec<Role> = Vec::new();
    for t in root.tables("role") {
        roles.extend(role(reader, &t, &roles));
    }
    let mut operators: Vec<Operator> = Vec::new();
    for t in root.tables("operator") {
        operators.extend(operator(reader, &t, &roles, &operators));
    }
    let mut limits = Limits {
        per_hour: PER_HOUR,
        bulk_from: BULK_FROM,
        break_glass_minutes: BREAK_GLASS_MINUTES,
        alert: Vec::new(),
    };
    if let Some(t) = root.table("limits") {
        limits.per_hour = t.integer("per_hour", 1..=1_000_000).map_or(PER_HOUR, |n| n as u64);
        limits.bulk_from = t.integer("bulk_from", 2..=1_000_000).map_or(BULK_FROM, |n| n as usize);
        limits.break_glass_minutes =
            t.integer("break_glass_minutes", 1..=1440).unwrap_or(BREAK_GLASS_MINUTES);
        let words = t.strings("alert").unwrap_or_default();
        limits.alert = words.into_iter().map(toml::Spanned::into_inner).collect();
        t.finish(&[]);
    }
    root.finish(&[]);
    Operators { operators, limits, digest: [0; 32] }
}

/// One person must not be two, nor one name mean two things.
fn twice(reader: &Reader, span: std::ops::Range<usize>, what: &str) {
    let help = Some("give each their own, or take one of the two out".to_owned());
    reader.error(span, format!("`{what}` stands there twice"), "the second one", help);
}

fn role(reader: &Reader, t: &Table<'_>, before: &[Role]) -> Option<Role> {
    let name = t.required_string("name", "name the role: name = \"privacy-officer\"");
    let names: Vec<(&str, Kind)> = Kind::ALL.iter().map(|k| (k.name(), *k)).collect();
    let kinds = t.strings("kinds");
    let kinds = kinds.map(|words| words.iter().filter_map(|w| t.choose("kinds", w, &names, &[])).collect());
    let tenants = t.strings("tenants").map(|all| all.into_iter().map(toml::Spanned::into_inner).collect());
    let break_glass = t.boolean("break_glass").unwrap_or(false);
    t.finish(&[]);
    if let Some(name) = &name
        && before.iter().any(|role| role.name == *name.get_ref())
    {
        twice(reader, name.span(), "role.name");
    }
    Some(Role { name: name?.into_inner(), kinds: kinds.unwrap_or(KindSet::ALL), tenants, break_glass })
}

fn operator(reader: &Reader, t: &Table<'_>, roles: &[Role], before: &[Operator]) -> Option<Operator> {
    let id = t.required_string("id", "name the operator: id = \"ana\"");
    let key = t.required_string("public_key", "write the key that `scrubjay vault operator-key` prints");
    let words = t.strings("roles").unwrap_or_default();
    t.finish(&[]);
    let own: Vec<Role> = words
        .iter()
        .filter_map(|word| {
            let found = roles.iter().find(|role| role.name == *word.get_ref()).cloned();
            if found.is_none() {
                let help = Some("add a [[role]] of this name, or take it out".to_owned());
                reader.error(
                    word.span(),
                    "`operator.roles` names a role that is not there".to_owned(),
                    "no such role",
                    help,
                );
            }
            found
        })
        .collect();
    let (id, key) = (id?, key?);
    if before.iter().any(|o| o.id == *id.get_ref()) {
        twice(reader, id.span(), "operator.id");
    }
    let mut public_key = [0; 32];
    if !unhex(key.get_ref().as_bytes(), &mut public_key) {
        let help =
            Some("it has 64 hexadecimal digits; `scrubjay vault operator-key KEY` prints it".to_owned());
        reader.error(
            key.span(),
            "`operator.public_key` must be an Ed25519 key".to_owned(),
            "not a key",
            help,
        );
        return None;
    }
    if before.iter().any(|o| o.public_key == public_key) {
        twice(reader, key.span(), "operator.public_key");
    }
    Some(Operator { id: id.into_inner(), public_key, roles: own })
}
