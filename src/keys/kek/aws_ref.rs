//! Which KMS key: `aws-kms:ARN`, of a key or of an alias.

use super::{KekError, refuse};

const KIND: &str = "an `aws-kms:` reference";

/// A key of AWS KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KmsKeyRef {
    /// The whole ARN.
    pub(super) arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) partition: String,
    /// `eu-west-1`.
    pub(super) region: String,
    /// `alias/NAME`, where it is one.
    pub(super) alias: Option<String>,
}

impl KmsKeyRef {
    /// Parses what follows `aws-kms:`.
    pub(super) fn parse(text: &str) -> Result<KmsKeyRef, KekError> {
        let parts: Vec<&str> = text.split(':').collect();
        let word = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let name = |text: &str| {
            let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
            !text.is_empty() && text.bytes().all(letters)
        };
        if let ["arn", partition, "kms", region, account, resource] = parts[..] {
            let (kind, key) = resource.split_once('/').unwrap_or_default();
            let account_is_fine = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            if word(partition)
                && word(region)
                && account_is_fine
                && matches!(kind, "key" | "alias")
                && name(key)
            {
                return Ok(KmsKeyRef {
                    arn: text.to_string(),
                    partition: partition.to_string(),
                    region: region.to_string(),
                    alias: (kind == "alias").then(|| resource.to_string()),
                });
            }
        }
        refuse(&format!(
            "{KIND} is aws-kms:arn:aws:kms:REGION:ACCOUNT:key/ID or aws-kms:arn:aws:kms:REGION:ACCOUNT:alias/NAME"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_arn_apart() {
        let key = KmsKeyRef::parse("arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-0a").unwrap();
        assert_eq!((&*key.partition, &*key.region, key.alias), ("aws-cn", "cn-north-1", None));
        let key = KmsKeyRef::parse("arn:aws:kms:eu-west-1:123456789012:alias/team/ring").unwrap();
        assert_eq!(key.alias.as_deref(), Some("alias/team/ring"));
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "alias/ring",
            "arn:aws:s3:eu-west-1:123456789012:key/a",
            "arn:aws:kms::123456789012:key/a",
            "arn:aws:kms:eu-west-1:12345678901:key/a",
            "arn:aws:kms:eu-west-1:123456789012:key/",
            "arn:aws:kms:eu-west-1:123456789012:grant/a",
            "arn:aws:kms:eu-west-1:123456789012:key/a:b",
            "arn:aws:kms:evil.example/:123456789012:key/a",
            "arn:aws:kms:eu-west-1:123456789012:key/a b",
        ] {
            assert!(KmsKeyRef::parse(text).is_err(), "{text}");
        }
    }
}
