//! What becomes of full files: rotation, archives, what a crash leaves, retention.

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn files_are_set_aside_by_age() {
    let world = World::new();
    let trail = world.open();
    done(async {
        // An empty file does not age.
        trail.tick(now() + HOUR * 5).await.unwrap();
        trail.append(line("one")).await.unwrap();
        trail.tick(now() + HOUR * 5).await.unwrap();
        trail.append(line("two")).await.unwrap();
        trail.tick(now() + HOUR * 6 - SignedDuration::from_secs(1)).await.unwrap();
        assert_eq!(world.current(), ["one", "two"]);
        trail.tick(now() + HOUR * 6).await.unwrap();
        assert!(world.current().is_empty());
        trail.settle().await.unwrap();
    });
    assert_eq!(world.archived(), ["one", "two"]);
}

/// A file that an earlier run began counts from its first record.
#[test]
fn a_file_ages_while_the_server_is_down() {
    let world = World::new();
    done(world.open().append(line("one"))).unwrap();
    let check = |after: SignedDuration, left: usize| {
        let trail = world.try_open(now() + after).unwrap();
        done(trail.tick(now() + after)).unwrap();
        assert_eq!(world.current().len(), left);
    };
    check(SignedDuration::from_mins(59), 1);
    // A clock that was set back delays it by no more than that age.
    check(-HOUR * 24, 1);
    check(HOUR, 0);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_rotation() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        trail.tick(now()).await.unwrap();
        trail.tick(now() - HOUR * 24).await.unwrap();
        trail.tick(now() - HOUR * 23).await.unwrap();
        assert!(world.current().is_empty());
    });
}

#[test]
fn files_are_set_aside_by_size_without_a_tick() {
    let world = World::with(|settings| settings.rotate_bytes = 2000);
    let trail = world.open();
    world.faults.fail_archiving(true);
    done(async {
        for number in 0..20 {
            trail.append(line(&number.to_string())).await.unwrap();
        }
        // A file is set aside after the appends that filled it are answered.
        trail.flush().await.unwrap();
        assert!(trail.status().file_bytes < 2000);
    });
    let pending = world.pending();
    assert!(pending.len() >= 4, "{}", pending.len());
    let mut all: Vec<String> = pending.into_iter().flatten().collect();
    all.extend(world.current());
    let wanted: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(all, wanted);
}

