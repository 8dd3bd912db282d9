//! What the disk takes to make an append durable, without any server.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use crate::figures::Spread;

/// What a group commit of 64 sessions writes: a record of AssumeRole has about a KiB.
const APPEND: usize = 64 << 10;

/// Appends and syncs so many times in `folder`; returns seconds for one.
pub(crate) fn sync_seconds(folder: &Path, times: usize) -> anyhow::Result<Spread> {
    let path = folder.join("appended");
    let context = || format!("cannot append to `{}`", path.display());
    let mut file = File::create(&path).with_context(context)?;
    let text = vec![b'x'; APPEND];
    let mut seconds = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        file.write_all(&text).and_then(|()| file.sync_data()).with_context(context)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    fs::remove_file(&path).with_context(context)?;
    Spread::of_rounds(seconds)
}
