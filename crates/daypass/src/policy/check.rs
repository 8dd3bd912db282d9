//! stub
use super::arguments::Check;
use super::outcome::Outcome;
use std::io::{self, Write};
pub(crate) fn check(_: &Check, _: &mut impl Write) -> io::Result<Outcome> {
    Ok(Outcome::Good)
}
