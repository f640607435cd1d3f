use super::*;

struct Fixture {
    dir: tempfile::TempDir,
    ring: PathBuf,
    kek: KekRef,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let kek: KekRef = format!("file:{}", dir.path().join("kek").display()).parse().unwrap();
    let opened = kek.create().unwrap();
    let ring = dir.path().join("ring");
    RingFile::create(&ring, kek.clone(), &*opened, 1000).unwrap();
    Fixture { dir, ring, kek }
}

fn states(file: &RingFile) -> Vec<&'static str> {
    file.versions().iter().map(|v| v.state.name()).collect()
}

#[test]
fn the_life_of_a_key() {
    let f = fixture();
    let mut file = RingFile::read(&f.ring).unwrap();
    let first = *file.open().unwrap().derive::<32>(1, Purpose::Seal, &[]).unwrap().expose();
    assert_eq!(file.generate(2000).unwrap(), 2);
    assert_eq!(states(&file), ["active", "pending"]);
    assert_eq!(file.open().unwrap().active(), 1);
    assert_eq!(file.rotate(3000).unwrap(), 2);
    assert_eq!(states(&file), ["retired", "active"]);
    assert_eq!(file.rotate(4000).unwrap(), 3);
    // Read anew, it is the same; the old key still opens.
    let file2 = RingFile::read(&f.ring).unwrap();
    assert_eq!(file2.versions(), file.versions());
    assert_eq!(*file2.open().unwrap().derive::<32>(1, Purpose::Seal, &[]).unwrap().expose(), first);
    file.destroy(1, 5000).unwrap();
    let ring = RingFile::read(&f.ring).unwrap().open().unwrap();
    assert_eq!(ring.derive::<32>(1, Purpose::Seal, &[]).unwrap_err(), RingError::Destroyed(1));
    assert_eq!(ring.readable().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(file.generate(6000).unwrap(), 4);
    file.retire(4, 7000).unwrap();
    assert_eq!(states(&file), ["destroyed", "retired", "active", "retired"]);
    for (number, verb) in
        [(3, "destroy"), (1, "destroy"), (9, "destroy"), (3, "retire"), (2, "retire"), (9, "retire")]
    {
        let refused = if verb == "destroy" { file.destroy(number, 0) } else { file.retire(number, 0) };
        assert!(matches!(refused, Err(RingFileError::Refused(_))), "{verb} {number}");
    }
    assert_eq!(states(&file), ["destroyed", "retired", "active", "retired"]);
}

#[test]
fn two_that_change_it_at_a_time_lose_nothing() {
    let f = fixture();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| RingFile::read(&f.ring).unwrap().generate(0).unwrap());
        }
    });
    assert_eq!(RingFile::read(&f.ring).unwrap().versions().len(), 5);
}

#[test]
fn rewrapping_changes_no_key() {
    let f = fixture();
    let mut file = RingFile::read(&f.ring).unwrap();
    file.rotate(0).unwrap();
    let key =
        |file: &RingFile, v| *file.open().unwrap().derive::<32>(v, Purpose::Seal, &[]).unwrap().expose();
    let before = (key(&file, 1), key(&file, 2));
    let other: KekRef = format!("file:{}", f.dir.path().join("other").display()).parse().unwrap();
    let opened = other.create().unwrap();
    file.rewrap(other.clone(), &*opened).unwrap();
    fs::remove_file(f.dir.path().join("kek")).unwrap();
    let file = RingFile::read(&f.ring).unwrap();
    assert_eq!((key(&file, 1), key(&file, 2)), before);
    assert_eq!(file.kek(), &other);
    assert_ne!(file.kek(), &f.kek);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let f = fixture();
    let opened = f.kek.open().unwrap();
    let before = fs::read(&f.ring).unwrap();
    let refused = RingFile::create(&f.ring, f.kek.clone(), &*opened, 0).unwrap_err();
    assert!(refused.to_string().ends_with("is there already; a key ring is never overwritten"), "{refused}");
    assert_eq!(fs::read(&f.ring).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let f = fixture();
    RingFile::read(&f.ring).unwrap().rotate(0).unwrap();
    assert_eq!(fs::metadata(&f.ring).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(f.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().ends_with(".new")), "{left:?}");
}

/// Every change of what the file says is noticed: of a state, a time, a key, an order.
#[test]
fn altered_files_are_refused() {
    let f = fixture();
    let mut file = RingFile::read(&f.ring).unwrap();
    file.rotate(2000).unwrap();
    file.generate(3000).unwrap();
    let text = fs::read_to_string(&f.ring).unwrap();
    let swap = |a: &str, b: &str| text.replace(a, "\0").replace(b, a).replace('\0', b);
    for (what, altered) in [
        ("another is active", swap("\"active\"", "\"retired\"")),
        ("a pending one is retired", text.replace("\"pending\"", "\"retired\"")),
        ("a time", text.replace("2000", "2001")),
        ("the id", text.replace(file.id(), "0123456789abcdef")),
        ("the numbers", swap("\"version\": 1", "\"version\": 2")),
        ("the MAC", {
            let mac = hex(&file.mac);
            text.replace(&mac, &mac.chars().rev().collect::<String>())
        }),
        ("cut short", text[..text.len() / 2].to_owned()),
        ("no JSON", "219-10-9999".to_owned()),
        ("another JSON", "{\"ssn\":\"219-10-9999\"}".to_owned()),
        ("a later format", text.replace("\"scrubjay_key_ring\": 1", "\"scrubjay_key_ring\": 2")),
        ("empty", String::new()),
    ] {
        assert_ne!(altered, text, "{what}");
        fs::write(&f.ring, &altered).unwrap();
        let got = RingFile::read(&f.ring).and_then(|file| file.open());
        let error = got.expect_err(what).to_string();
        assert!(!error.contains("219-10-9999"), "{what}: {error}");
        assert!(error.contains(&f.ring.display().to_string()), "{what}: {error}");
    }
    fs::write(&f.ring, &text).unwrap();
    assert!(RingFile::read(&f.ring).unwrap().open().is_ok());
}

#[test]
fn another_key_encryption_key_is_told() {
    let f = fixture();
    fs::remove_file(f.dir.path().join("kek")).unwrap();
    let gone = RingFile::read(&f.ring).unwrap().open().unwrap_err().to_string();
    assert!(gone.contains("kek"), "{gone}");
    f.kek.create().unwrap();
    assert!(RingFile::read(&f.ring).unwrap().open().is_err());
}
