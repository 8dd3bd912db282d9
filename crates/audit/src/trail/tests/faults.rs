//! What the trail does when the disk fails.

use super::*;

fn failed(outcome: Result<(), TrailError>) -> bool {
    match outcome {
        Ok(()) => false,
        Err(TrailError::Write(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_write_that_fails_is_told_and_tried_again() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        world.faults.fail_writes(1);
        assert!(failed(trail.append(line("two")).await));
        assert!(trail.is_down());
        assert!(trail.status().failure.unwrap().contains("cannot be written"));
        trail.append(line("three")).await.unwrap();
        assert!(!trail.is_down());
        assert_eq!(trail.status().failure, None);
    });
    assert_eq!(world.everywhere(), ["one", "three"]);
    assert_eq!(world.current(), ["one", "three"]);
}

/// A disk that becomes full in the middle of a write: later lines stand on lines of their own.
#[test]
fn a_write_that_was_cut_short_harms_no_other_line() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        world.faults.cut_writes(2);
        let error = trail.append(line("two")).await.unwrap_err();
        let TrailError::Write(cause) = error else { panic!("{error}") };
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
        assert!(failed(trail.append(line("three")).await));
        trail.append(line("four")).await.unwrap();
    });
    let current = world.current();
    assert_eq!(current.first().unwrap(), "one");
    assert_eq!(current.last().unwrap(), "four");
    assert!(current[1..current.len() - 1].iter().all(|line| line.starts_with("torn: ")));
    done(async {
        trail.tick(now() + SignedDuration::from_hours(2)).await.unwrap();
        trail.settle().await.unwrap();
    });
    assert_eq!(world.archived(), ["one", "four"]);
    assert!(trail.status().torn_lines > 0);
}

#[test]
fn a_disk_that_is_down_fails_everything_until_it_works() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        trail.append_soon(line("two")).await.unwrap();
        world.faults.break_down();
        for _ in 0..3 {
            assert!(failed(trail.append(line("refused")).await));
            assert!(failed(trail.append_all(lines(&["refused", "refused"])).await));
            assert!(failed(trail.append_issue(line("refused"), 17).await));
            assert!(failed(trail.append_soon(line("refused")).await));
            assert!(failed(trail.flush().await));
            assert!(failed(trail.tick(now()).await));
            assert!(trail.is_down());
        }
        assert_eq!(trail.status().waiting_lines, 1);
        assert_eq!(trail.status().flushed_at, None);
        world.faults.heal();
        // The tick finds out by itself.
        trail.tick(now()).await.unwrap();
        assert!(!trail.is_down());
        assert_eq!(trail.status().waiting_lines, 0);
        trail.append_soon(line("three")).await.unwrap();
        trail.append_issue(line("four"), 17).await.unwrap();
    });
    assert_eq!(world.current().last().unwrap(), "four");
    let everywhere = world.everywhere();
    for id in ["one", "two", "three", "four"] {
        assert!(everywhere.iter().any(|kept| kept == id), "{id}");
    }
    assert!(!everywhere.iter().any(|kept| kept == "refused"));
}

/// A tick with nothing to write does not take a disk for working that refuses every write.
#[test]
fn a_full_disk_stays_down() {
    let world = World::new();
    let trail = world.open();
    done(async {
        world.faults.fail_writes(u64::MAX);
        assert!(failed(trail.append(line("one")).await));
        for _ in 0..5 {
            assert!(failed(trail.tick(now()).await));
            assert!(failed(trail.flush().await));
            assert!(trail.is_down());
        }
        world.faults.heal();
        trail.tick(now()).await.unwrap();
        assert!(!trail.is_down());
    });
    assert!(!world.folder().join("probe.tmp").exists());
}

/// After a failed fsync the kernel may have dropped what the file held: what nobody was refused is
/// written again, to another file.
#[test]
fn after_a_failed_fsync_the_file_is_left() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        trail.append_soon(line("two")).await.unwrap();
        trail.append_soon(line("three")).await.unwrap();
        world.faults.fail_syncs(1);
        assert!(failed(trail.append(line("four")).await));
        assert_eq!(trail.status().waiting_lines, 2);
        trail.append(line("five")).await.unwrap();
        assert_eq!(trail.status().waiting_lines, 0);
    });
    assert_eq!(world.current(), ["two", "three", "five"]);
    assert_eq!(world.pending(), [["one", "two", "three", "four"]]);
}

/// However long fsync fails, no attempt leaves one more file behind.
#[test]
fn failing_fsyncs_do_not_fill_the_folder() {
    let world = World::new();
    let trail = world.open();
    done(async {
        world.faults.fail_syncs(u64::MAX);
        for _ in 0..20 {
            assert!(failed(trail.append(line("refused")).await));
            assert!(failed(trail.tick(now()).await));
        }
        assert!(world.pending().is_empty());
        world.faults.heal();
        trail.append(line("one")).await.unwrap();
    });
    assert_eq!(world.current(), ["one"]);
    assert_eq!(world.pending().len(), 1);
}

