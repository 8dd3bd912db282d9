//! Finds in the line of a record what decides where it is filed, without reading the whole line
//! as JSON: most of what the archiver does beside compressing.
//!
//! The scanner knows records as this crate writes them: one object without white space. Whatever
//! is unusual in a line, or wrong, it does not judge: `None` means that somebody else must read it.

/// The members that decide where a record is filed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Scanned<'a> {
    pub(crate) event_time: Option<&'a str>,
    pub(crate) aws_region: Option<&'a str>,
    pub(crate) recipient_account_id: Option<&'a str>,
    /// `accountId` of the `userIdentity`.
    pub(crate) caller_account_id: Option<&'a str>,
}

/// The deepest nesting of objects and lists in a line; few records have more than five.
const MAX_DEPTH: u8 = 16;

/// Most digits of a number.
const MAX_DIGITS: usize = 18;

/// The members of a line that is a valid JSON object and holds each of them at most once, as a
/// text without escapes. `None` when that is not so, or not plain to see.
pub(crate) fn scan(line: &str) -> Option<Scanned<'_>> {
    let mut found = Scanned::default();
    let mut has_identity = false;
    let mut cursor = Cursor { line, at: 0 };
    cursor.eat(b'{')?;
    loop {
        let name = cursor.name()?;
        match name {
            "eventTime" => cursor.text_into(&mut found.event_time)?,
            "awsRegion" => cursor.text_into(&mut found.aws_region)?,
            "recipientAccountId" => cursor.text_into(&mut found.recipient_account_id)?,
            "userIdentity" if has_identity => return None,
            "userIdentity" => {
                has_identity = true;
                cursor.identity_into(&mut found.caller_account_id)?;
            }
            _ => cursor.skip(MAX_DEPTH)?,
        }
        match cursor.next()? {
            b',' => {}
            b'}' if cursor.at == line.len() => return Some(found),
            _ => return None,
        }
    }
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Goes behind the next byte that means something within a text, and tells which it is.
    fn mark(&mut self) -> Option<u8> {
        let rest = self.line.as_bytes().get(self.at..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        self.at += length;
        self.next()
    }

    /// A text without escapes.
    fn plain(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        let end = self.mark()?;
        (end == b'"').then(|| self.line.get(start..self.at.saturating_sub(1))).flatten()
    }

    /// The name of a member, up to its value.
    fn name(&mut self) -> Option<&'a str> {
        let name = self.plain()?;
        self.eat(b':')?;
        Some(name)
    }

    /// A text that must not have come before.
    fn text_into(&mut self, place: &mut Option<&'a str>) -> Option<()> {
        place.replace(self.plain()?).is_none().then_some(())
    }

    fn identity_into(&mut self, account: &mut Option<&'a str>) -> Option<()> {
        self.eat(b'{')?;
        loop {
            match self.name()? {
                "accountId" => self.text_into(account)?,
                _ => self.skip(MAX_DEPTH)?,
            }
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Goes behind a value of which at most so many levels are nested.
    fn skip(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.skip_text(),
            b'{' => self.skip_many(b'}', depth.checked_sub(1)?),
            b'[' => self.skip_many(b']', depth.checked_sub(1)?),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.skip_number(),
        }
    }

    fn skip_many(&mut self, end: u8, depth: u8) -> Option<()> {
        self.next()?;
        if self.peek()? == end {
            return self.eat(end);
        }
        loop {
            if end == b'}' {
                self.skip_text()?;
                self.eat(b':')?;
            }
            self.skip(depth)?;
            match self.next()? {
                b',' => {}
                byte => return (byte == end).then_some(()),
            }
        }
    }

    fn skip_text(&mut self) -> Option<()> {
        self.eat(b'"')?;
        loop {
            match self.mark()? {
                b'"' => return Some(()),
                b'\\' if b"\"\\/bfnrt".contains(&self.next()?) => {}
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.bytes().try_for_each(|byte| self.eat(byte))
    }

    /// A whole number; what stands behind it is looked at by whoever asked.
    fn skip_number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.next()?;
        }
        let rest = self.line.as_bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        let zero = rest.first() == Some(&b'0') && digits > 1;
        ((1..=MAX_DIGITS).contains(&digits) && !zero).then_some(())
    }
}
