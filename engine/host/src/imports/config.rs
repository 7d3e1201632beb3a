//! `wasaga:saga/config`, and `wasi:config/store` with the same values.

use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

use crate::bindings::wasaga::saga::config::Host;
use crate::store::CallState;

impl Host for CallState {
    fn get(&mut self, name: String) -> Option<String> {
        let placeholder = self.granted.placeholder(&name).map(str::to_owned);
        placeholder.or_else(|| self.policy.config.get(&name).cloned())
    }
}

impl CallState {
    /// The values as `wasi:config` wants them, made when a component first asks.
    pub(super) fn wasi_config(&mut self) -> WasiConfig<'_> {
        let (policy, granted) = (&self.policy, &self.granted);
        WasiConfig::new(self.wasi_config.get_or_insert_with(|| {
            let values = policy.config.iter();
            let values = values.map(|(name, value)| (name.as_str(), value.as_str()));
            values
                .chain(granted.placeholders())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<WasiConfigVariables>()
        }))
    }
}