/// The law of rotating: whoever appends meanwhile, every record is there once.
#[test]
fn rotating_under_load_loses_and_doubles_nothing() {
    let world = World::with(|settings| settings.rotate_bytes = 4000);
    let trail = Arc::new(world.open());
    done(async {
        let mut tasks = Vec::new();
        for task in 0..8 {
            let trail = Arc::clone(&trail);
            tasks.push(tokio::spawn(async move {
                for number in 0..50 {
                    let line = line(&format!("{task}-{number:02}"));
                    match number % 3 {
                        0 => trail.append_soon(line).await.unwrap(),
                        1 => trail.append(line).await.unwrap(),
                        _ => trail.append_issue(line, 1000 * i64::from(number)).await.unwrap(),
                    }
                }
            }));
        }
        for step in 0..40 {
            trail.tick(now() + HOUR * step).await.unwrap();
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let wanted: Vec<String> =
        (0..8).flat_map(|task| (0..50).map(move |number| format!("{task}-{number:02}"))).collect();
    drop(trail);
    assert_eq!(world.everywhere(), wanted);
    let trail = world.open();
    done(trail.settle()).unwrap();
    assert!(world.pending().is_empty());
    assert_eq!(world.everywhere(), wanted);
    assert!(trail.status().archives > 2);
}

/// What a run that was killed leaves is archived when the trail is opened, and only once.
#[test]
fn what_a_crash_left_is_archived() {
    let one = line("one").into_string() + "\n";
    let two = line("two").into_string() + "\n";
    let check = |files: &[(&str, &str)], archived: &[&str], current: &[&str], torn: u64| {
        let world = World::new();
        fs::create_dir(world.folder()).unwrap();
        fs::write(world.folder().join("issued"), "0\n").unwrap();
        for (name, text) in files {
            fs::write(world.folder().join(name), text).unwrap();
        }
        let trail = world.open();
        done(trail.settle()).unwrap();
        let mut found = world.archived();
        found.sort();
        assert_eq!(found, archived);
        assert_eq!(world.current(), current);
        assert!(world.pending().is_empty());
        assert_eq!(trail.status().torn_lines, torn);
        // Nothing is in the way of what comes next.
        done(async {
            trail.append(line("next")).await.unwrap();
            trail.tick(now() + HOUR * 2).await.unwrap();
            trail.settle().await.unwrap();
        });
        assert_eq!(world.archived().len(), archived.len() + current.len() + 1);
    };
    check(&[], &[], &[], 0);
    // Between the rename and the new file.
    check(&[("pending-7.jsonl", &one)], &["one"], &[], 0);
    // Between the new file and the archive, or before the archive was complete.
    check(&[("pending-7.jsonl", &one), ("trail.jsonl", &two)], &["one"], &["two"], 0);
    check(&[("pending-7.jsonl", &one), ("archive.tmp", "cut sh")], &["one"], &[], 0);
    check(&[("pending-7.jsonl", &one), ("pending-8.jsonl", &two)], &["one", "two"], &[], 0);
    check(&[("pending-7.jsonl", "")], &[], &[], 0);
    check(&[("pending-7.jsonl", "\n\n")], &[], &[], 0);
    // A whole record whose line break was cut off, and one that was cut short itself.
    check(&[("pending-7.jsonl", one.trim_end())], &["one"], &[], 0);
    let torn = two.get(..two.len() / 2).unwrap();
    check(&[("pending-7.jsonl", &format!("{one}{torn}"))], &["one"], &[], 1);
    check(&[("pending-7.jsonl", &format!("{torn}\n{one}"))], &["one"], &[], 1);
    check(&[("pending-7.jsonl", &format!("{torn}\n\0\0\0\n{one}"))], &["one"], &[], 2);
}

/// An archive that was made before the crash is made again under its own name.
#[test]
fn archiving_again_replaces_the_archive() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    let trail = world.open();
    world.faults.fail_archiving(true);
    done(trail.append(line("one"))).unwrap();
    drop(trail);
    let pending = crate::pending::list(world.folder()).unwrap().pop().unwrap().path;
    let text = fs::read(&pending).unwrap();
    world.faults.heal();
    done(world.open().settle()).unwrap();
    let first = world.archives();
    assert_eq!(world.archived(), ["one"]);
    // The crash came before the file was removed. Its times are not those of before.
    fs::write(&pending, text).unwrap();
    done(world.try_open(now() + HOUR * 100).unwrap().settle()).unwrap();
    assert_eq!(world.archives(), first);
    assert!(world.pending().is_empty());
}

/// A restart within the same moment, or with the clock set back, takes no name that is in use.
#[test]
fn runs_never_share_the_name_of_a_file() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    world.faults.fail_archiving(true);
    for run in 0..5 {
        let trail = world.try_open(now() - HOUR * run).unwrap();
        done(trail.append(line(&run.to_string()))).unwrap();
    }
    assert_eq!(world.pending().concat(), ["0", "1", "2", "3", "4"]);
    world.faults.heal();
    done(world.open().settle()).unwrap();
    let mut archived = world.archived();
    archived.sort();
    assert_eq!(archived, ["0", "1", "2", "3", "4"]);
}

/// When nothing is pending, a clock that stands still or was set back gives sequence numbers again:
/// no archive takes the place of another.
#[test]
fn archives_of_other_runs_are_never_replaced() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    for run in 0..5 {
        let trail = world.open();
        done(trail.append(line(&run.to_string()))).unwrap();
        done(trail.settle()).unwrap();
        assert!(world.pending().is_empty());
    }
    let mut archived = world.archived();
    archived.sort();
    assert_eq!(archived, ["0", "1", "2", "3", "4"]);
}

#[test]
fn old_archives_go_and_nothing_else_does() {
    let world = World::with(|settings| {
        settings.rotate_bytes = 1;
        settings.keep_for = Some(HOUR * 24);
    });
    let trail = world.open();
    done(async {
        trail.append(line("old")).await.unwrap();
        trail.settle().await.unwrap();
        let mut newer = record("new");
        newer.event_time = now() + HOUR * 20;
        trail.append(Line::new(&newer).unwrap()).await.unwrap();
        trail.tick(now() + HOUR * 24 - SignedDuration::from_mins(1)).await.unwrap();
        trail.settle().await.unwrap();
        assert_eq!(trail.status().archives, 2);
        trail.tick(now() + HOUR * 25).await.unwrap();
        trail.settle().await.unwrap();
        assert_eq!(world.archived(), ["new"]);
        let status = trail.status();
        assert_eq!(status.archives, 1);
        assert!(status.archive_bytes > 100);
        // The folder of the day went with its last archive.
        let day = world.folder().join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01");
        assert!(!day.exists());
        trail.tick(now() + HOUR * 1000).await.unwrap();
        trail.settle().await.unwrap();
        assert!(world.archives().is_empty());
        assert_eq!(fs::read_dir(world.folder().join(ARCHIVES)).unwrap().count(), 0);
        trail.append(line("last")).await.unwrap();
    });
}
