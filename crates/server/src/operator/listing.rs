//! How much of a list a reply may hold: the reply is one line, and one that is too long is refused at
//! the other end as a whole.

use serde::Serialize;

use crate::operator::protocol::REPLY_MAX;

/// Most bytes of the items of a list, in JSON: the rest of the reply is small beside them.
const LIST_ROOM: usize = REPLY_MAX / 4;

/// What is left for a list.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
}

impl Room {
    /// An empty list's.
    pub(crate) fn new() -> Self {
        Self { left: LIST_ROOM }
    }

    /// Whether an item has room, which it then takes. After one that has none the list is over: it
    /// would have a hole otherwise.
    pub(crate) fn takes(&mut self, item: &impl Serialize) -> bool {
        let size = serde_json::to_vec(item).map_or(usize::MAX, |json| json.len().saturating_add(1));
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}
