//! A microphone that outlives its device: unplugged, stalled, or closed on purpose, it is opened again.
//!
//! Read by the ear's thread like any other. Opening may take a second or two (a sound system can hang); meanwhile the
//! ear hears nothing, which it would not without a device either.

use std::time::{Duration, Instant};

use super::{Microphone, MicrophoneError};

/// A device that is not there is looked for this often: fast enough to be back within 3 s of its return.
const RETRY: Duration = Duration::from_millis(500);

/// Opens the microphone, each time anew.
pub type OpenMicrophone = Box<dyn FnMut() -> Result<Box<dyn Microphone>, MicrophoneError> + Send>;

/// See the module.
pub struct Lasting {
    open: OpenMicrophone,
    device: Option<Box<dyn Microphone>>,
    /// No earlier than this the device is looked for.
    next: Instant,
    /// That it is gone has been told, and is not told again.
    told: bool,
    /// Lost by devices that are gone.
    dropped: u64,
}

impl Lasting {
    /// Begins with `device`; its successors come from `open`.
    pub fn new(device: Box<dyn Microphone>, open: OpenMicrophone) -> Self {
        Self {
            open,
            device: Some(device),
            next: Instant::now(),
            told: false,
            dropped: 0,
        }
    }

    /// Begins without a device; `open` brings the first, not before `after` has passed.
    pub fn closed(open: OpenMicrophone, after: Duration) -> Self {
        Self {
            open,
            device: None,
            next: Instant::now() + after,
            told: false,
            dropped: 0,
        }
    }

    fn leave(&mut self) {
        self.dropped += self.device.take().map_or(0, |device| device.dropped());
    }
}

impl Microphone for Lasting {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        let Some(device) = &mut self.device else {
            let now = Instant::now();
            if now < self.next {
                std::thread::sleep(patience.min(self.next - now));
                return Ok(());
            }
            match (self.open)() {
                Ok(device) => self.device = Some(device),
                Err(error) => {
                    tracing::debug!("{error}");
                    self.next = Instant::now() + RETRY;
                    // One that went while it was closed.
                    if !std::mem::replace(&mut self.told, true) {
                        return Err(error);
                    }
                }
            }
            return Ok(());
        };
        let read = device.read(out, patience);
        if read.is_err() {
            self.leave();
            self.next = Instant::now() + RETRY;
            // A device that opens and brings nothing is no other than the one that was told to be gone.
            if std::mem::replace(&mut self.told, true) {
                return Ok(());
            }
        } else if !out.is_empty() {
            self.told = false;
        }
        read
    }

    fn dropped(&self) -> u64 {
        self.dropped + self.device.as_ref().map_or(0, |device| device.dropped())
    }

    fn keeps_time(&self) -> bool {
        self.device
            .as_ref()
            .is_some_and(|device| device.keeps_time())
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn close(&mut self) -> bool {
        self.leave();
        (self.next, self.told) = (Instant::now(), false);
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Gives one sample a read, so many times, and is gone.
    struct Brief(usize);

    impl Microphone for Brief {
        fn read(&mut self, out: &mut Vec<f32>, _: Duration) -> Result<(), MicrophoneError> {
            if self.0 == 0 {
                return Err(MicrophoneError::Lost("unplugged".into()));
            }
            self.0 -= 1;
            out.push(1.0);
            Ok(())
        }

        fn dropped(&self) -> u64 {
            7
        }
    }

    fn lasting(mut refusals: usize) -> Lasting {
        let open = move || {
            if refusals > 0 {
                refusals -= 1;
                return Err(MicrophoneError::Lost("still unplugged".into()));
            }
            Ok(Box::new(Brief(1)) as Box<dyn Microphone>)
        };
        Lasting::new(Box::new(Brief(1)), Box::new(open))
    }

    #[test]
    fn a_lost_device_is_told_once_and_found_again() {
        let mut microphone = lasting(1);
        let mut heard = Vec::new();
        let mut read = || microphone.read(&mut heard, Duration::from_millis(20));
        read().unwrap();
        assert!(matches!(read(), Err(MicrophoneError::Lost(_))));
        let began = Instant::now();
        while heard.len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(10), "never back");
            microphone
                .read(&mut heard, Duration::from_millis(20))
                .unwrap();
        }
        assert_eq!(microphone.dropped(), 14);
    }

    #[test]
    fn a_device_that_went_while_it_was_closed_is_told_once() {
        let mut microphone = lasting(2);
        let mut heard = Vec::new();
        microphone.close();
        let mut read = || microphone.read(&mut heard, Duration::from_millis(20));
        assert!(matches!(read(), Err(MicrophoneError::Lost(_))));
        let began = Instant::now();
        while heard.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "never back");
            microphone
                .read(&mut heard, Duration::from_millis(20))
                .unwrap();
        }
    }

    #[test]
    fn a_device_that_brings_nothing_is_told_to_be_gone_once() {
        let open = || Ok(Box::new(Brief(0)) as Box<dyn Microphone>);
        let mut microphone = Lasting::new(Box::new(Brief(0)), Box::new(open));
        let mut told = 0;
        for _ in 0..6 {
            microphone.next = Instant::now();
            told += usize::from(microphone.read(&mut Vec::new(), Duration::ZERO).is_err());
        }
        assert_eq!(told, 1);
    }

    #[test]
    fn a_closed_device_is_closed_and_opened_by_the_next_read() {
        let mut microphone = lasting(0);
        let mut heard = Vec::new();
        assert!(microphone.close());
        assert!(microphone.device.is_none());
        microphone.read(&mut heard, Duration::ZERO).unwrap();
        assert!(microphone.device.is_some() && heard.is_empty());
        microphone.read(&mut heard, Duration::ZERO).unwrap();
        assert_eq!(heard.len(), 1);
    }
}