/// Lines that nobody waits for are bounded in memory, and whoever waits for room for them is told
/// when the disk goes down.
#[test]
fn lines_that_cannot_be_kept_are_refused_not_heaped_up() {
    let world = World::new();
    let trail = Arc::new(world.open());
    let mut large = record("large");
    large.request_parameters = Some(serde_json::json!({"policy": "p".repeat(100_000)}).into());
    let large = Line::new(&large).unwrap();
    done(async {
        world.faults.break_down();
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let (trail, large) = (Arc::clone(&trail), large.clone());
                tokio::spawn(async move { trail.append_soon(large).await })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += usize::from(!failed(task.await.unwrap()));
        }
        assert!(trail.status().waiting_bytes <= u64::from(MAX_SOON));
        assert!(failed(trail.append_soon(large.clone()).await));
        world.faults.heal();
        trail.tick(now()).await.unwrap();
        assert_eq!(world.current().iter().filter(|id| *id == "large").count(), taken);
    });
}

#[test]
fn a_mark_that_cannot_be_raised_refuses_the_session() {
    for fault in [|faults: &Faults| faults.fail_writes(1), |faults: &Faults| faults.fail_syncs(1)] {
        let world = World::new();
        let trail = world.open();
        done(async {
            fault(&world.faults);
            assert!(failed(trail.append_issue(line("one"), 5000).await));
            assert!(trail.is_down());
            trail.append_issue(line("two"), 5000).await.unwrap();
        });
        drop(trail);
        assert_eq!(world.current(), ["two"]);
        assert_eq!(world.open().newest_issue_ms(), Some(6000));
    }
    let world = World::new();
    let trail = world.open();
    done(async {
        world.faults.fail_renames(1);
        assert!(failed(trail.append_issue(line("one"), 5000).await));
        trail.append_issue(line("two"), 4000).await.unwrap();
    });
    drop(trail);
    assert_eq!(world.open().newest_issue_ms(), Some(5000));
}

/// A file that cannot be set aside is written on, and the status says what is wrong.
#[test]
fn a_rotation_that_fails_stops_no_append() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    let trail = world.open();
    done(async {
        world.faults.fail_renames(2);
        trail.append(line("one")).await.unwrap();
        trail.append(line("two")).await.unwrap();
        assert!(matches!(trail.tick(now()).await, Err(TrailError::Rotate(_))));
        assert!(!trail.is_down());
        assert!(trail.status().upkeep_failure.unwrap().contains("cannot be rotated"));
        assert_eq!(world.current(), ["one", "two"]);
        trail.tick(now()).await.unwrap();
        assert_eq!(trail.status().upkeep_failure, None);
        trail.settle().await.unwrap();
    });
    assert!(world.current().is_empty());
    assert_eq!(world.archived(), ["one", "two"]);
}

/// Nothing that appends waits for archiving, or fails with it.
#[test]
fn archiving_that_fails_is_told_and_tried_again() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    let trail = world.open();
    done(async {
        world.faults.fail_archiving(true);
        for id in ["one", "two"] {
            trail.append(line(id)).await.unwrap();
            trail.tick(now()).await.unwrap();
        }
        assert!(matches!(trail.settle().await, Err(TrailError::Upkeep(_))));
        let status = trail.status();
        assert!(status.upkeep_failure.unwrap().contains("cannot be archived"));
        assert_eq!((status.failure, status.pending_files), (None, 2));
        assert_eq!(world.pending(), [["one"], ["two"]]);
        world.faults.fail_archiving(false);
        trail.settle().await.unwrap();
        assert_eq!(trail.status().upkeep_failure, None);
        assert_eq!((trail.status().pending_files, trail.status().archives), (0, 2));
    });
    assert!(world.pending().is_empty());
    let mut archived = world.archived();
    archived.sort();
    assert_eq!(archived, ["one", "two"]);
}

/// `true` for an append that was acknowledged.
async fn acknowledged(trail: &Trail, number: u32) -> bool {
    let id = format!("{number:04}");
    match number % 5 {
        0 => trail.append_issue(line(&id), i64::from(number) * 1000).await.is_ok(),
        1 => trail.append_all(lines(&[&id, &format!("{id}b")])).await.is_ok(),
        2 => trail.append_soon(line(&id)).await.is_ok() && trail.flush().await.is_ok(),
        _ => trail.append(line(&id)).await.is_ok(),
    }
}

