//! What a value is sealed with, against published vectors: through the cipher that transforms hold, and through a whole token.

use super::*;
use crate::keys::encoding::{hex, unhex};

fn bytes(text: &str) -> Vec<u8> {
    let mut out = vec![0; text.len() / 2];
    assert!(unhex(text.as_bytes(), &mut out), "{text}");
    out
}

/// What a worker holds for a kind once it has derived this key.
fn holding(key: &[u8]) -> KindKeys {
    KindKeys { seal: Some(Aes256Siv::new_from_slice(key).unwrap()), ..KindKeys::default() }
}

/// 64 bytes that count up: the key of Wycheproof's edge cases.
fn counting() -> Vec<u8> {
    (0..64).collect()
}

/// AES-SIV-CMAC with 512 bits of key, as here: Project Wycheproof, `testvectors_v1/aes_siv_cmac_test.json` (0.8r12), test cases by
/// their `tcId`.
#[test]
fn wycheproof_samples() {
    let keyed = one();
    for (case, key, ad, message, sealed) in [
        (
            296,
            "bc7635c1fd566aa8357fd103714bfaee1c9e5b3c578b3980401a981030254a54b1756a8c96e600b7252fd0aab12f39d115d256b3f3e7c2c41a7fece72ba7c3c4",
            "",
            "",
            "44b1c6fe8a8c07dee5377b161f283c31",
        ),
        (
            302,
            "c25cafc6018b98dfbb79a40ec89c575a4f88c4116489bba27707479800c0130235334a45dbe8d8dae3da8dcb45bbe5dce031b0f68ded544fda7eca30d6749442",
            "deeb0ccf3aef47a296ed1ca8f4ae5907",
            "beec61030fa3d670337196beade6aeaa",
            "5865208eab9163db85cab9f96d846234a2626aae22f5c17c9aad4b501f4416e4",
        ),
        (
            310,
            "8f13f2bf02d72360d9958eb8aa90634ae48331e7dfdbf16fc51c7238ae9f9d50d4495d196676ef5259b64a616305ffaae517c587d4e7afba40e4a2c5b0989182",
            "755f50cfdfc849654ad98cc7",
            "ac598720b96e",
            "adee2a373a7f6bbaf4f00e5f3f93435a09091b5221ae",
        ),
        (
            324,
            "72a76714e0171e8213de624f00e273bc900050e69d25c454cc42b61e8b3fbc92d4942e1ae14421e164046c1479a7b9c9f4b50b382cb62dfeaa210b98dec7d937",
            "6a8aaf2c84003e0e6f409658",
            "92d8f4dc7d41e8b180d66e8994022db79249cdc76fd7f3ea12d9925b51925250cd75a15fcfd78ea85c57fe6196f8d7545086f99ea796a0ea69170db9944200435d9d3d551943892400ce787f703c1105",
            "69f720f36b0da86ec8cc0f46d62835dcb35ac23f5b891152d861c4e0f0018f19d272ee8b12d83300bfd46aeec0124d5d23b3cb849c1cab1fdf64b70947ebf79f5442e209076dfa9a3f36ab0a6d3cf4a75ddfcdc21837743b20885db4c803ac27",
        ),
        // A counter that would overflow if the bits that SIV clears were not cleared.
        (
            328,
            &hex(&counting()),
            "000102030405060708090a0b0c0d0e0f",
            "404aa73280eb830afde284ba6b18d48a",
            "ffffffffffffffffffffffffffffffff0fae016c086fc20546b374c24f3ebad0",
        ),
    ] {
        let mut held = holding(&bytes(key));
        let siv = held.siv(&keyed, Kind::Ssn, TENANT).unwrap();
        let (ad, message, sealed) = (bytes(ad), bytes(message), bytes(sealed));
        assert_eq!(hex(&siv.encrypt([&ad], &message).unwrap()), hex(&sealed), "test case {case}");
        assert_eq!(siv.decrypt([&ad], &sealed).unwrap(), message, "test case {case}");
        assert!(siv.decrypt([&ad[..], b"x"], &sealed).is_err(), "test case {case} with more beside it");
    }
    // Test cases 335 and 430 are wrong in their first bit, and in all of them.
    let mut held = holding(&counting());
    let siv = held.siv(&keyed, Kind::Ssn, TENANT).unwrap();
    for wrong in [
        "6ef5b8ef53fc365606cd3ea047374885",
        "00000000000000000000000000000000adfd10a7615d6515b999dbfc5a10f3ae9df5f19a",
    ] {
        assert!(siv.decrypt([b""], &bytes(wrong)).is_err(), "{wrong}");
    }
}

/// The construction, with as many headers as one likes: RFC 5297, appendices A.1 and A.2. The RFC has no samples but of AES-128 (256 bits
/// of key); what values are sealed with, AES-256, differs in the block cipher alone.
#[test]
fn rfc_5297_samples() {
    use aes_siv::siv::Aes128Siv;
    for (key, headers, message, sealed) in [
        (
            "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            &["101112131415161718191a1b1c1d1e1f2021222324252627"][..],
            "112233445566778899aabbccddee",
            "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
        ),
        (
            "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
            &[
                "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
                "102030405060708090a0",
                "09f911029d74e35bd84156c5635688c0",
            ],
            "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
        ),
    ] {
        let mut siv = Aes128Siv::new_from_slice(&bytes(key)).unwrap();
        let headers: Vec<_> = headers.iter().map(|header| bytes(header)).collect();
        assert_eq!(hex(&siv.encrypt(&headers, &bytes(message)).unwrap()), sealed);
        assert_eq!(hex(&siv.decrypt(&headers, &bytes(sealed)).unwrap()), message);
    }
}

/// A whole token: the value is the message, and what stands before the body the one header. What OpenSSL 4.0 says of them (AES-256-SIV,
/// with the key that counts up).
#[test]
fn a_token_holds_what_another_implementation_seals() {
    let (keyed, mut scratch, mut out) = (one(), KeyedScratch::default(), Vec::new());
    scratch.serve(keyed.serial);
    *scratch.tenants.of(TENANT).unwrap().of(Kind::Ssn) = holding(&counting());
    let value = Value { kind: Kind::Ssn, action: Action::Seal, text: b"219-10-9999", number: false };
    keyed.transform(value, TENANT, &mut scratch, &mut out).unwrap();
    let token = read(std::str::from_utf8(&out).unwrap());
    assert_eq!(token.head(), b"SSN:s1:");
    assert_eq!(hex(token.name()), "fb96d1d1d1d0ca9ddeee177d8736b8f801597b7bc4eb1282c1ec2c");
}
