//! The AWS Query protocol, usable by itself: form parameters in, XML or JSON out.
//!
//! [`Form`] takes the query string and the form body of a request, whatever its method, and
//! refuses what two readers could read in two ways: duplicate names, names that differ only by
//! case, lists with gaps. [`Fields`] reads typed, constrained values from it and collects every
//! failed constraint in AWS's words. [`to_xml`] and [`error_xml`] write the replies, [`to_json`] and
//! [`error_json`] for those who ask for JSON; [`ec2_error_xml`] refuses what was meant for EC2.
//!
//! The protocol is that of the AWS service models (`"protocol": "query"`), as STS (2011-06-15) and
//! IAM (2010-05-08) speak it. Nothing here knows an operation, and nothing does any I/O.

mod fields;
mod form;
mod invalid;
mod json;
mod xml;

pub use fields::{Fields, TextRule};
pub use form::{Form, FormFault, MAX_DEPTH, MAX_LIST, MAX_NAME, MAX_PARAMETERS};
pub use invalid::{Invalid, MAX_ECHO, MAX_ECHOES, MAX_FAULTS};
pub use json::{error_json, to_json};
pub use xml::{ReplyError, ec2_error_xml, error_xml, to_xml};