/// The law that all of this is for: whatever fails in between, and although a power failure at the
/// end takes all that was not made durable, what was acknowledged is there.
#[test]
fn what_was_acknowledged_survives_a_power_failure() {
    let check = |seed: u32| {
        let world = World::with(|settings| settings.rotate_bytes = 5000);
        let mut kept = Vec::new();
        let mut newest = 0;
        let trail = world.open();
        done(async {
            for number in 0..150_u32 {
                match (number.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) >> 7 & 31 {
                    0 => world.faults.fail_writes(1),
                    1 | 2 => world.faults.fail_syncs(1),
                    3 => world.faults.fail_syncs(2),
                    4 => world.faults.fail_renames(1),
                    5 => world.faults.cut_writes(1),
                    6 => world.faults.break_down(),
                    7 => drop(trail.tick(now()).await),
                    _ => world.faults.heal(),
                }
                if acknowledged(&trail, number).await {
                    kept.push(format!("{number:04}"));
                    if number % 5 == 0 {
                        newest = i64::from(number) * 1000;
                    }
                }
            }
        });
        world.faults.break_down();
        drop(trail);
        world.faults.lose_unsynced(world.folder()).unwrap();
        world.faults.heal();
        let trail = world.open();
        assert!(trail.newest_issue_ms().unwrap_or_default() >= newest);
        done(async {
            trail.append(line("last")).await.unwrap();
            trail.tick(now() + SignedDuration::from_hours(2)).await.unwrap();
            trail.settle().await.unwrap();
        });
        assert!(kept.len() > 50, "{}", kept.len());
        let archived = world.archived();
        for id in kept.iter().map(String::as_str).chain(["last"]) {
            assert!(archived.iter().any(|found| found == id), "{id} is lost, seed {seed}");
        }
    };
    for seed in 0..4 {
        check(seed);
    }
}

/// The medium itself does lose what was not made durable: the law above is worth something.
#[test]
fn the_medium_loses_what_it_may() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append(line("one")).await.unwrap();
        trail.append_soon(line("two")).await.unwrap();
        trail.append_soon(line("three")).await.unwrap();
    });
    world.faults.break_down();
    drop(trail);
    assert!(world.current().len() > 1 || world.current() == ["one"]);
    world.faults.lose_unsynced(world.folder()).unwrap();
    assert_eq!(world.current(), ["one"]);
}

/// A folder that cannot be used is refused when it is opened.
#[test]
fn opening_on_a_broken_disk_fails() {
    let world = World::new();
    world.faults.break_down();
    assert!(matches!(world.try_open(now()), Err(TrailError::Open(..))));
    world.faults.heal();
    world.faults.fail_syncs(1);
    assert!(matches!(world.try_open(now()), Err(TrailError::Open(..))));
    world.faults.heal();
    done(world.open().append(line("one"))).unwrap();
    assert_eq!(world.current(), ["one"]);
}

/// The real thing: what cannot be written is told.
#[cfg(target_os = "linux")]
#[test]
fn a_device_that_is_full_fails_every_append() {
    let world = World::with(|settings| settings.durability = Durability::Buffered);
    fs::create_dir(world.folder()).unwrap();
    fs::write(world.folder().join("issued"), "0\n").unwrap();
    std::os::unix::fs::symlink("/dev/full", world.folder().join(CURRENT)).unwrap();
    let trail = world.open();
    for id in ["one", "two"] {
        let error = done(trail.append(line(id))).unwrap_err();
        let TrailError::Write(cause) = error else { panic!("{error}") };
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
    }
}

/// A disk whose driver brings down whoever writes.
#[derive(Debug, Default)]
struct Deadly(std::sync::atomic::AtomicBool);

impl Medium for Deadly {
    fn write_all(&self, to: &mut crate::medium::OpenFile, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.0.load(Ordering::Relaxed), "as told");
        io::Write::write_all(&mut to.file, bytes)
    }
}

#[test]
fn a_writer_that_has_died_is_a_trail_that_is_down() {
    let world = World::new();
    let deadly = Arc::new(Deadly::default());
    let settings = TrailSettings::new(world.home.path().join("other"));
    let trail = Trail::open_with(settings, now(), deadly.clone()).unwrap();
    done(async {
        trail.append(line("one")).await.unwrap();
        assert!(!trail.is_down());
        deadly.0.store(true, Ordering::Relaxed);
        trail.append(line("two")).await.unwrap_err();
        // Its thread is about to end.
        for _ in 0..2 {
            assert!(matches!(trail.append(line("three")).await, Err(TrailError::Closed)));
            assert!(matches!(trail.append_soon(line("four")).await, Err(TrailError::Closed)));
            trail.tick(now()).await.unwrap_err();
        }
        assert!(trail.is_down());
        assert!(trail.status().failure.is_some());
    });
}
