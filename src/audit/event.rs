//! What can happen: a closed list.

macro_rules! events {
    ($($variant:ident $name:literal $about:literal;)*) => {
        /// What happened. The list is closed: a log holds nothing else, and a name that is not on it was written by a
        /// later version of this program, or by something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = concat!("`", $name, "`: ", $about, ".")] $variant,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// The name in the log.
            pub const fn name(self) -> &'static str {
                match self { $(Event::$variant => $name,)* }
            }

            /// One line on what it is.
            pub const fn about(self) -> &'static str {
                match self { $(Event::$variant => $about,)* }
            }
        }
    };
}

events! {
    PolicyLoad "policy_load" "a policy or pipeline came into force";
    KeyGenerate "key_generate" "a key was made";
    KeyRotate "key_rotate" "a key got a new version";
    KeyRetire "key_retire" "a version of a key is used for reading only";
    KeyDestroy "key_destroy" "a version of a key was destroyed; what it sealed cannot be read again";
    KeyRewrap "key_rewrap" "keys were wrapped under another key-encryption key";
    VaultReveal "vault_reveal" "the value behind a token was revealed";
    VaultRevealBulk "vault_reveal_bulk" "the values behind many tokens were revealed at once";
    BreakGlass "break_glass" "values were revealed in an emergency, without the usual approval";
    QuarantineOpen "quarantine_open" "sealed records were opened";
    VaultExport "vault_export" "entries of the vault were exported";
    VaultBackup "vault_backup" "a backup of the vault was made";
    VaultRestore "vault_restore" "the vault was restored from a backup";
    VaultExpire "vault_expire" "entries of the vault were deleted at the end of their time";
    ApprovalRequest "approval_request" "somebody asked for an approval";
    ApprovalGrant "approval_grant" "somebody approved what another had asked for";
    ApprovalDeny "approval_deny" "somebody refused what another had asked for";
    Login "login" "an operator signed in";
    Logout "logout" "an operator signed out, or was signed out";
    AuditRotate "audit_rotate" "the audit log went on in a new file";
    AuditRecover "audit_recover" "the audit log was opened after a crash, and its unfinished last line dealt with";
    AuditExport "audit_export" "entries of the audit log were exported";
    AuditPrune "audit_prune" "old files of the audit log are being deleted";
}

impl Event {
    /// The event of this name.
    pub fn named(name: &str) -> Option<Event> {
        Event::ALL.iter().copied().find(|e| e.name() == name)
    }

    /// Whether it shows somebody what was protected: the reveals, and opening the quarantine.
    pub fn discloses(self) -> bool {
        use Event::{BreakGlass, QuarantineOpen, VaultExport, VaultReveal, VaultRevealBulk};
        matches!(self, VaultReveal | VaultRevealBulk | BreakGlass | QuarantineOpen | VaultExport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_to_one() {
        for event in Event::ALL {
            assert_eq!(Event::named(event.name()), Some(*event));
            assert!(event.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{event:?}");
        }
        assert_eq!(Event::named("vault_peek"), None);
    }
}
