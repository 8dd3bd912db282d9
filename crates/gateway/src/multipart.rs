//! A form with a file as browsers send it: `multipart/form-data`, read while it streams.
//!
//! RFC 7578 and RFC 2046 section 5.1; S3 user guide, "Browser-based uploads using POST": the fields
//! come first, the file last. One spelling only is taken: no preamble, no transfer encodings, lines
//! end in CR LF, nothing behind the file but the closing delimiter and a line end. Thus the length
//! of the file follows from that of the body.

use bytes::{Buf, Bytes, BytesMut};

use crate::form::Form;
use crate::{S3Code, S3Fault};

/// Most bytes in front of the file. S3 user guide: 20 KB of fields.
const FIELDS_MAX: usize = 20 * 1024;

/// Most fields.
const FIELD_COUNT_MAX: usize = 100;

/// Most characters of a boundary. RFC 2046 section 5.1.1.
const BOUNDARY_MAX: usize = 70;

/// The name of the field that is the file.
const FILE: &str = "file";

/// Reads a form. It takes the body piece by piece, does no I/O, and keeps no more than what stands
/// in front of the file and a delimiter's length of the file.
#[derive(Debug)]
pub struct FormReader {
    /// What stands in front of a part but the first: a line end, two hyphens and the boundary.
    delimiter: Vec<u8>,
    state: State,
    held: BytesMut,
    /// How many bytes of these were looked at for what ends a head or a value, in vain.
    scanned: usize,
    /// The head of the part whose value is coming, and where that begins.
    head: Option<(PartHead, usize)>,
    /// How many bytes stand in front of the file.
    before_file: u64,
    fields: Vec<(String, String)>,
    form: Option<Form>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The first delimiter.
    Begin,
    /// Behind a delimiter: the head and the value of a part.
    Part,
    /// The file.
    File,
    /// Behind the file's end.
    End,
    /// After an error.
    Failed,
}

/// The head of a part.
#[derive(Debug)]
struct PartHead {
    name: String,
    file_name: Option<String>,
}

