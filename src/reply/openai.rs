//! openai: to be written.
