//! Reading the configuration: file, environment and flags, and what to say when one of them is wrong.