impl FormReader {
    /// A reader of a body of that `Content-Type`.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` for another type, and for a boundary that is missing or none.
    pub fn new(content_type: &str) -> Result<Self, S3Fault> {
        let boundary = boundary(content_type)
            .ok_or_else(|| malformed("the content type is not multipart/form-data"))?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            state: State::Begin,
            held: BytesMut::new(),
            scanned: 0,
            head: None,
            before_file: 0,
            fields: Vec::new(),
            form: None,
        })
    }

    /// Takes a piece of the body; what is of the file is appended to `out`. Before
    /// [`FormReader::form`] tells the fields there is nothing of the file.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`, `MaxPostPreDataLengthExceededError`. After an error every further
    /// call fails.
    pub fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), S3Fault> {
        let result = self.take(data, out);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    /// The fields, once all of them are there and the file begins.
    pub fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The length of the file in a body of that length; known once the fields are. A body that ends
    /// otherwise than it must then has a file of another length, and fails.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` for a body that is too short to have an end.
    pub fn file_length(&self, body_length: u64) -> Result<u64, S3Fault> {
        // The delimiter, two hyphens and a line end.
        let behind = u64::try_from(self.delimiter.len()).unwrap_or(u64::MAX).saturating_add(4);
        let around = self.before_file.saturating_add(behind);
        body_length.checked_sub(around).ok_or_else(|| malformed("the form is cut short"))
    }

    /// The body is over.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` when it is not whole; `IncorrectNumberOfFilesInPostRequest` when it
    /// has no file.
    pub fn finish(self) -> Result<(), S3Fault> {
        match self.state {
            State::End if &self.held[..] == b"--\r\n" => Ok(()),
            State::End if &self.held[..] == b"--" || self.held.starts_with(b"--\r") => {
                Err(malformed("the closing delimiter has no line end"))
            }
            State::Part if &self.held[..] == b"--\r\n" => {
                Err(S3Fault::new(S3Code::IncorrectNumberOfFilesInPostRequest)
                    .because("the form has no file"))
            }
            _ => Err(malformed("the form is cut short")),
        }
    }

    fn take(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), S3Fault> {
        if self.state == State::File {
            return self.file(data, out);
        }
        self.held.extend_from_slice(&data);
        loop {
            let goes_on = match self.state {
                State::Begin => self.begin()?,
                State::Part => self.part()?,
                State::File => {
                    let rest = self.held.split().freeze();
                    return self.file(rest, out);
                }
                State::End => return self.end(),
                State::Failed => return Err(malformed("the form has failed before")),
            };
            if !goes_on {
                let length = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
                self.check_length(self.before_file.saturating_add(length))?;
                return Ok(());
            }
        }
    }

    fn check_length(&self, length: u64) -> Result<(), S3Fault> {
        if length > FIELDS_MAX as u64 {
            return Err(S3Fault::new(S3Code::MaxPostPreDataLengthExceededError)
                .because("the fields of a form are too long"));
        }
        Ok(())
    }

    /// The first delimiter, without a line end before it.
    fn begin(&mut self) -> Result<bool, S3Fault> {
        let first = self.delimiter.get(2..).unwrap_or_default();
        if self.held.len() < first.len() {
            return match first.starts_with(&self.held) {
                true => Ok(false),
                false => Err(malformed("the form does not begin with its boundary")),
            };
        }
        if !self.held.starts_with(first) {
            return Err(malformed("the form does not begin with its boundary"));
        }
        let length = first.len();
        self.consume(length);
        self.state = State::Part;
        Ok(true)
    }

    /// A part, as far as it is here: its head and, unless it is the file, its value.
    fn part(&mut self) -> Result<bool, S3Fault> {
        if self.held.starts_with(b"--") {
            // The form ends without a file: `finish` says so.
            return match self.held.len() <= 4 && b"--\r\n".starts_with(&self.held) {
                true => Ok(false),
                false => Err(malformed("something follows the end of the form")),
            };
        }
        if self.held.len() < 2 && [&b""[..], b"-", b"\r"].contains(&&self.held[..]) {
            return Ok(false);
        }
        if !self.held.starts_with(b"\r\n") {
            return Err(malformed("a delimiter goes on behind its boundary"));
        }
        let Some((head, value_at)) = self.head()? else { return Ok(false) };
        if head.name == FILE {
            self.consume(value_at);
            self.check_length(self.before_file)?;
            let fields = std::mem::take(&mut self.fields);
            self.form = Some(Form::new(fields, head.file_name));
            self.state = State::File;
            return Ok(true);
        }
        // What was looked at before is not looked at again.
        let from = self.scanned.saturating_sub(self.delimiter.len()).max(value_at);
        let rest = self.held.get(from..).unwrap_or_default();
        let Some(at) = find(rest, &self.delimiter) else {
            self.scanned = self.held.len();
            self.head = Some((head, value_at));
            return Ok(false);
        };
        let length = from + at - value_at;
        let rest = self.held.get(value_at..).unwrap_or_default();
        if head.file_name.is_some() {
            return Err(S3Fault::new(S3Code::IncorrectNumberOfFilesInPostRequest)
                .because("a field that is not named file is one"));
        }
        if self.fields.len() == FIELD_COUNT_MAX {
            return Err(malformed("the form has too many fields"));
        }
        if self.fields.iter().any(|(name, _)| *name == head.name) {
            return Err(malformed("the form has a field twice"));
        }
        let value = rest.get(..length).unwrap_or_default();
        let value = std::str::from_utf8(value).map_err(|_| malformed("a field is not UTF-8"))?;
        self.fields.push((head.name, value.to_owned()));
        let length = value_at + length + self.delimiter.len();
        self.consume(length);
        Ok(true)
    }

    /// The head of the part that begins, and where its value does, once all of it is here.
    fn head(&mut self) -> Result<Option<(PartHead, usize)>, S3Fault> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        const END: &[u8] = b"\r\n\r\n";
        let from = self.scanned.saturating_sub(END.len());
        let Some(at) = find(self.held.get(from..).unwrap_or_default(), END) else {
            self.scanned = self.held.len();
            return Ok(None);
        };
        // Without a header there are only two line ends, which are one blank line too few.
        let lines = self.held.get(2..from + at);
        let head = part_head(lines.ok_or_else(|| malformed("a part has no headers"))?)?;
        let value_at = from + at + END.len();
        self.scanned = value_at;
        Ok(Some((head, value_at)))
    }

    /// The file: all of it but what could be the beginning of the delimiter.
    fn file(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), S3Fault> {
        let mut data = if self.held.is_empty() {
            data
        } else {
            self.held.extend_from_slice(&data);
            self.held.split().freeze()
        };
        if let Some(at) = find(&data, &self.delimiter) {
            let file = data.split_to(at);
            if !file.is_empty() {
                out.push(file);
            }
            data.advance(self.delimiter.len());
            self.held.extend_from_slice(&data);
            self.state = State::End;
            return self.end();
        }
        let keep = overlap(&data, &self.delimiter);
        let kept = data.split_off(data.len() - keep);
        if !data.is_empty() {
            out.push(data);
        }
        self.held.extend_from_slice(&kept);
        Ok(())
    }

    fn end(&self) -> Result<(), S3Fault> {
        match self.held.len() <= 4 && b"--\r\n".starts_with(&self.held) {
            true => Ok(()),
            false => Err(malformed("something follows the file of the form")),
        }
    }

    fn consume(&mut self, length: usize) {
        self.held.advance(length);
        (self.scanned, self.head) = (0, None);
        self.before_file =
            self.before_file.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<&str> {
    let (media, parameters) = content_type.split_once(';')?;
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("boundary") {
            continue;
        }
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        if found.replace(value).is_some() {
            return None;
        }
    }
    // `bcharsnospace` of RFC 2046, which is all that clients use.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    found.filter(|text| (1..=BOUNDARY_MAX).contains(&text.len()) && text.bytes().all(fits))
}

