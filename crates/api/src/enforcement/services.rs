//! The registered services, for enforcement points that know them by name.

use std::sync::Arc;

use daypass_directory::Service;
use daypass_names::ServiceName;

use crate::convert::found;
use crate::{App, Fault};

impl App {
    /// The service that is registered under a name now, if one is.
    ///
    /// # Errors
    /// When the directory cannot answer.
    pub async fn registered_service(
        &self,
        name: &ServiceName,
    ) -> Result<Option<Arc<Service>>, Fault> {
        found(self.directory.service(name).await)
    }
}