/// The headers of a part.
fn part_head(lines: &[u8]) -> Result<PartHead, S3Fault> {
    let text =
        std::str::from_utf8(lines).map_err(|_| malformed("the head of a part is not UTF-8"))?;
    let mut disposition = None;
    for line in text.split("\r\n") {
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed("a header of a part has no colon"))?;
        if line.contains(['\r', '\n', '\0']) {
            return Err(malformed("a header of a part has a line end in it"));
        }
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if disposition.replace(value).is_some() => {
                return Err(malformed("a header of a part is repeated"));
            }
            // Nothing else changes what a field is, but an encoding would.
            "content-transfer-encoding"
                if !["7bit", "8bit", "binary"].contains(&value.to_ascii_lowercase().as_str()) =>
            {
                return Err(malformed("a part has a transfer encoding"));
            }
            _ => {}
        }
    }
    let disposition = disposition.ok_or_else(|| malformed("a part has no disposition"))?;
    let (name, file_name) = disposition_of(disposition)
        .ok_or_else(|| malformed("the disposition of a part cannot be read"))?;
    Ok(PartHead { name: name.to_lowercase(), file_name })
}

/// The name of a field and that of its file. A name is quoted as HTML has it: what would end it is
/// percent-encoded, and a backslash is one.
fn disposition_of(value: &str) -> Option<(String, Option<String>)> {
    let rest = value.get(.."form-data".len())?;
    if !rest.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let mut rest = value.get("form-data".len()..)?.trim_start();
    let (mut name, mut file_name) = (None, None);
    while !rest.is_empty() {
        rest = rest.strip_prefix(';')?.trim_start();
        let (key, behind) = rest.split_once('=')?;
        let (text, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => behind.split_at(behind.find([';', ' ']).unwrap_or(behind.len())),
        };
        let key = key.trim();
        let place = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut file_name,
            // The same name in other letters: two readers would take different ones.
            "name*" => return None,
            "filename*" => {
                rest = behind.trim_start();
                continue;
            }
            _ => return None,
        };
        if place.replace(text.to_owned()).is_some() {
            return None;
        }
        rest = behind.trim_start();
    }
    let name = name.filter(|name| !name.is_empty() && !name.contains('\\'))?;
    Some((name, file_name))
}

/// Where `wanted` begins in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// How many bytes at the end of `bytes` are a beginning of `wanted`.
fn overlap(bytes: &[u8], wanted: &[u8]) -> usize {
    let most = bytes.len().min(wanted.len().saturating_sub(1));
    let is_beginning = |length: &usize| {
        bytes.get(bytes.len() - length..).is_some_and(|end| wanted.starts_with(end))
    };
    (1..=most).rev().find(is_beginning).unwrap_or(0)
}

fn malformed(cause: &'static str) -> S3Fault {
    S3Fault::new(S3Code::MalformedPOSTRequest).because(cause)
}

#[cfg(test)]
mod tests;
